import { generatedTask } from "../generated-task.js";

export const varIf = generatedTask({
  name: "var_if",
  description: "a colon after `if x == True`, a new line after `x = True`",
  draw(sketch) {
    const place = sketch.begin();
    const { random, words, indent } = sketch;
    const [name, value] = sketch.choose({
      standard: [
        [random.choice(words.flags), "True"],
        [random.choice(words.accumulators), "True"],
        [random.choice(words.flags), "False"],
      ],
      unseen: [
        [random.choice(words.recordNouns).one, "True"],
        [place === "method" ? `self.${random.choice(words.flags)}` : random.choice(words.counters), "True"],
      ],
    });
    const prompt = (start: string, operator: string) =>
      `${sketch.text}${indent}${start}${name} ${operator} ${value}`;
    return {
      prompts: [prompt("if ", "=="), prompt("", "=")],
      answers: [`:\n${indent}    print(${name})\n`, `\n${indent}print(${name})\n`],
    };
  },
});
