import { generatedTask } from "../generated-task.js";

export const lambdaFunc = generatedTask({
  name: "lambda_func",
  description: "a colon after `lambda x`, a parenthesis after `def f`",
  draw(sketch) {
    const place = sketch.place(["script", "function"]);
    // Within a function, small ones stand between statements; in a module, other functions come before.
    if (place === "function") sketch.begin({ place });
    else sketch.before();
    const { words } = sketch;
    const name = sketch.fresh([...words.numberNouns.map(({ one }) => one), ...words.functionNames]);
    const start = sketch.choose({
      standard: [
        `${sketch.fresh(words.functionNames)} = lambda`,
        `${sketch.fresh(words.shortNames)} = lambda`,
      ],
      unseen: [
        place === "function" ? "return lambda" : `${sketch.fresh(words.methodVerbs)} = lambda`,
        `${sketch.fresh(words.accumulators)} = lambda`,
      ],
    });
    const prompt = (keyword: string) => `${sketch.text}${sketch.indent}${keyword} ${name}`;
    return {
      prompts: [prompt(start), prompt("def")],
      answers: [`: ${name} + ${sketch.literal()}\n`, `():\n${sketch.indent}    return ${sketch.number()}\n`],
    };
  },
});
