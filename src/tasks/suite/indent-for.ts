import { generatedTask } from "../generated-task.js";

export const indentFor = generatedTask({
  name: "indent_for",
  description: "indent by one step more than the `for` line",
  draw(sketch) {
    sketch.begin({ places: ["script", "function"], most: 2 });
    const { random } = sketch;
    const { one, many } = sketch.list();
    const outer = sketch.indent;
    sketch.choose({
      standard: [
        () => sketch.enter(`if ${sketch.condition()}:`),
        () => {
          const noun = sketch.freshNoun(sketch.words.recordNouns);
          sketch.enter(`for ${noun.one} in ${noun.many}:`);
        },
      ],
      unseen: [
        () => sketch.enter(`while ${sketch.condition()}:`),
        () => sketch.enter(`if not ${random.choice(sketch.words.flags)}:`),
      ],
    })();
    sketch.statements(sketch.integer(1, 2));
    const prompt = (indent: string) => `${sketch.text}${indent}for ${one} in ${many}:\n`;
    const answer = (indent: string) => `${indent}    print(${one})\n`;
    return {
      prompts: [prompt(outer), prompt(sketch.indent)],
      answers: [answer(outer), answer(sketch.indent)],
    };
  },
});
