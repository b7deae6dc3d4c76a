import { generatedTask } from "../generated-task.js";

export const varSwap = generatedTask({
  name: "var_swap",
  description: "finish `x, y = y, x`",
  draw(sketch) {
    const { random, words } = sketch;
    const [one, other] = random
      .shuffle([...random.choice(words.namePairs)])
      .map((name) => sketch.fresh([name]));
    const uses = [one, other].map((name) => ({ name, value: sketch.literal() }));
    sketch.begin({ uses, most: 2 });
    sketch.choose<() => void>({
      standard: [
        () => {},
        () => sketch.write(`${one} = ${sketch.number()}`, `${other} = ${sketch.number()}`),
        () => sketch.enter(`if ${one} > ${other}:`),
      ],
      unseen: [
        () => sketch.enter(`while ${one} < ${other}:`),
        () => sketch.write(`${one}, ${other} = ${sketch.number()}, ${sketch.number()}`),
      ],
    })();
    const prompt = (a: string, b: string) => `${sketch.text}${sketch.indent}${a}, ${b} = ${b},`;
    return { prompts: [prompt(one, other), prompt(other, one)], answers: [` ${one}\n`, ` ${other}\n`] };
  },
});
