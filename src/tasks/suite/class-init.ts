import { generatedTask } from "../generated-task.js";

export const classInit = generatedTask({
  name: "class_init",
  description: "copy the name in `self.x = x`",
  draw(sketch) {
    const { random, words } = sketch;
    sketch.before();
    const pool = [...words.textAttributes, ...words.numberAttributes];
    const names = Array.from({ length: sketch.integer(2, 4) }, () => sketch.fresh(pool));
    sketch.choose({
      standard: [() => sketch.enter(`class ${random.choice(words.classNames)}:`)],
      unseen: [
        () => {
          const base = sketch.fresh(words.classNames);
          sketch.write(`class ${base}:`, "    pass", "", "");
          sketch.enter(`class ${sketch.fresh(words.classNames)}(${base}):`);
        },
        () => {
          sketch.enter(`class ${random.choice(words.classNames)}:`);
          sketch.write(`"""${random.choice(words.notices)}."""`, "");
        },
      ],
    })();
    sketch.enter(`def __init__(self, ${names.join(", ")}):`);
    // Those before are stored already.
    const stored = random.integer(names.length - 1);
    for (const name of names.slice(0, stored)) sketch.write(`self.${name} = ${name}`);
    const [one, other] = random.shuffle(names.slice(stored));
    const prompt = (name: string) => `${sketch.text}${sketch.indent}self.${name} =`;
    return { prompts: [prompt(one), prompt(other)], answers: [` ${one}\n`, ` ${other}\n`] };
  },
});
