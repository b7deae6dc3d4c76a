import { generatedTask } from "../generated-task.js";

export const bracketCounting = generatedTask({
  name: "bracket_counting",
  description: "close a flat list with `]`, a nested one with `]]`",
  draw(sketch) {
    const place = sketch.begin();
    const { random, words } = sketch;
    const names = random.chance(0.3);
    const elements = Array.from({ length: sketch.integer(2, 6) }, () =>
      names ? sketch.fresh(words.shortNames) : String(sketch.integer(0, 20)),
    );
    const { many } = sketch.freshNoun(words.numberNouns);
    const attribute = sketch.fresh(words.numberAttributes);
    const start = sketch.choose({
      standard: [`${many} = `, `${sketch.fresh(words.accumulators)} = `],
      unseen: [
        place === "method" ? `self.${attribute} = ` : `${many} += `,
        place === "script" ? `${many} = ${many} + ` : "return ",
      ],
    });
    const prompt = (bracket: string) =>
      `${sketch.text}${sketch.indent}${start}${bracket}${elements.join(", ")}`;
    return { prompts: [prompt("["), prompt("[[")], answers: ["]\n", "]]\n"] };
  },
});
