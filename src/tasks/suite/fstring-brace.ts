import { generatedTask } from "../generated-task.js";

export const fstringBrace = generatedTask({
  name: "fstring_brace",
  description: "a variable in braces in an f-string, the end of the string in any other",
  draw(sketch) {
    const place = sketch.begin();
    const { random, words } = sketch;
    const variable = sketch.numbers.length > 0 ? random.choice(sketch.numbers) : sketch.defineNumber();
    const [start, close] = sketch.choose({
      standard: [
        ["print(", ")"],
        [`${random.choice(words.accumulators)} = `, ""],
      ],
      unseen: [
        [`${random.choice(words.accumulators)}.append(`, ")"],
        place === "script" ? ["raise ValueError(", ")"] : ["return ", ""],
      ],
    });
    // The word before the question is one that names a value: others hardly ever stand before a variable, and give the
    // end of the string away.
    const label = sketch.fresh([...words.numberAttributes, ...words.textAttributes]);
    const content = random.chance(0.5) ? label : `${sketch.fresh(words.stringWords)} ${label}`;
    const quote = random.choice(["'", '"']);
    const prompt = (prefix: string) => `${sketch.text}${sketch.indent}${start}${prefix}${quote}${content}`;
    return {
      prompts: [prompt("f"), prompt("")],
      answers: [` {${variable}}${quote}${close}\n`, `${quote}${close}\n`],
    };
  },
});
