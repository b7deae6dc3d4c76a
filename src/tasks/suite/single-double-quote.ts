import { generatedTask } from "../generated-task.js";

export const singleDoubleQuote = generatedTask({
  name: "single_double_quote",
  description: "close a string with the quote that opened it: `')` or `\")`",
  draw(sketch) {
    sketch.begin();
    const { random, words } = sketch;
    const call = sketch.choose({
      standard: [
        () => "print(",
        () => `${random.choice(words.accumulators)}.append(`,
        () => `${random.choice(words.accumulators)} = ${sketch.functionName()}(`,
      ],
      unseen: [() => "raise ValueError(", () => `print(${sketch.number()}, `],
    })();
    const content = Array.from({ length: sketch.integer(1, 3) }, () => sketch.fresh(words.stringWords));
    const prompt = (quote: string) => `${sketch.text}${sketch.indent}${call}${quote}${content.join(" ")}`;
    return { prompts: [prompt("'"), prompt('"')], answers: ["')\n", '")\n'] };
  },
});
