import { generatedTask } from "../generated-task.js";

export const varSwap = generatedTask({
  name: "var_swap",
  description: "finish `x, y = y, x`",
  draw(sketch) {
    sketch.begin({ most: 2 });
    const { random, words } = sketch;
    const [one, other] = random.shuffle([...random.choice(words.namePairs)]);
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
