import { generatedTask } from "../generated-task.js";

export const bracketBrace = generatedTask({
  name: "bracket_brace",
  description: "a colon after the first key of a dict, a comma after the first element of a list",
  draw(sketch) {
    const place = sketch.place();
    const { random, words } = sketch;
    const collected = sketch.freshAccumulator();
    const start = sketch.choose({
      standard: [`${sketch.fresh(words.accumulators)} = `, `${sketch.freshNoun(words.recordNouns).many} = `],
      unseen: [
        place === "method" ? `self.${sketch.fresh(words.numberAttributes)} = ` : "print(",
        place === "script" ? `${collected.name}.append(` : "return ",
      ],
    });
    const close = start.endsWith("(") ? ")\n" : "\n";
    const quote = random.choice([sketch.quote, sketch.quote, ""]);
    const keys = [...words.textAttributes, ...words.stringWords];
    const numbers = [sketch.freshNumber(), sketch.freshNumber()];
    const [first, second] = quote
      ? [sketch.fresh(keys), sketch.fresh(keys)]
      : numbers.map(({ name }) => name);
    sketch.begin({
      place,
      uses: [...(start.startsWith(collected.name) ? [collected] : []), ...(quote ? [] : numbers)],
    });
    const prompt = (open: string) => `${sketch.text}${sketch.indent}${start}${open}${quote}${first}`;
    return {
      prompts: [prompt("{"), prompt("[")],
      answers: [`${quote}: ${sketch.literal()}}${close}`, `${quote}, ${quote}${second}${quote}]${close}`],
    };
  },
});
