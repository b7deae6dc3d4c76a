import { generatedTask } from "../generated-task.js";

export const withOpen = generatedTask({
  name: "with_open",
  description: "the mode, `r` or `w`, from the name of the file",
  draw(sketch) {
    sketch.begin();
    const { random, words } = sketch;
    const only = (pool: readonly string[], other: readonly string[]) =>
      random.choice(pool.filter((stem) => !other.includes(stem)));
    const read = only(words.readFiles, words.writeFiles);
    const write = only(words.writeFiles, words.readFiles);
    const extension = random.choice(words.fileExtensions);
    const handle = random.choice(words.handles);
    const quote = random.choice(["'", '"']);
    const [start, end] = sketch.choose({
      standard: [["with open(", `) as ${handle}:\n${sketch.indent}    print(${handle})\n`]],
      unseen: [
        [`${handle} = open(`, ")\n"],
        [`${random.choice(words.accumulators)} = open(`, ")\n"],
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
