import { generatedTask } from "../generated-task.js";

export const bracketCounting = generatedTask({
  name: "bracket_counting",
  description: "close a flat list with `]`, a nested one with `]]`",
  draw(sketch) {
    const place = sketch.place();
    const { random, words } = sketch;
    const { many } = sketch.freshNoun(words.numberNouns);
    const attribute = sketch.fresh(words.numberAttributes);
    const start = sketch.choose({
      standard: [`${many} = `, `${sketch.fresh(words.accumulators)} = `],
      unseen: [
        place === "method" ? `self.${attribute} = ` : `${many} += `,
        place === "script" ? `${many} = ${many} + ` : "return ",
      ],
    });
    const isChanged = start.endsWith("+= ") || start.endsWith("+ ");
    const named = random.chance(0.3)
      ? Array.from({ length: sketch.integer(2, 3) }, () => sketch.freshNumber())
      : [];
    const elements =
      named.length > 0
        ? named.map(({ name }) => name)
        : Array.from({ length: sketch.integer(2, 5) }, () => sketch.literal());
    sketch.begin({
      place,
      uses: [...(isChanged ? [{ name: many, value: sketch.literals() }] : []), ...named],
    });
    const prompt = (bracket: string) =>
      `${sketch.text}${sketch.indent}${start}${bracket}${elements.join(", ")}`;
    return { prompts: [prompt("["), prompt("[[")], answers: ["]\n", "]]\n"] };
  },
});
