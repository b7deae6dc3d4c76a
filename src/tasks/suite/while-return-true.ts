import { generatedTask } from "../generated-task.js";

export const whileReturnTrue = generatedTask({
  name: "while_return_true",
  description: "a colon after `while True`, a new line after `return True`",
  draw(sketch) {
    sketch.begin({ place: sketch.place(["function", "method"]), most: 2 });
    const { indent: body } = sketch;
    sketch.choose<() => void>({
      standard: [() => sketch.enter(`if ${sketch.condition()}:`)],
      unseen: [() => sketch.deepen()],
    })();
    const prompt = (keyword: string) => `${sketch.text}${sketch.indent}${keyword} True`;
    return {
      prompts: [prompt("while"), prompt("return")],
      answers: [`:\n${sketch.indent}    print(${sketch.number()})\n`, `\n${body}return False\n`],
    };
  },
});
