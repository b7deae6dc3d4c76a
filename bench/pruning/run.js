// Mask training: steps per second on a model, and at the shape of csp_yolo2 against dense PyTorch, in rounds that take turns.
// README.md says how.
//
//   node bench/pruning/run.js --out DIR [--model MODEL --task bracket_counting] [--no-shape] [--rounds 7] [--threads 2]
//     [--densities 0.016,0.002] [--pairs 2] [--length 128] [--python /usr/bin/python3] [--blas LIBRARY] [--coretype SKYLAKEX]
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import {
  findTask,
  loadModel,
  MASK_TRAINING_DEFAULTS,
  MaskedModel,
  NodeIndex,
  prepareSplits,
} from "../../dist/node/index.js";
import { loadSource } from "../source.js";

// As the command line does.
if (process.version.startsWith("v20.")) setFlagsFromString("--experimental-wasm-relaxed-simd");

/** Steps of one measurement: of many that are cheap. */
const [STEPS, MODEL_STEPS] = [2, 16];

const { values } = parseArgs({
  options: {
    out: { type: "string" },
    model: { type: "string" },
    task: { type: "string", default: "bracket_counting" },
    "no-shape": { type: "boolean", default: false },
    rounds: { type: "string", default: "7" },
    threads: { type: "string", default: "2" },
    densities: { type: "string", default: "0.016,0.002" },
    pairs: { type: "string", default: "2" },
    length: { type: "string", default: "128" },
    python: { type: "string", default: "/usr/bin/python3" },
    blas: { type: "string" },
    coretype: { type: "string" },
  },
});
const [rounds, threads, pairs, length] = ["rounds", "threads", "pairs", "length"].map((key) =>
  Number(values[key]),
);
const densities = values.densities.split(",").map(Number);
if (!values.out || ![rounds, threads, pairs, length, ...densities].every((value) => value > 0)) {
  console.error("usage: node bench/pruning/run.js --out DIR [--model MODEL] …");
  process.exit(2);
}

const summary = {
  processor: { model: cpus()[0].model, cores: cpus().length },
  ...{ threads, rounds, node: process.versions.node },
  ...(values.model ? { model: await measureModel(values.model) } : {}),
  ...(values["no-shape"] ? {} : { shape: await measureShape() }),
};
await mkdir(values.out, { recursive: true });
await writeFile(join(values.out, "summary.json"), `${JSON.stringify(summary, null, 1)}\n`);
await writeFile(join(values.out, "summary.md"), format(summary));
console.log(format(summary));
process.exit(0);

/** Steps of 64 pairs of a task. */
async function measureModel(path) {
  const model = await loadModel(path, { threads });
  const splits = prepareSplits(model, findTask(values.task));
  const masked = maskedModel(model);
  const tokens = splits.train.lengths.reduce((sum, one) => sum + one, 0) / splits.train.count;
  const settings = { ...MASK_TRAINING_DEFAULTS, steps: MODEL_STEPS };
  const seconds = await repeat((round) => timeSteps(masked, splits.train, settings, round));
  const { kernels, nonzeros } = model;
  await model.dispose();
  const step = median(seconds);
  return {
    ...{ path, task: values.task, kernels, nonzeros, pairs: settings.batch_pairs },
    ...{ steps_per_second: 1 / step, tokens_per_second: (settings.batch_pairs * tokens) / step, seconds },
  };
}

async function measureShape() {
  const { CSP_YOLO2, syntheticCheckpoint } = await loadSource("bench/synthetic.ts");
  const { writeCheckpoint } = await loadSource("formats/convert.ts");
  const directory = await mkdtemp(join(tmpdir(), "pruning-"));
  const models = [];
  let pytorch;
  try {
    for (const density of densities) {
      console.error(`a model with ${100 * density} % nonzeros`);
      const path = join(directory, String(density));
      const checkpoint = syntheticCheckpoint({ ...CSP_YOLO2, density });
      await writeCheckpoint(checkpoint, path, "sparselens");
      models.push({ density, masked: maskedModel(await loadModel(path, { threads })) });
    }
    pytorch = await startPyTorch(directory, models[0].masked.model.config);
    const batch = randomBatch(models[0].masked.model.config);
    const settings = { ...MASK_TRAINING_DEFAULTS, steps: STEPS, batch_pairs: pairs };
    const dense = [];
    const ours = models.map(() => []);
    // The first round warms up.
    for (let round = 0; round <= rounds; round++) {
      const { seconds } = await pytorch.pass();
      const each = [];
      for (const { masked } of models) each.push(await timeSteps(masked, batch, settings, round));
      const rates = [seconds, ...each].map((one) => ((2 * pairs * length) / one).toFixed(0));
      console.error(`round ${round} of ${rounds}: ${rates.join(", ")} tokens/s`);
      if (round === 0) continue;
      dense.push(seconds);
      for (const [i, list] of ours.entries()) list.push(each[i]);
    }
    const tokens = 2 * pairs * length;
    return {
      ...{ pairs, length, pytorch: pytorch.about },
      dense: { seconds: dense, tokens_per_second: tokens / median(dense) },
      sparse: models.map(({ density, masked }, i) => ({
        ...{ density, kernels: masked.model.kernels, nonzeros: masked.model.nonzeros, seconds: ours[i] },
        tokens_per_second: tokens / median(ours[i]),
        memory_bytes: masked.model.memoryBytes,
        // Of the two halves of each round: what else the machine does falls on both.
        times_faster: median(ours[i].map((one, round) => dense[round] / one)),
      })),
    };
  } finally {
    pytorch?.end();
    await Promise.all(models.map(({ masked }) => masked.model.dispose()));
    await rm(directory, { recursive: true, force: true });
  }
}

