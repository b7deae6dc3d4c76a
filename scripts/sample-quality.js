// Samples programs from a model and asks CPython (pyodide) whether they parse, and the corpus whether it holds them.
//
//   node scripts/sample-quality.js MODEL CORPUS [--programs 200] [--tokens N] [--temperature 0.8] [--top-p 1] [--seed 0]
//     [--json]
//
// A program is the first line of a document of the validation split, up to the end of the token that ends it, and what
// the model makes of it, up to the end of text, N tokens, or the end of the context. Where it was cut off, the unfinished
// last line is dropped, and headers of blocks that lost their body with it. Programs of fewer than five statements are
// not counted.
import { parseArgs } from "node:util";
import { loadPyodide } from "pyodide";
import { loadModel, openCorpus } from "../dist/node/index.js";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    programs: { type: "string", default: "200" },
    tokens: { type: "string", default: "1000000" },
    temperature: { type: "string", default: "0.8" },
    "top-p": { type: "string", default: "1" },
    seed: { type: "string", default: "0" },
    json: { type: "boolean", default: false },
  },
});
const [source, corpusDirectory] = positionals;
if (!source || !corpusDirectory) {
  console.error(
    "usage: node scripts/sample-quality.js MODEL CORPUS [--programs N] [--tokens N] [--temperature T] [--seed S] [--json]",
  );
  process.exit(2);
}
const wanted = Number(values.programs);
const temperature = Number(values.temperature);

const corpus = await openCorpus(corpusDirectory);
const model = await loadModel(source);
const python = await loadPyodide();
/** Statements of a program, or the syntax error. */
const inspect = python.runPython(`
import ast
def inspect(program):
    try:
        tree = ast.parse(program)
    except SyntaxError as error:
        return f"{error.msg} (line {error.lineno})"
    return sum(isinstance(node, ast.stmt) for node in ast.walk(tree))
inspect`);
/** Statements that a program that does not parse would have had: its lines that hold something. */
const countLines = (program) => program.split("\n").filter((line) => line.trim() !== "").length;

const { tokenizer } = corpus;
const documents = async (split) => {
  const tokens = await corpus.tokens(split);
  return [...(await corpus.documents(split))].map(({ start, end }) => tokens.subarray(start, end));
};
const endsLine = (token) => tokenizer.decode([token]).includes("\n");
const beginnings = (await documents("validation")).map((tokens) =>
  tokens.subarray(0, tokens.findIndex(endsLine) + 1),
);

const programs = [];
let tried = 0;
const began = Date.now();
for (let seed = Number(values.seed); programs.length < wanted; seed++) {
  const start = beginnings[tried++ % beginnings.length];
  const { text, finishReason } = await model.generate(start, {
    maxNewTokens: Math.min(Number(values.tokens), model.config.block_size - start.length),
    doSample: true,
    temperature,
    topP: Number(values["top-p"]),
    seed,
  });
  const whole = tokenizer.decode(start) + text;
  const isFinished = finishReason === "end-of-text";
  const program = isFinished
    ? whole
    : whole.slice(0, whole.lastIndexOf("\n") + 1).replace(/(.*:\n|\s*\n)*$/, "\n");
  const result = inspect(program);
  const statements = typeof result === "number" ? result : countLines(program);
  if (statements < 5) continue;
  programs.push({ program, isFinished, error: typeof result === "number" ? null : result });
}
await model.dispose();

// A program that was cut off counts as repeated when a document begins with it.
const training = (await documents("train")).map((tokens) => tokenizer.decode(tokens).trimEnd()).sort();
const isRepeated = (program) => {
  const text = program.trimEnd();
  let [low, high] = [0, training.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (training[middle] < text) low = middle + 1;
    else high = middle;
  }
  return low < training.length && training[low].startsWith(text);
};
const parsed = programs.filter(({ error }) => error === null).length;
const repeated = programs.filter(({ program }) => isRepeated(program)).length;
const finished = programs.filter(({ isFinished }) => isFinished).length;
if (values.json)
  console.log(
    JSON.stringify({
      ...{ programs: programs.length, temperature, tried, parsed, repeated, finished },
      samples: programs,
    }),
  );
else {
  for (const { program, error } of programs.filter(({ error }) => error !== null).slice(0, 5)) {
    console.log(`${program}\n^ ${error}\n${"-".repeat(60)}`);
  }
  const share = (count) => `${((100 * count) / programs.length).toFixed(1)} %`;
  console.log(
    `${programs.length} programs of at least five statements (of ${tried} sampled, temperature ${temperature}, top-p ${values["top-p"]}): ${share(parsed)} parse, ${share(repeated)} repeat a training document, ${share(finished)} end by themselves (${((Date.now() - began) / 1000).toFixed(0)} s)`,
  );
}
process.exit(0);
