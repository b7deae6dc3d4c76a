import { generatedTask } from "../generated-task.js";

export const finalKwarg = generatedTask({
  name: "final_kwarg",
  description: "`=None` after the last parameter if the one before it has a default, else `):`",
  draw(sketch) {
    const { random, words } = sketch;
    sketch.choose<() => void>({
      standard: [
        () => sketch.statements(sketch.integer(0, 3)),
        () => void sketch.begin({ places: ["script"] }),
      ],
      unseen: [
        () => sketch.enter(`class ${random.choice(words.classNames)}:`),
        () => void sketch.begin({ places: ["function"] }),
      ],
    })();
    if (sketch.text && sketch.indent === "") sketch.write("");
    const method = sketch.text.startsWith("class ");
    const pool = [...words.accumulators, ...words.counters];
    const earlier = Array.from({ length: sketch.integer(1, 3) }, () => sketch.fresh(pool));
    const last = sketch.fresh(pool);
    const required = random.integer(earlier.length);
    const prompt = (parameters: string[]) =>
      `${sketch.text}${sketch.indent}def ${name}(${[...(method ? ["self"] : []), ...parameters, last].join(", ")}`;
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
