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
    // Names that would speak for a mode themselves: `outfile`, `report`.
    const speaking = new Set([...words.readFiles, ...words.writeFiles, "infile", "outfile"]);
    const neutral = (pool: readonly string[]) => random.choice(pool.filter((name) => !speaking.has(name)));
    const handle = neutral(words.handles);
    const quote = random.choice(["'", '"']);
    const [start, end] = sketch.choose({
      standard: [["with open(", `) as ${handle}:\n${sketch.indent}    print(${handle})\n`]],
      unseen: [
        [`${handle} = open(`, ")\n"],
        [`${neutral(words.accumulators)} = open(`, ")\n"],
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
