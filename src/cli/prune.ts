import { type Command, Option } from "commander";
import { type MaskTrainingSettings, SMALL_MODEL_SETTINGS } from "../circuits/mask-optimizer.js";
import type { PrunePlan } from "../circuits/mask-search.js";
import type { Means } from "../circuits/means.js";
import { meansOfCorpus, readMeansFile } from "../circuits/means-file.js";
import { type PruneEvent, prune } from "../circuits/prune.js";
import { type PruneResult, resultRows } from "../circuits/prune-results.js";
import { SPLIT_DEFAULTS } from "../circuits/task-splits.js";
import { openCorpus } from "../corpus/corpus.js";
import type { KernelChoice } from "../engine/kernels.js";
import { SparseLensError } from "../errors.js";
import { loadModel } from "../load-model.js";
import type { Model } from "../model.js";
import { MODEL_ARGUMENT, modelSource, parseInteger, parseNumber } from "./arguments.js";
import { formatTable } from "./format.js";
import { print, printJson } from "./output.js";
import { ProgressLine } from "./progress-line.js";
import { readTasks } from "./task-arguments.js";

interface Options {
  readonly task: string;
  readonly target: number[];
  readonly out: string;
  readonly search?: number;
  readonly kCoef: number[];
  readonly seeds: number;
  readonly steps: number;
  readonly learningRate: number;
  readonly batchPairs: number;
  readonly trainPairs: number;
  readonly selectPairs: number;
  readonly reportPairs: number;
  readonly seed: number;
  readonly ablation: "mean" | "zero";
  readonly corpus?: string;
  readonly means?: string;
  readonly finalResid?: boolean;
  readonly removal: boolean;
  readonly edgePruning: boolean;
  readonly workers: number;
  readonly kernels: KernelChoice;
  readonly json?: boolean;
}

const defaults = SMALL_MODEL_SETTINGS;
/** Swept unless told otherwise: circuits of small models want more than the paper's centre of 1e-4. */
const K_COEFS = [3e-4, 1e-3, 3e-3];

export function addPrune(program: Command, signal: AbortSignal): void {
  program
    .command("prune")
    .description(
      "Find the smallest circuits that do a task: which nodes suffice while all others are ablated.",
    )
    .argument(...MODEL_ARGUMENT)
    .requiredOption("--task <tasks>", "all, or names or files (.jsonl) with commas between them")
    .requiredOption("-o, --out <directory>", "trials and circuits accumulate here; given again, it goes on")
    .option("--target <losses>", "task losses to reach, in nats", (text) => numbers(text, 0), [0.15])
    .option("--search <trials>", "search all settings of the masks, so many trials a task", (text) =>
      parseInteger(text, 1),
    )
    .option(
      "--k-coef <costs>",
      "without --search: what a node costs, each of these",
      (text) => numbers(text, 0),
      K_COEFS,
    )
    .option(
      "--seeds <number>",
      "without --search: as many seeds for each",
      (text) => parseInteger(text, 1),
      1,
    )
    .option("--steps <number>", "steps of mask training", (text) => parseInteger(text, 1), defaults.steps)
    .option(
      "--learning-rate <number>",
      "its peak",
      (text) => parseNumber(text, { above: 0 }),
      defaults.learning_rate,
    )
    .option(
      "--batch-pairs <number>",
      "pairs in a step",
      (text) => parseInteger(text, 1),
      defaults.batch_pairs,
    )
    .option(
      "--train-pairs <number>",
      "pairs to train on",
      (text) => parseInteger(text, 1),
      SPLIT_DEFAULTS.trainPairs,
    )
    .option(
      "--select-pairs <number>",
      "pairs to choose by",
      (text) => parseInteger(text, 1),
      SPLIT_DEFAULTS.selectPairs,
    )
    .option(
      "--report-pairs <number>",
      "pairs to report on",
      (text) => parseInteger(text, 1),
      SPLIT_DEFAULTS.reportPairs,
    )
    .option("--seed <number>", "of the first masks, and of the search", (text) => parseInteger(text, 0), 0)
    .addOption(
      new Option("--ablation <kind>", "what takes the place of everything else")
        .choices(["mean", "zero"])
        .default("mean"),
    )
    .option("--corpus <directory>", "corpus for the means of the nodes, which are kept beside the model")
    .option("--means <file>", "file of means, instead")
    .option("--final-resid", "channels of final_resid are nodes, too")
    .option("--no-removal", "leave nodes that no longer matter")
    .option("--no-edge-pruning", "leave all edges")
    .option("--workers <number>", "trials at a time", (text) => parseInteger(text, 1), 1)
    .addOption(new Option("--kernels <kind>").choices(["auto", "plain", "simd", "fma"]).default("auto"))
    .option("--json", "print JSON lines: each trial and each circuit")
    .addHelpText(
      "after",
      `
docs/circuits.md explains what is done, and the files.

Examples:
  $ sparselens prune default --task bracket_counting --corpus corpus --out circuits
  $ sparselens prune default --task all --target 0.15,0.05 --search 16 --corpus corpus --out circuits
  $ sparselens prune default --task my.jsonl --ablation zero --out circuits`,
    )
    .action((source: string, options: Options) => run(source, options, signal));
}

