import { generatedTask } from "../generated-task.js";

export const ifEquals = generatedTask({
  name: "if_equals",
  description: "`==` in a condition, `=` in an assignment",
  draw(sketch) {
    const place = sketch.place();
    const { words } = sketch;
    const number = { name: sketch.fresh(words.counters), value: sketch.literal() };
    const variable = sketch.choose({
      standard: [number, { ...number, name: sketch.freshNoun(words.numberNouns).one }],
      unseen: [
        place === "method" ? { ...number, name: `self.${sketch.fresh(words.numberAttributes)}` } : number,
        {
          name: sketch.freshNoun(words.textNouns).one,
          value: sketch.string(sketch.fresh(words.stringWords)),
        },
      ],
    });
    const { name, value } = variable;
    sketch.begin({ place, uses: [variable], most: 2 });
    sketch.deepen();
    // A name has its space before it only within a block.
    if (sketch.indent === "") sketch.enter(`if ${sketch.condition()}:`);
    const { indent } = sketch;
    const prompt = (start: string) => `${sketch.text}${indent}${start}${name}`;
    return {
      prompts: [prompt("if "), prompt("")],
      answers: [` == ${value}:\n${indent}    print(${name})\n`, ` = ${value}\n`],
    };
  },
});
