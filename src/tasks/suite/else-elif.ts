import { generatedTask } from "../generated-task.js";

/** The keyword is the last token, and all that the answer depends on. */
export const elseElif = generatedTask({
  name: "else_elif",
  description: "a colon after `else`, a condition after `elif`",
  endsAlike: false,
  draw(sketch) {
    const place = sketch.begin({ most: 2 });
    sketch.choose({ standard: [() => {}], unseen: [() => sketch.deepen()] })();
    const name = sketch.numbers.length > 0 ? sketch.random.choice(sketch.numbers) : sketch.defineNumber();
    const branch = () =>
      sketch.choose({
        standard: [`print(${sketch.number()})`, `${name} = ${sketch.number(name)}`],
        unseen: [
          `${name} -= ${sketch.number(name)}`,
          place === "script" ? "pass" : `return ${sketch.number()}`,
        ],
      });
    sketch.write(`if ${name} ${sketch.random.choice([">", "<", "=="])} ${sketch.number(name)}:`);
    sketch.write(`    ${branch()}`);
    const body = `:\n${sketch.indent}    ${branch()}\n`;
    const prompt = (keyword: string) => `${sketch.text}${sketch.indent}${keyword}`;
    return {
      prompts: [prompt("else"), prompt("elif")],
      answers: [body, ` ${name} == ${sketch.literal()}${body}`],
    };
  },
});
