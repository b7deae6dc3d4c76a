import { generatedTask } from "../generated-task.js";
import type { Sketch } from "../sketch.js";
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
  sketch.begin({ most: 1 });
  const { one, many } = sketch.freshNoun(sketch.words.textNouns);
  const before = sketch.text;
  sketch.text = "";
  const definition = `${sketch.indent}${name} = `;
  sketch.statements(sketch.integer(1, 3));
  sketch.choose<() => void>({
    standard: [
      () => sketch.enter(`for ${one} in ${many}:`),
      () => {
        sketch.enter(`for ${one} in ${many}:`);
        sketch.enter(`if ${one}:`);
      },
      () => sketch.statements(1),
    ],
    unseen: [
      () => {
        sketch.enter(`for ${one} in ${many}:`);
        sketch.enter(`if ${one} == ${many}[0]:`);
      },
      () => sketch.enter(`while ${sketch.condition()}:`),
      () => {
        sketch.enter(`for ${one} in ${many}:`);
        sketch.write(`print(${one})`);
      },
    ],
  })();
  const prompt = (value: string) => `${before}${definition}${value}\n${sketch.text}${sketch.indent}${name}`;
  return { prompts: [prompt("set()"), prompt('""')], answers: [`.add(${one})\n`, ` += ${one}\n`] };
}
