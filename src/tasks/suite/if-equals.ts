import { generatedTask } from "../generated-task.js";

export const ifEquals = generatedTask({
  name: "if_equals",
  description: "`==` in a condition, `=` in an assignment",
  draw(sketch) {
    const place = sketch.begin({ most: 2 });
    sketch.deepen();
    // A name has its space before it only within a block.
    if (sketch.indent === "") sketch.enter(`if ${sketch.condition()}:`);
    const { random, words, indent } = sketch;
    const name = sketch.choose({
      standard: [random.choice(words.counters), random.choice(words.numberNouns).one],
      unseen: [
        place === "method" ? `self.${random.choice(words.numberAttributes)}` : random.choice(words.counters),
        random.choice(words.textNouns).one,
      ],
    });
    const value = sketch.integer(0, 20);
    const prompt = (start: string) => `${sketch.text}${indent}${start}${name}`;
    return {
      prompts: [prompt("if "), prompt("")],
      answers: [` == ${value}:\n${indent}    print(${name})\n`, ` = ${value}\n`],
    };
  },
});