async function run(source: string, options: Options, signal: AbortSignal): Promise<void> {
  const tasks = await readTasks(options.task);
  const line = new ProgressLine(!options.json);
  const models: Model[] = [];
  try {
    for (let worker = 0; worker < options.workers; worker++) {
      models.push(await loadModel(modelSource(source), { threads: 1, kernels: options.kernels, signal }));
    }
    const means = options.ablation === "mean" ? await readMeans(models[0], options, line, signal) : null;
    const results = await prune({
      ...{ models, tasks, means, signal, name: source, targets: options.target, plan: planOf(options) },
      ...{ ablation: options.ablation, finalResid: options.finalResid, directory: options.out },
      splits: pickSplits(options),
      removal: { nodes: options.removal, edges: options.edgePruning },
      onEvent: (event) => (options.json ? showJson(event) : show(event, line)),
    });
    line.clear();
    if (!options.json) print(tableOf(results));
  } catch (error) {
    line.clear();
    if (error === signal.reason && !options.json) {
      console.error("Interrupted. To go on, give the same command again.");
    }
    throw error;
  } finally {
    await Promise.all(models.map((model) => model.dispose()));
  }
}

async function readMeans(
  model: Model,
  { corpus, means }: Options,
  line: ProgressLine,
  signal: AbortSignal,
): Promise<Means> {
  if (means !== undefined && corpus === undefined) return readMeansFile(means, model);
  if (corpus === undefined) {
    throw new SparseLensError(
      "Mean ablation needs the means of the nodes: name a corpus with --corpus, or their file with --means; or ablate with --ablation zero.",
    );
  }
  return meansOfCorpus(model, await openCorpus(corpus), {
    ...{ path: means, signal },
    onProgress: ({ done, total }) => line.show(`means of the nodes: ${done} of ${total} documents`),
  });
}

function planOf({ search, kCoef, seeds, steps, learningRate, batchPairs, seed }: Options): PrunePlan {
  const settings: MaskTrainingSettings = {
    ...{ ...defaults, steps, learning_rate: learningRate, batch_pairs: batchPairs, seed },
  };
  if (search !== undefined) return { kind: "search", trials: search, centre: settings };
  const grid = kCoef.flatMap((k_coef) =>
    Array.from({ length: seeds }, (_, i) => ({ ...settings, k_coef, seed: seed + i })),
  );
  return { kind: "grid", settings: grid };
}

function pickSplits({ trainPairs, selectPairs, reportPairs }: Options) {
  return { trainPairs, selectPairs, reportPairs };
}

function numbers(text: string, above: number): number[] {
  return text.split(",").map((one) => parseNumber(one, { above }));
}

function showJson(event: PruneEvent): void {
  const { type, ...rest } = event;
  if (event.type === "trial") {
    const { order: _, ...trial } = event.trial;
    printJson({ event: type, ...trial });
  } else if (event.type === "circuit") printJson({ event: type, ...event.result });
  else if (event.type === "refused") printJson({ event: type, ...rest });
}

function show(event: PruneEvent, line: ProgressLine): void {
  if (event.type === "progress") {
    line.show(() => `${event.task}: ${event.what}, ${event.done} of ${event.total}`);
  } else if (event.type === "trial") {
    const { trial, number, trials } = event;
    const outcomes = trial.outcomes.map(({ k, reached, target }) => `${reached ? k : "–"} at ${target}`);
    line.show(`${trial.task}: trial ${number} of ${trials}: nodes ${outcomes.join(", ")}`);
  } else if (event.type === "refused") {
    line.clear();
    console.error(event.reason);
  }
}

function tableOf(results: readonly PruneResult[]): string {
  const { titles, rows } = resultRows(results);
  return formatTable([titles, ...rows], "lrlrrrrrrrrr");
}
