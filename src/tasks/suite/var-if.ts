import { generatedTask } from "../generated-task.js";

export const varIf = generatedTask({
  name: "var_if",
  description: "a colon after `if x == True`, a new line after `x = True`",
  draw(sketch) {
    const place = sketch.place();
    const { words } = sketch;
    const [pool, value, receiver] = sketch.choose<readonly [readonly string[], string, string]>({
      standard: [
        [words.flags, "True", ""],
        [words.accumulators, "True", ""],
        [words.flags, "False", ""],
      ],
      unseen: [
        [words.recordNouns.map(({ one }) => one), "True", ""],
        place === "method" ? [words.flags, "True", "self."] : [words.counters, "True", ""],
      ],
    });
    const flag = sketch.freshFlag(pool);
    const name = receiver + flag.name;
    sketch.begin({ place, uses: [{ ...flag, name }] });
    const { indent } = sketch;
    const prompt = (start: string, operator: string) =>
      `${sketch.text}${indent}${start}${name} ${operator} ${value}`;
    return {
      prompts: [prompt("if ", "=="), prompt("", "=")],
      answers: [`:\n${indent}    print(${name})\n`, `\n${indent}print(${name})\n`],
    };
  },
});
