import { generatedTask } from "../generated-task.js";

export const indentFor = generatedTask({
  name: "indent_for",
  description: "indent by one step more than the `for` line",
  draw(sketch) {
    const things = sketch.freshNoun(sketch.words.recordNouns);
    const flag = sketch.freshFlag();
    // What the block around the inner loop needs.
    const use = sketch.choose({
      standard: [undefined, { name: things.many, value: sketch.strings() }],
      unseen: [undefined, flag],
    });
    sketch.begin({ place: sketch.place(["script", "function"]), uses: use ? [use] : [], most: 2 });
    const { one, many } = sketch.list();
    const outer = sketch.indent;
    if (use === flag) sketch.enter(`if not ${flag.name}:`);
    else if (use) sketch.enter(`for ${things.one} in ${things.many}:`);
    else sketch.enter(`${sketch.choose({ standard: ["if"], unseen: ["while"] })} ${sketch.condition()}:`);
    sketch.statements(sketch.integer(1, 2));
    const prompt = (indent: string) => `${sketch.text}${indent}for ${one} in ${many}:\n`;
    const answer = (indent: string) => `${indent}    print(${one})\n`;
    return {
      prompts: [prompt(outer), prompt(sketch.indent)],
      answers: [answer(outer), answer(sketch.indent)],
    };
  },
});
