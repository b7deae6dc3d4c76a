import { generatedTask } from "../generated-task.js";

export const enumerateRange = generatedTask({
  name: "enumerate_range",
  description: "`enumerate` after two loop variables, `range` after one",
  draw(sketch) {
    sketch.begin();
    const { random, words } = sketch;
    const { one, many } = sketch.list();
    const index = sketch.fresh(words.indexNames);
    const [start, body] = sketch.choose({
      standard: [["for", `:\n${sketch.indent}    print(${index})\n`]],
      unseen: [
        [`${random.choice(words.accumulators)} = [${index} for`, "]\n"],
        [`${random.choice(words.accumulators)} = {${index}: ${index} for`, "}\n"],
      ],
    });
    const prompt = (variables: string) => `${sketch.text}${sketch.indent}${start} ${variables} in`;
    return {
      prompts: [prompt(`${index}, ${one}`), prompt(index)],
      answers: [` enumerate(${many})${body}`, ` range(${sketch.number()})${body}`],
    };
  },
});
