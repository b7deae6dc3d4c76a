import { generatedTask } from "../generated-task.js";

/**
 * The prompt ends before the call's closing parenthesis: where the line ends behind it, tokenizers join it with the
 * newline, so that a prompt with a parenthesis of its own would have given the answer away.
 */
export const withAs = generatedTask({
  name: "with_as",
  description: "`as` after `with open(…)`, a new line after `f = open(…)`",
  draw(sketch) {
    sketch.begin();
    const { random, words } = sketch;
    const handle = random.choice(words.handles);
    const path = `${random.choice([...words.readFiles, ...words.writeFiles])}.${random.choice(words.fileExtensions)}`;
    const [name, close] = sketch.choose({
      standard: [
        [`"${path}`, '")'],
        [`'${path}`, "')"],
        [random.choice(words.textNouns).one, ")"],
      ],
      unseen: [
        [`"${path}", "w`, '")'],
        [`'${path}', 'r`, "')"],
        [`self.${random.choice(words.textAttributes)}`, ")"],
      ],
    });
    const { indent, text } = sketch;
    const prompt = (start: string) => `${text}${indent}${start}open(${name}`;
    return {
      prompts: [prompt("with "), prompt(`${handle} = `)],
      answers: [`${close} as ${handle}:\n${indent}    print(${handle})\n`, `${close}\n`],
    };
  },
});
