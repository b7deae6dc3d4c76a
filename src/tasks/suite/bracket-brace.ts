import { generatedTask } from "../generated-task.js";
import type { Variable } from "../sketch.js";

export const bracketBrace = generatedTask({
  name: "bracket_brace",
  description: "a colon after the first key of a dict, a comma after the first element of a list",
  draw(sketch) {
    const place = sketch.place();
    const { random, words } = sketch;
    const collected = sketch.freshAccumulator();
    const accumulator = sketch.fresh(words.accumulators);
    const { one, many } = sketch.freshNoun(words.recordNouns);
    // How the line starts, and the variable that it needs for that.
    const [start, target] = sketch.choose<readonly [string, Variable?]>({
      standard: [[`${accumulator} = `], [`${many} = `]],
      unseen: [
        [`${collected.name}[${sketch.string(many)}] = `, { ...collected, value: "{}" }],
        place === "method"
          ? [`${one}.${sketch.fresh(words.numberAttributes)} = `, { name: one, value: "None" }]
          : [`${collected.name}.insert(0, `, collected],
      ],
    });
    const close = start.includes("(") ? ")\n" : "\n";
    const quote = random.choice([sketch.quote, sketch.quote, ""]);
    const keys = [...words.textAttributes, ...words.stringWords];
    const numbers = [sketch.freshNumber(), sketch.freshNumber()];
    const [first, second] = quote
      ? [sketch.fresh(keys), sketch.fresh(keys)]
      : numbers.map(({ name }) => name);
    sketch.begin({ place, uses: [...(target ? [target] : []), ...(quote ? [] : numbers)] });
    const prompt = (open: string) => `${sketch.text}${sketch.indent}${start}${open}${quote}${first}`;
    return {
      prompts: [prompt("{"), prompt("[")],
      answers: [`${quote}: ${sketch.literal()}}${close}`, `${quote}, ${quote}${second}${quote}]${close}`],
    };
  },
});
