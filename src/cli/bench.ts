import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Command, Option } from "commander";
import { type BenchResult, bench, CONTEXTS } from "../bench/bench.js";
import { CSP_YOLO2, type SyntheticShape, syntheticCheckpoint } from "../bench/synthetic.js";
import type { KernelChoice } from "../engine/kernels.js";
import { writeCheckpoint } from "../formats/convert.js";
import { loadModel } from "../load-model.js";
import { parseInteger, parseNumber } from "./arguments.js";
import {
  formatBytes,
  formatCount,
  formatMilliseconds,
  formatPercent,
  formatRate,
  formatTable,
} from "./format.js";
import { print, printJson } from "./output.js";
import { ProgressLine } from "./progress-line.js";

interface Options {
  readonly layers: number;
  readonly dModel: number;
  readonly dMlp?: number;
  readonly heads?: number;
  readonly dHead: number;
  readonly vocab: number;
  readonly density: number[];
  readonly threads: number[];
  readonly kernels: KernelChoice;
  readonly repeats: number;
  readonly dense?: boolean;
  readonly json?: boolean;
  readonly onlyLoad?: string;
}

/** How a fresh process loads a model: time, and the most memory it ever had resident. */
interface Loading {
  readonly milliseconds: number;
  readonly residentBytes: number;
}

export function addBench(program: Command, signal: AbortSignal): void {
  const { n_layer, d_model, d_head, vocab_size, density } = CSP_YOLO2;
  const integer = (text: string) => parseInteger(text, 1);
  const list = (parse: (text: string) => number) => (text: string) => text.split(",").map(parse);
  program
    .command("bench")
    .description(
      "Measure this machine on models with random weights, of the shape of csp_yolo2 unless said otherwise.",
    )
    .option("--layers <number>", "n_layer", integer, n_layer)
    .option("--d-model <number>", "width of the residual stream", integer, d_model)
    .option("--d-mlp <number>", "neurons of a layer (default: 4 × d_model)", integer)
    .option("--heads <number>", "n_head (default: d_model / d_head)", integer)
    .option("--d-head <number>", "width of a head", integer, d_head)
    .option("--vocab <number>", "vocabulary", integer, vocab_size)
    .addOption(
      new Option("--density <fractions>", "fractions of weights that are not zero")
        .argParser(list((text) => parseNumber(text, { above: 0, to: 1 })))
        .default([density, 0.002], "0.016,0.002"),
    )
    .addOption(
      new Option("--threads <numbers>", "numbers of threads")
        .argParser(list(integer))
        .default([...new Set([1, availableParallelism()])], "1 and all cores"),
    )
    .addOption(
      new Option("--kernels <kind>", "which kernels")
        .choices(["auto", "plain", "simd", "fma"])
        .default("auto"),
    )
    .option("--repeats <number>", "runs of each measurement, of which the median counts", integer, 7)
    .option("--dense", "also load the model from a dense file of the Hugging Face layout (writes gigabytes)")
    .option("--json", "print one object with all figures")
    .addOption(new Option("--only-load <model>").hideHelp())
    .addHelpText(
      "after",
      `
Example:
  $ sparselens bench --density 0.016 --threads 1,2`,
    )
    .action(async (options: Options) => {
      if (options.onlyLoad !== undefined) printJson(await loadOnce(options.onlyLoad, options.kernels));
      else await run(options, signal);
    });
}

