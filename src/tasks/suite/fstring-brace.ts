import { generatedTask } from "../generated-task.js";

export const fstringBrace = generatedTask({
  name: "fstring_brace",
  description: "a variable in braces in an f-string, the end of the string in any other",
  draw(sketch) {
    const { random, words } = sketch;
    const place = sketch.place();
    const list = sketch.freshAccumulator();
    const [start, close] = sketch.choose({
      standard: [
        ["print(", ")"],
        [`${sketch.fresh(words.accumulators)} = `, ""],
      ],
      unseen: [
        [`${list.name}.append(`, ")"],
        place === "script" ? ["raise ValueError(", ")"] : ["return ", ""],
      ],
    });
    sketch.begin({ place, uses: start.startsWith(list.name) ? [list] : [] });
    const variable = sketch.numbers.length > 0 ? random.choice(sketch.numbers) : sketch.defineNumber();
    // The word before the question is one that names a value: others hardly ever stand before a variable, and give the
    // end of the string away.
    const label = sketch.fresh([...words.numberAttributes, ...words.textAttributes]);
    const content = random.chance(0.5) ? label : `${sketch.fresh(words.stringWords)} ${label}`;
    const { quote } = sketch;
    const prompt = (prefix: string) => `${sketch.text}${sketch.indent}${start}${prefix}${quote}${content}`;
    return {
      prompts: [prompt("f"), prompt("")],
      answers: [` {${variable}}${quote}${close}\n`, `${quote}${close}\n`],
    };
  },
});
