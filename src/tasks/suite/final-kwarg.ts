import { generatedTask } from "../generated-task.js";

/** In the corpus all parameters behind the first are optional, or none: after two, there is no doubt. */
export const finalKwarg = generatedTask({
  name: "final_kwarg",
  description: "`=None` after the last parameter if the one before it has a default, else `):`",
  draw(sketch) {
    const { random, words } = sketch;
    const isMethod = sketch.choose({ standard: [false], unseen: [false, true] });
    sketch.before();
    if (isMethod) {
      sketch.enter(`class ${random.choice(words.classNames)}:`);
      const attribute = sketch.fresh(words.numberAttributes);
      sketch.enter(`def __init__(self, ${attribute}):`);
      sketch.write(`self.${attribute} = ${attribute}`, "");
      sketch.leave();
    }
    const pool = [...words.accumulators, ...words.counters];
    const earlier = Array.from({ length: sketch.integer(2, 3) }, () => sketch.fresh(pool));
    const last = sketch.fresh(pool);
    const required = random.integer(2);
    const prompt = (parameters: string[]) =>
      `${sketch.text}${sketch.indent}def ${name}(${[...(isMethod ? ["self"] : []), ...parameters, last].join(", ")}`;
    const name = sketch.functionName();
    const body = `):\n${sketch.indent}    return ${last}\n`;
    return {
      prompts: [
        prompt(earlier.map((parameter, i) => (i < required ? parameter : `${parameter}=None`))),
        prompt(earlier),
      ],
      answers: [`=None${body}`, body],
    };
  },
});
