import { generatedTask } from "../generated-task.js";

export const forWhile = generatedTask({
  name: "for_while",
  description: "`in` after `for x`, a colon after `while x`",
  draw(sketch) {
    const { one, many } = sketch.freshNoun(sketch.words.numberNouns);
    const uses = [
      { name: many, value: sketch.literals() },
      { name: one, value: sketch.literal() },
    ];
    sketch.begin({ most: 2, uses });
    sketch.deepen();
    const body = `\n${sketch.indent}    print(${one})\n`;
    const prompt = (keyword: string) => `${sketch.text}${sketch.indent}${keyword} ${one}`;
    return { prompts: [prompt("for"), prompt("while")], answers: [` in ${many}:${body}`, `:${body}`] };
  },
});
