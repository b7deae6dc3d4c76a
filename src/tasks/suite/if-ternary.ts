import { generatedTask } from "../generated-task.js";

/** The prompts differ in nothing but whether a new line begins before the `if`. */
export const ifTernary = generatedTask({
  name: "if_ternary",
  description: "`else` after the condition of a ternary `if`, a colon after that of a statement",
  draw(sketch) {
    const place = sketch.begin();
    const { random, words, indent } = sketch;
    const condition = random.chance(0.5) ? sketch.fresh(words.flags) : sketch.condition();
    const target = sketch.choose({
      standard: [`${random.choice(words.accumulators)} =`],
      unseen: [
        `${random.choice(words.counters)} +=`,
        `${place === "method" ? "self." : ""}${random.choice(words.numberAttributes)} =`,
      ],
    });
    const [value, otherwise] = [sketch.number(), String(sketch.integer(0, 20))];
    const prompt = (gap: string) => `${sketch.text}${indent}${target} ${value}${gap}if ${condition}`;
    return {
      prompts: [prompt(" "), prompt(`\n${indent}`)],
      answers: [` else ${otherwise}\n`, `:\n${indent}    ${target} ${otherwise}\n`],
    };
  },
});