async function run(options: Options, signal: AbortSignal): Promise<void> {
  const { density: densities, threads, kernels, repeats, json } = options;
  const line = new ProgressLine(!json);
  const directory = await mkdtemp(`${tmpdir()}/sparselens-bench-`);
  const shape = shapeOf(options);
  const results: BenchResult[] = [];
  const loading: Record<string, Loading> = {};
  try {
    const onStep = (step: string) => line.show(step);
    for await (const result of bench({
      shape,
      densities,
      threads,
      kernels,
      repeats,
      directory,
      onStep,
      signal,
    })) {
      results.push(result);
      line.clear();
      if (!json) print(`${describe(result)}\n`);
    }
    onStep("loading in a process of its own");
    for (const density of densities) {
      loading[`sparselens, ${density}`] = await loadInChild(`${directory}/${density}`, kernels);
    }
    if (options.dense) {
      onStep("writing a dense file");
      const checkpoint = syntheticCheckpoint({ ...shape, density: densities[0] });
      await writeCheckpoint(checkpoint, `${directory}/dense`, "huggingface", { signal });
      onStep("loading the dense file");
      loading[`huggingface, dense, ${densities[0]}`] = await loadInChild(`${directory}/dense`, kernels);
    }
  } finally {
    line.clear();
    await rm(directory, { recursive: true, force: true });
  }
  if (json) printJson({ shape, results, loading });
  else {
    const rows = Object.entries(loading).map(([name, { milliseconds, residentBytes }]) => [
      ...[name, formatMilliseconds(milliseconds), formatBytes(residentBytes)],
    ]);
    print(formatTable([["loading in a fresh process", "time", "peak resident"], ...rows], "lrr"));
  }
}

function shapeOf({ layers, dModel, dMlp, heads, dHead, vocab, density }: Options): SyntheticShape {
  return {
    ...CSP_YOLO2,
    ...{ n_layer: layers, d_model: dModel, d_mlp: dMlp ?? 4 * dModel, d_head: dHead },
    ...{ n_head: heads ?? Math.max(1, Math.floor(dModel / dHead)), vocab_size: vocab, density: density[0] },
  };
}

function describe({ density, threads, kernels, nonzeros, floor, step, ...result }: BenchResult): string {
  const total = 1000 / result.decode[CONTEXTS[0]];
  const parts = Object.entries(step)
    .slice(0, 6)
    .map(([kernel, milliseconds]) => `${kernel} ${milliseconds.toFixed(2)}`);
  return formatTable(
    [
      [
        `${formatPercent(density)} nonzeros`,
        `${formatCount(nonzeros)}, threads: ${threads}, ${kernels} kernels`,
      ],
      ...CONTEXTS.map((context) => [`decode, context ${context}`, formatRate(result.decode[context])]),
      ["prefill, 256 tokens", formatRate(result.prefill)],
      ["batch of 8 sequences", formatRate(result.batch)],
      ["load", formatMilliseconds(result.loadMilliseconds)],
      ["model memory", formatBytes(result.memoryBytes)],
      [
        "bandwidth floor",
        `${formatBytes(floor.bytesPerToken)} a token at ${formatBytes(floor.bandwidth)}/s: ${formatMilliseconds(floor.milliseconds)}`,
      ],
      ["sparse products", `${floor.sparseProducts.toFixed(1)} × the floor`],
      ["decode step", `${formatMilliseconds(total)}, ${floor.decodeStep.toFixed(1)} × the floor`],
      ["… by kernel, ms", parts.join(", ")],
    ],
    "ll",
  );
}

async function loadOnce(source: string, kernels: KernelChoice): Promise<Loading> {
  const began = performance.now();
  const model = await loadModel(source, { kernels });
  const milliseconds = performance.now() - began;
  await model.dispose();
  return { milliseconds, residentBytes: process.resourceUsage().maxRSS * 1024 };
}

/** The median of three, so that the file is in the page cache. */
async function loadInChild(source: string, kernels: KernelChoice): Promise<Loading> {
  const cli = fileURLToPath(new URL("./cli.js", import.meta.url));
  const runs: Loading[] = [];
  for (let run = 0; run < 3; run++) {
    const words = [cli, "bench", "--only-load", source, "--kernels", kernels];
    const { stdout } = await promisify(execFile)(process.execPath, words);
    runs.push(JSON.parse(stdout));
  }
  return runs.sort((a, b) => a.milliseconds - b.milliseconds)[1];
}
