import { generatedTask } from "../generated-task.js";

export const bracketBrace = generatedTask({
  name: "bracket_brace",
  description: "a colon after the first key of a dict, a comma after the first element of a list",
  draw(sketch) {
    const place = sketch.begin();
    const { random, words } = sketch;
    const start = sketch.choose({
      standard: [`${random.choice(words.accumulators)} = `, `${random.choice(words.recordNouns).many} = `],
      unseen: [
        place === "method" ? `self.${random.choice(words.numberAttributes)} = ` : "print(",
        place === "script" ? `${sketch.functionName()}(` : "return ",
      ],
    });
    const close = start.endsWith("(") ? ")\n" : "\n";
    const quote = random.choice(["'", '"', ""]);
    const pool = quote ? [...words.textAttributes, ...words.stringWords] : words.shortNames;
    const [first, second] = [sketch.fresh(pool), sketch.fresh(pool)];
    const prompt = (open: string) => `${sketch.text}${sketch.indent}${start}${open}${quote}${first}`;
    return {
      prompts: [prompt("{"), prompt("[")],
      answers: [
        `${quote}: ${sketch.integer(0, 20)}}${close}`,
        `${quote}, ${quote}${second}${quote}]${close}`,
      ],
    };
  },
});
