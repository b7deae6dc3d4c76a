import { generatedTask } from "../generated-task.js";

export const withOpen = generatedTask({
  name: "with_open",
  description: "the mode, `r` or `w`, from the name of the file",
  draw(sketch) {
    sketch.begin();
    const { random, words } = sketch;
    const [read, write] = [random.choice(words.readFiles), random.choice(words.writeFiles)];
    const extension = random.choice(words.fileExtensions);
    // Of the names that a variable has, some would speak for a mode themselves: `report`.
    const speaking = new Set([...words.readFiles, ...words.writeFiles]);
    const handle = sketch.fresh(words.handles);
    const { quote } = sketch;
    const [start, end] = sketch.choose({
      standard: [["with open(", `) as ${handle}:\n${sketch.indent}    print(${handle})\n`]],
      unseen: [
        [`${handle} = open(`, ")\n"],
        [`${sketch.fresh(words.accumulators.filter((name) => !speaking.has(name)))} = open(`, ")\n"],
      ],
    });
    const prompt = (stem: string) =>
      `${sketch.text}${sketch.indent}${start}${quote}${stem}.${extension}${quote}, ${quote}`;
    return {
      prompts: [prompt(read), prompt(write)],
      answers: [`r${quote}${end}`, `w${quote}${end}`],
    };
  },
});