/** Zeros in place of means: what they are does not change what they cost. */
function maskedModel(model) {
  const index = new NodeIndex(model.description);
  return new MaskedModel(model, index, new Float32Array(index.count));
}

/** Seconds of a step. All nodes are there to begin with, and nearly all to the end. */
async function timeSteps(masked, batch, settings, round) {
  const began = performance.now();
  await masked.train(batch, { ...settings, seed: round });
  return (performance.now() - began) / 1000 / settings.steps;
}

async function repeat(measure) {
  await measure(0);
  const seconds = [];
  for (let round = 1; round <= rounds; round++) seconds.push(await measure(round));
  return seconds;
}

function randomBatch({ vocab_size }) {
  const prompts = 2 * pairs;
  const any = (i) => (37 * i + 11 * (i >> 7)) % vocab_size;
  return {
    ...{
      count: pairs,
      width: length,
      tokens: Int32Array.from({ length: prompts * length }, (_, i) => any(i)),
    },
    lengths: new Int32Array(prompts).fill(length),
    candidates: Int32Array.from({ length: 2 * prompts }, (_, i) => any(i + 1)),
  };
}

/** bench/pytorch/masks.py, ready for a first pass. */
async function startPyTorch(directory, { afrac_loctypes, ...config }) {
  const file = join(directory, "config.json");
  await writeFile(file, JSON.stringify({ ...config, afrac_loctypes: [...afrac_loctypes].join() }));
  const script = fileURLToPath(new URL("../pytorch/masks.py", import.meta.url));
  const argv = [script, "--config", file, "--prompts", String(2 * pairs), "--length", String(length)];
  const { blas, coretype } = values;
  const child = spawn(values.python, [...argv, "--threads", String(threads)], {
    env: {
      ...process.env,
      ...(blas ? { LD_PRELOAD: blas } : {}),
      ...(coretype ? { OPENBLAS_CORETYPE: coretype } : {}),
    },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const failed = new Promise((_, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`${values.python} ended with ${code}.`)));
  });
  // Rejected at the end, when nobody waits any more.
  failed.catch(() => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await Promise.race([lines.next(), failed])).value);
  const about = await next();
  const { libraries, mkl, reference, gemm_gflops: speed } = about.blas;
  if (reference) {
    // A good one that is slow has to wait for the machine; the rounds take turns because of that.
    console.error(`PyTorch's matrix product does ${speed.toFixed(0)} GFLOP/s only.`);
    if (!mkl && !libraries.some((library) => /openblas|blis|mkl/.test(library))) {
      child.kill();
      console.error("It is linked with the reference BLAS: see bench/pytorch/README.md.");
      process.exit(1);
    }
  }
  return {
    about,
    pass: () => {
      child.stdin.write("\n");
      return next();
    },
    end: () => child.stdin.end(),
  };
}

function median(list) {
  const sorted = [...list].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function format({ processor, model, shape }) {
  const lines = [`${processor.model}, ${threads} threads; medians of ${rounds} rounds.`, ""];
  if (model) {
    const { path, task, pairs: batch, steps_per_second: steps, tokens_per_second: tokens } = model;
    lines.push(
      `\`${path}\`, ${task}, ${batch} pairs a step: ${steps.toFixed(2)} steps/s (${Math.round(tokens).toLocaleString("en-US")} tokens/s).`,
      "",
    );
  }
  if (shape) {
    const { blas, torch } = shape.pytorch;
    lines.push(
      `Shape of csp_yolo2, ${2 * shape.pairs} prompts of ${shape.length} tokens, forward and backward to the masks. PyTorch ${torch}, ${blas.version ?? blas.configured}, matrix product ${blas.gemm_gflops.toFixed(0)} GFLOP/s.`,
      "",
      "| | tokens/s | against PyTorch |",
      "| --- | ---: | ---: |",
      `| PyTorch, dense | ${shape.dense.tokens_per_second.toFixed(0)} | 1 |`,
      ...shape.sparse.map(
        ({ density, tokens_per_second: tokens, times_faster: times }) =>
          `| ${100 * density} % nonzeros | ${tokens.toFixed(0)} | ${times.toFixed(1)} × |`,
      ),
    );
  }
  return `${lines.join("\n")}\n`;
}
