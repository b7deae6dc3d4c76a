import { generatedTask } from "../generated-task.js";

/** The prompts differ in nothing but whether a new line begins before the `if`. */
export const ifTernary = generatedTask({
  name: "if_ternary",
  description: "`else` after the condition of a ternary `if`, a colon after that of a statement",
  draw(sketch) {
    const place = sketch.place();
    const { random, words } = sketch;
    const flag = random.chance(0.5) ? sketch.freshFlag() : undefined;
    const counter = sketch.freshNumber();
    const target = sketch.choose({
      standard: [`${sketch.fresh(words.accumulators)} =`],
      unseen: [
        `${counter.name} +=`,
        `${place === "method" ? "self." : ""}${sketch.fresh(words.numberAttributes)} =`,
      ],
    });
    sketch.begin({ place, uses: [...(flag ? [flag] : []), ...(target.endsWith("+=") ? [counter] : [])] });
    const { indent } = sketch;
    const condition = flag?.name ?? sketch.condition();
    const [value, otherwise] = [sketch.number(), sketch.literal()];
    const prompt = (gap: string) => `${sketch.text}${indent}${target} ${value}${gap}if ${condition}`;
    return {
      prompts: [prompt(" "), prompt(`\n${indent}`)],
      answers: [` else ${otherwise}\n`, `:\n${indent}    ${target} ${otherwise}\n`],
    };
  },
});
