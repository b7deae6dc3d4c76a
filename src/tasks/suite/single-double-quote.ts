import { generatedTask } from "../generated-task.js";
import type { Variable } from "../sketch.js";

export const singleDoubleQuote = generatedTask({
  name: "single_double_quote",
  description: "close a string with the quote that opened it: `')` or `\")`",
  draw(sketch) {
    const { words } = sketch;
    const list = sketch.freshAccumulator();
    const set: Variable = { ...sketch.freshAccumulator(), value: "set()" };
    const form = sketch.choose({
      standard: ["print(", `${list.name}.append(`, `${set.name}.add(`],
      unseen: [`${list.name} = input(`, `${list.name}.insert(0, `],
    });
    sketch.begin({ uses: [list, set].filter(({ name }) => form.startsWith(`${name}.`)) });
    const content = Array.from({ length: sketch.integer(1, 3) }, () => sketch.fresh(words.stringWords));
    const prompt = (quote: string) => `${sketch.text}${sketch.indent}${form}${quote}${content.join(" ")}`;
    return { prompts: [prompt("'"), prompt('"')], answers: ["')\n", '")\n'] };
  },
});
