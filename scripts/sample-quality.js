// Samples programs from a model and asks CPython (pyodide) whether they parse, and the corpus whether it holds them.
//
//   node scripts/sample-quality.js MODEL CORPUS [--programs 200] [--lengths five,64,128,end] [--temperature 0.8] [--top-p 1]
//     [--seed 0] [--json]
//
// A program is the first line of a document of the validation split, up to the end of the token that ends it, and what
// the model makes of it: its first 64 tokens, or 128, or all up to the end of text or of the context. Where it is cut
// off, the unfinished last line is dropped, and headers of blocks that lost their body with it; a `try` that it leaves
// without its handlers gets one. Programs of fewer than five statements are not counted.
import { parseArgs } from "node:util";
import { loadPyodide } from "pyodide";
import { loadModel, openCorpus } from "../dist/node/index.js";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    programs: { type: "string", default: "200" },
    lengths: { type: "string", default: "five,64,128,end" },
    temperature: { type: "string", default: "0.8" },
    "top-p": { type: "string", default: "1" },
    seed: { type: "string", default: "0" },
    json: { type: "boolean", default: false },
  },
});
const [source, corpusDirectory] = positionals;
if (!source || !corpusDirectory) {
  console.error(
    "usage: node scripts/sample-quality.js MODEL CORPUS [--programs N] [--lengths five,N,…,end] [--temperature T] [--seed S] [--json]",
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

/** A handler for each `try` that is open where a program was cut off, the innermost first. */
function openHandlers(program) {
  const handlers = [];
  let outer = Number.POSITIVE_INFINITY;
  for (const line of program.trimEnd().split("\n").reverse()) {
    const [indent] = line.match(/^ */);
    if (line.trim() === "" || indent.length >= outer) continue;
    outer = indent.length;
    if (line.trim() === "try:") handlers.push(`${indent}except Exception:\n${indent}    pass\n`);
  }
  return handlers;
}

const { tokenizer } = corpus;
const documents = async (split) => {
  const tokens = await corpus.tokens(split);
  return [...(await corpus.documents(split))].map(({ start, end }) => tokens.subarray(start, end));
};
const endsLine = (token) => tokenizer.decode([token]).includes("\n");
const beginnings = (await documents("validation")).map((tokens) =>
  tokens.subarray(0, tokens.findIndex(endsLine) + 1),
);

/** What is left of a program that was cut off, and whether it parses. */
function judge(whole, isFinished) {
  const program = isFinished
    ? whole
    : whole.slice(0, whole.lastIndexOf("\n") + 1).replace(/(.*:\n|\s*\n)*$/, "\n");
  const handlers = isFinished ? [] : openHandlers(program);
  const result = inspect(program + handlers.join(""));
  return typeof result === "number"
    ? { program, isFinished, error: null, statements: result - handlers.length }
    : { program, isFinished, error: result, statements: countLines(program) };
}

/** The first lines of a program that parse and hold five statements; the whole program where no first lines do. */
function judgeFive(whole, isFinished) {
  const lines = whole.split("\n");
  for (let count = 5; count < lines.length; count++) {
    const judged = judge(`${lines.slice(0, count).join("\n")}\n`, false);
    if (judged.error === null && judged.statements >= 5) return judged;
  }
  return judge(whole, isFinished);
}

/** The same samples, at several lengths: those of one length end where it is reached. */
const cuts = values.lengths.split(",").map((length) => ({
  length,
  tokens: length === "end" || length === "five" ? null : Number(length),
  tried: 0,
  samples: [],
}));
const longest = Math.max(...cuts.map(({ tokens }) => tokens ?? model.config.block_size));
const isShort = ({ samples }) => samples.length < wanted;
const began = Date.now();
for (let sampled = 0; cuts.some(isShort); sampled++) {
  const start = beginnings[sampled % beginnings.length];
  const { tokens, finishReason } = await model.generate(start, {
    maxNewTokens: Math.min(longest, model.config.block_size - start.length),
    doSample: true,
    temperature,
    topP: Number(values["top-p"]),
    seed: Number(values.seed) + sampled,
  });
  for (const cut of cuts.filter(isShort)) {
    cut.tried++;
    const count = cut.tokens ?? tokens.length;
    const isFinished = finishReason === "end-of-text" && tokens.length <= count;
    const whole = tokenizer.decode([...start, ...tokens.slice(0, count)], { skipSpecialTokens: true });
    const { statements, ...sample } = (cut.length === "five" ? judgeFive : judge)(whole, isFinished);
    if (statements >= 5) cut.samples.push(sample);
  }
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
const lengths = cuts.map(({ length, tried, samples }) => ({
  ...{ length, tried, programs: samples.length },
  parsed: samples.filter(({ error }) => error === null).length,
  repeated: samples.filter(({ program }) => isRepeated(program)).length,
  finished: samples.filter(({ isFinished }) => isFinished).length,
  samples,
}));
if (values.json) console.log(JSON.stringify({ temperature, lengths }));
else {
  const failed = lengths.at(-1).samples.filter(({ error }) => error !== null);
  for (const { program, error } of failed.slice(0, 5)) {
    console.log(`${program}\n^ ${error}\n${"-".repeat(60)}`);
  }
  const named = { five: "five statements", end: "to their end" };
  for (const { length, tried, programs, parsed, repeated, finished } of lengths) {
    const share = (count) => `${((100 * count) / programs).toFixed(1)} %`;
    console.log(
      `${named[length] ?? `${length} tokens`}: ${programs} programs of at least five statements (of ${tried}): ${share(parsed)} parse, ${share(repeated)} repeat a training document, ${share(finished)} end by themselves`,
    );
  }
  console.log(
    `temperature ${temperature}, top-p ${values["top-p"]} (${((Date.now() - began) / 1000).toFixed(0)} s)`,
  );
}
process.exit(0);
