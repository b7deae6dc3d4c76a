import { generatedTask } from "../generated-task.js";

export const classInit = generatedTask({
  name: "class_init",
  description: "copy the name in `self.x = x`",
  draw(sketch) {
    const { random, words } = sketch;
    sketch.choose<() => void>({
      standard: [() => {}, () => sketch.statements(sketch.integer(1, 2))],
      unseen: [() => void sketch.begin({ places: ["function"], most: 2 })],
    })();
    sketch.indent = "";
    if (sketch.text) sketch.write("");
    const pool = [...words.textAttributes, ...words.numberAttributes];
    const names = Array.from({ length: sketch.integer(2, 4) }, () => sketch.fresh(pool));
    sketch.choose({
      standard: [() => sketch.enter(`class ${random.choice(words.classNames)}:`)],
      unseen: [
        () => sketch.enter(`class ${random.choice(words.classNames)}(Base):`),
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
