import { generatedTask } from "../generated-task.js";
import type { Variable } from "../sketch.js";

/**
 * The prompt ends before the call's closing parenthesis: where the line ends behind it, tokenizers join it with the
 * newline, so that a prompt with a parenthesis of its own would have given the answer away.
 */
export const withAs = generatedTask({
  name: "with_as",
  description: "`as` after `with open(…)`, a new line after `f = open(…)`",
  draw(sketch) {
    const place = sketch.place();
    const { random, words, quote } = sketch;
    const handle = sketch.fresh(words.handles);
    const [read, write] = [sketch.fresh(words.readFiles), sketch.fresh(words.writeFiles)];
    const extension = random.choice(words.fileExtensions);
    const variable = `${read}_${random.choice(words.pathSuffixes)}`;
    const file = sketch.string(`${read}.${extension}`);
    const path: Variable = {
      name: sketch.choose({
        standard: [variable],
        unseen: [place === "method" ? `self.${variable}` : variable],
      }),
      value: file,
    };
    const [name, close] = sketch.choose({
      standard: [
        [file.slice(0, -1), `${quote})`],
        [path.name, ")"],
      ],
      unseen: [
        [`${quote}${write}.${extension}${quote}, ${quote}w`, `${quote})`],
        [`${file}, ${quote}r`, `${quote})`],
        [path.name, ")"],
      ],
    });
    sketch.begin({ place, uses: name === path.name ? [path] : [] });
    const { indent, text } = sketch;
    const prompt = (start: string) => `${text}${indent}${start}open(${name}`;
    return {
      prompts: [prompt("with "), prompt(`${handle} = `)],
      answers: [`${close} as ${handle}:\n${indent}    print(${handle})\n`, `${close}\n`],
    };
  },
});
