import { generatedTask } from "../generated-task.js";
import type { Sketch, Variable } from "../sketch.js";
import type { Pair } from "../task.js";

export const setOrString = generatedTask({
  name: "set_or_string",
  description: 'many lines after `x = set()` or `x = ""`, continue `x` with `.add` or `+=`',
  draw: (sketch) => draw(sketch, sketch.fresh(sketch.words.accumulators)),
});

/** The name is the same in all prompts, in those of unseen templates too. */
export const setOrStringFixedVarname = generatedTask({
  name: "set_or_string_fixedvarname",
  description: "the same, with one variable name throughout",
  draw: (sketch) => draw(sketch, sketch.fresh(["data"])),
});

/** @param name Drawn before all others, so that nothing else in the program has it. */
function draw(sketch: Sketch, name: string): Pair {
  const { one, many } = sketch.freshNoun(sketch.words.textNouns);
  const list = { name: many, value: sketch.strings() };
  const text = { name: one, value: sketch.string(sketch.fresh(sketch.words.stringWords)) };
  const [use, enter] = sketch.choose<readonly [Variable, () => void]>({
    standard: [
      [list, () => sketch.enter(`for ${one} in ${many}:`)],
      [
        list,
        () => {
          sketch.enter(`for ${one} in ${many}:`);
          sketch.enter(`if ${one}:`);
        },
      ],
      [text, () => sketch.statements(1)],
    ],
    unseen: [
      [
        list,
        () => {
          sketch.enter(`for ${one} in ${many}:`);
          sketch.enter(`if ${one} == ${many}[0]:`);
        },
      ],
      [text, () => sketch.enter(`while ${sketch.condition()}:`)],
      [
        list,
        () => {
          sketch.enter(`for ${one} in ${many}:`);
          sketch.write(`print(${one})`);
        },
      ],
    ],
  });
  sketch.begin({ uses: [use], most: 1 });
  const before = sketch.text;
  sketch.text = "";
  const definition = `${sketch.indent}${name} = `;
  sketch.statements(sketch.integer(1, 3));
  enter();
  const prompt = (value: string) => `${before}${definition}${value}\n${sketch.text}${sketch.indent}${name}`;
  return {
    prompts: [prompt("set()"), prompt(sketch.string(""))],
    answers: [`.add(${one})\n`, ` += ${one}\n`],
  };
}
