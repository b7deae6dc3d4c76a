// Trains one model three ways, one after the other: `exact`, `periodic`, and densely in PyTorch. README.md says how.
//
//   node bench/training/run.js CORPUS --out DIR [--modes exact,periodic,pytorch] [--threads 2] [--tokens N]
//     [--config FILE] [--python /usr/bin/python3] [--blas LIBRARY] [--coretype SKYLAKEX]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
  evaluateCorpus,
  loadModel,
  openCorpus,
  parseTrainingConfig,
  Trainer,
} from "../../dist/node/index.js";
import { MemorySink, makeBatches, trainingConfigJson, trainingSteps, writeSafetensors } from "./internals.js";
import { compare, formatTable, readMode, summarizeMode } from "./summarize.js";

const MODES = ["exact", "periodic", "pytorch"];
const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: "string" },
    modes: { type: "string", default: MODES.join() },
    threads: { type: "string", default: "2" },
    tokens: { type: "string" },
    config: { type: "string", default: path("config.json") },
    python: { type: "string", default: "/usr/bin/python3" },
    blas: { type: "string" },
    coretype: { type: "string" },
  },
});
const [corpusDirectory] = positionals;
const modes = values.modes.split(",");
if (!corpusDirectory || !values.out || !modes.every((mode) => MODES.includes(mode))) {
  console.error("usage: node bench/training/run.js CORPUS --out DIR [--modes exact,periodic,pytorch] …");
  process.exit(2);
}
const inOut = (name) => join(values.out, name);
const threads = Number(values.threads);

const corpus = await openCorpus(corpusDirectory);
const config = parseTrainingConfig(
  {
    ...JSON.parse(await readFile(values.config, "utf8")),
    ...(values.tokens ? { tokens: Number(values.tokens) } : {}),
    vocab_size: corpus.tokenizer.vocabularySize,
  },
  values.config,
);
const steps = trainingSteps(config);

await mkdir(values.out, { recursive: true });
await describeRuns();
for (const mode of modes) {
  if (existsSync(inOut(`${mode}.jsonl`))) console.error(`${mode}: done before`);
  else await measure(mode);
}
await summarize();

/** What all files of the directory were measured with: no other is mixed with it. */
async function describeRuns() {
  const { splits, tokenizer } = corpus.manifest;
  const description = { corpus: { splits, tokenizer }, threads, config: trainingConfigJson(config) };
  const text = `${JSON.stringify(description, null, 1)}\n`;
  const file = inOut("config.json");
  if (existsSync(file) && (await readFile(file, "utf8")) !== text) {
    console.error(
      `${values.out} holds measurements with another corpus, configuration or number of threads.`,
    );
    process.exit(1);
  }
  await writeFile(file, text);
}

async function measure(mode) {
  const model = inOut(`${mode}-model`);
  const common = ["--config", inOut("config.json"), "--corpus", corpusDirectory, "--out", model];
  common.push("--threads", String(threads));
  const partial = inOut(`${mode}.jsonl.partial`);
  const file = createWriteStream(partial);
  if (mode === "pytorch") {
    await writeInitialWeights(inOut("initial.safetensors"));
    await writeBatches(inOut("batches.bin"));
    const given = ["--initial", inOut("initial.safetensors"), "--batches", inOut("batches.bin")];
    const argv = [path("../pytorch/train.py"), ...common, ...given, "--log-every", "1"];
    const { blas, coretype } = values;
    const environment = {
      ...(blas ? { LD_PRELOAD: blas } : {}),
      ...(coretype ? { OPENBLAS_CORETYPE: coretype } : {}),
    };
    await train(mode, values.python, argv, environment, file);
  } else {
    await train(mode, process.execPath, [path("train.js"), ...common, "--projection", mode], {}, file);
  }
  // One judge for all.
  file.end(`${JSON.stringify({ final_loss: await validationLoss(model) })}\n`);
  await once(file, "close");
  await rename(partial, inOut(`${mode}.jsonl`));
}

/** Runs a program that trains; what it prints goes to the file. */
async function train(mode, program, argv, environment, file) {
  const child = spawn(program, argv, {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  // An event of "error": it could not be started.
  const ended = once(child, "close").catch((error) => [error.message]);
  for await (const line of createInterface({ input: child.stdout })) {
    file.write(`${line}\n`);
    const { step, loss, elapsed } = JSON.parse(line);
    if (step && step % Math.ceil(steps / 10) === 0) {
      console.error(`${mode}: step ${step} of ${steps}, loss ${loss.toFixed(3)}, ${elapsed.toFixed(0)} s`);
    }
  }
  const [code, signal] = await ended;
  if (code !== 0) {
    console.error(`${mode}: ${program} failed: ${signal ?? code}`);
    process.exit(1);
  }
}

/** Those that a trainer begins with, for another program. */
async function writeInitialWeights(file) {
  const { endOfText } = corpus.manifest.tokenizer;
  const trainer = await Trainer.start({ config, tokens: await corpus.tokens("train"), endOfText, threads });
  const tensors = [...(await trainer.weights())].map(([name, { shape, data }]) => ({
    ...{ name, dtype: "F32", shape },
    read: async () => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  }));
  await trainer.dispose();
  const sink = new MemorySink();
  await writeSafetensors(sink, tensors);
  await writeFile(file, sink.bytes());
}

/** `[steps, batch_size, block_size + 1]`, uint16: the sequences of each step, with the last one's target behind it. */
async function writeBatches(file) {
  const { batch_size, model } = config;
  const { endOfText } = corpus.manifest.tokenizer;
  const batches = makeBatches(config, await corpus.tokens("train"), endOfText);
  const all = new Uint16Array(steps * batch_size * (model.block_size + 1));
  let position = 0;
  for (let step = 1; step <= steps; step++) {
    for (const { tokens, targets } of batches.sequences(step)) {
      all.set(tokens, position);
      all[position + tokens.length] = targets.at(-1);
      position += tokens.length + 1;
    }
  }
  await writeFile(file, all);
}

async function validationLoss(directory) {
  const model = await loadModel(directory, { threads });
  const tokens = await corpus.tokens("validation");
  const { loss } = await evaluateCorpus(model, tokens, { maxTokens: config.eval_tokens });
  await model.dispose();
  return loss;
}

async function summarize() {
  const figures = {};
  for (const mode of MODES) {
    const file = inOut(`${mode}.jsonl`);
    if (existsSync(file)) figures[mode] = summarizeMode(await readMode(file), config.density);
  }
  const compared = compare(figures);
  const processor = { model: cpus()[0].model, cores: cpus().length };
  const summary = { processor, threads, config: trainingConfigJson(config), modes: compared };
  await writeFile(inOut("summary.json"), `${JSON.stringify(summary, null, 1)}\n`);
  console.log(formatTable(compared));
}
