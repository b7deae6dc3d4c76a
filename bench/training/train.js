// Trains a model and prints JSON lines as bench/pytorch/train.py does: versions, then each step. run.js calls it.
//
//   node bench/training/train.js --config FILE --corpus DIR --projection exact --threads 2 --out MODEL
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { openCorpus, parseTrainingConfig, Trainer } from "../../dist/node/index.js";

// As the command line does.
if (process.version.startsWith("v20.")) setFlagsFromString("--experimental-wasm-relaxed-simd");

const { values } = parseArgs({
  options: {
    config: { type: "string" },
    corpus: { type: "string" },
    projection: { type: "string" },
    threads: { type: "string" },
    out: { type: "string" },
  },
});
const print = (line) => console.log(JSON.stringify(line));

const { config: keys } = JSON.parse(await readFile(values.config, "utf8"));
const config = parseTrainingConfig({ ...keys, projection: values.projection }, values.config);
const corpus = await openCorpus(values.corpus);
const threads = Number(values.threads);
const { endOfText } = corpus.manifest.tokenizer;
const trainer = await Trainer.start({ config, tokens: await corpus.tokens("train"), endOfText, threads });
const { version } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
const programs = { sparselens: version, node: process.versions.node };
print({ versions: { ...programs, kernels: trainer.kernels, threads: trainer.threads } });

let elapsed = 0;
let tokens = 0;
for (;;) {
  const began = performance.now();
  const [done] = await trainer.run(1);
  if (!done) break;
  elapsed += (performance.now() - began) / 1000;
  tokens += done.tokens;
  const { step, loss, density } = done;
  print({ step, loss, tokens, elapsed: Number(elapsed.toFixed(4)), density });
}
const tensors = await trainer.weights();
await trainer.dispose();
// Only now: its loader would share the cores with training.
const { modelConfigJson, writeModel } = await import("./internals.js");
await writeModel(
  values.out,
  { config: modelConfigJson(config), tensors, tokenizer: null },
  { overwrite: true },
);
