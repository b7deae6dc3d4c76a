import { type CorpusReference, referToCorpus } from "../corpus/reference.js";
import { SparseLensError } from "../errors.js";
import { readJsonObject } from "../io/byte-source.js";
import { type LocalFiles, requireLocalFiles } from "../io/local-files.js";
import { replaceFile } from "../io/replace-file.js";
import { HOUSEKEEPING_KEYS, type TrainingConfig, trainingSteps } from "./config.js";
import { countReached, countWeights, type ProgressLine } from "./metrics.js";
import { type ConfigLayers, parseSettings, resolveTrainingConfig } from "./presets.js";
import {
  requireTokens,
  TrainingDiverged,
  type TrainingEvent,
  type TrainingParts,
  type TrainOptions,
  train,
} from "./run.js";
import {
  describeChanges,
  differences,
  holdsRun,
  lastOfFinished,
  readRunDescription,
  requireSameCorpus,
} from "./run-directory.js";

/** One run of a grid. */
export interface GridRun {
  /** That of its directory: `d_model=64,density=1-8`. */
  readonly name: string;
  /** As they were given: `["d_model=64", "density=1/8"]`. */
  readonly settings: readonly string[];
  readonly values: Readonly<Record<string, unknown>>;
  readonly config: ConfigLayers;
}

/** What became of a run. The measures are those of its last evaluation; null where it diverged. */
export interface GridResult {
  readonly run: string;
  readonly values: Readonly<Record<string, unknown>>;
  readonly status: "finished" | "diverged";
  /** Matrices, embeddings and biases: what L0 counts the nonzeros of. */
  readonly parameters: number;
  readonly L0: number | null;
  readonly test_xent: number | null;
  /** null, as the two after it, where tasks are not looked at. */
  readonly mean_task_accuracy: number | null;
  /** Tasks that reach the target, of those that the tokenizer can express. */
  readonly tasks_reached: number | null;
  readonly tasks: number | null;
  readonly training_seconds: number | null;
  /** How it diverged. */
  readonly problem?: string;
}

export type GridEvent =
  /** What follows is of this run. */
  | { readonly type: "run"; readonly name: string; readonly index: number; readonly count: number }
  | { readonly type: "result"; readonly result: GridResult; readonly isNew: boolean }
  | TrainingEvent;

export interface GridOptions extends Omit<TrainOptions, "resume" | "override" | "onEvent"> {
  /** Keys and their values: `["d_model=64,96", "density=1/8,1/16"]`. */
  readonly grid: readonly string[];
  readonly onEvent?: (event: GridEvent) => void;
}

const RESULTS = "results.json";
const TABLE = "results.md";

/**
 * All combinations of a grid's values, the last key's changing fastest. They lie over the other layers.
 * @throws SparseLensError naming what is not `key=value,value,…`, not allowed, or there twice
 */
export function planGrid(grid: readonly string[], { preset, file, set = [] }: ConfigLayers): GridRun[] {
  const axes = grid.map(parseAxis);
  const twice = axes.find(({ key }, i) => axes.findIndex((axis) => axis.key === key) < i);
  if (twice) throw new SparseLensError(`--grid: "${twice.key}" is there twice; list all its values in one.`);
  const combinations = axes.reduce<string[][]>(
    (before, { settings }) => before.flatMap((some) => settings.map((setting) => [...some, setting])),
    [[]],
  );
  return combinations.map((settings) => ({
    // A fraction's slash would be a directory's.
    name: settings.join().replace(/[^\w.,=+-]/g, "-"),
    settings,
    values: parseSettings(settings, "--grid"),
    // Where a run is resumed, a preset that is named stands for all keys that are not.
    config: { preset: preset ?? "default", file, set: [...set, ...settings] },
  }));
}

function parseAxis(axis: string): { key: string; settings: string[] } {
  const equals = axis.indexOf("=");
  if (equals < 1) throw new SparseLensError(`--grid ${axis}: it must be key=value,value,….`);
  const key = axis.slice(0, equals).trim();
  const settings = axis
    .slice(equals + 1)
    .split(",")
    .map((text) => `${key}=${text.trim()}`);
  const values = settings.map((setting) => parseSettings([setting], "--grid")[key]);
  const twice = settings.find((_, i) => values.indexOf(values[i]) < i);
  if (twice) throw new SparseLensError(`--grid ${axis}: ${twice} is there twice.`);
  return { key, settings };
}

/** @throws SparseLensError naming the run whose configuration is not allowed */
export function resolveGrid(runs: readonly GridRun[], vocabularySize: number): TrainingConfig[] {
  return runs.map(({ name, config }) => {
    try {
      return resolveTrainingConfig(config, vocabularySize);
    } catch (error) {
      if (!(error instanceof SparseLensError)) throw error;
      throw new SparseLensError(`${name}: ${error.message}`, { cause: error });
    }
  });
}

/**
 * Trains all runs of a grid, one after the other, each in a directory of its name within `directory`, and writes their
 * results there after each: `results.json`, and a table in `results.md`. Called again, it goes on: runs that have ended
 * are not done again, those that were interrupted are resumed. A run that diverges is one of the results.
 *
 * @returns the results, in the order of the grid
 * @throws SparseLensError before anything is trained where a configuration is not allowed or a run in the directory began
 *   otherwise; and as `train` does, except when a run diverges
 */
export async function trainGrid(options: GridOptions, parts?: TrainingParts): Promise<GridResult[]> {
  const { grid, config: layers = {}, ...common } = options;
  const { corpus, directory, onEvent, signal } = common;
  const files = requireLocalFiles("Training");
  if (await holdsRun(directory)) {
    throw new SparseLensError(`${directory} holds a run of its own: name another directory for the grid.`);
  }
  const runs = planGrid(grid, layers);
  const configs = resolveGrid(runs, corpus.tokenizer.vocabularySize);
  for (const config of configs) requireTokens(corpus, config);
  const reference = referToCorpus(files, corpus.directory, corpus.manifest);
  const diverged = await readDiverged(files, directory);
  const results = new Map<GridRun, GridResult>();
  for (const [i, run] of runs.entries()) {
    const path = files.join(directory, run.name);
    if (!(await isBegun(path, configs[i], reference))) continue;
    const last = await lastOfFinished(path, trainingSteps(configs[i]));
    const result = last ? describeFinished(run, configs[i], last) : diverged.get(run.name);
    if (result) results.set(run, result);
  }

  for (const [index, run] of runs.entries()) {
    signal?.throwIfAborted();
    onEvent?.({ type: "run", name: run.name, index, count: runs.length });
    const isNew = !results.has(run);
    if (isNew) {
      const path = files.join(directory, run.name);
      const resume = await holdsRun(path);
      try {
        const { last } = await train({ ...common, directory: path, config: run.config, resume }, parts);
        results.set(run, describeFinished(run, configs[index], last));
      } catch (error) {
        if (!(error instanceof TrainingDiverged)) throw error;
        results.set(run, describeDiverged(run, configs[index], error.message));
      }
    }
    const done = runs.flatMap((one) => results.get(one) ?? []);
    const json = `${JSON.stringify({ corpus: reference, runs: done }, null, 1)}\n`;
    await replaceFile(files, files.join(directory, RESULTS), json);
    await replaceFile(files, files.join(directory, TABLE), markdown(gridTable(runs, done)));
    onEvent?.({ type: "result", result: results.get(run)!, isNew });
  }
  return runs.map((run) => results.get(run)!);
}

/** @throws SparseLensError when the run in a directory began otherwise */
async function isBegun(path: string, config: TrainingConfig, reference: CorpusReference): Promise<boolean> {
  if (!(await holdsRun(path))) return false;
  const before = await readRunDescription(path);
  requireSameCorpus(path, before.corpus, reference);
  const changes = differences(before.config, config).filter(({ key }) => !HOUSEKEEPING_KEYS.has(key));
  if (changes.length === 0) return true;
  throw new SparseLensError(
    `${path} began with another configuration: ${describeChanges(changes)}. Leave these out, or name another directory for the grid.`,
  );
}

/** Runs that need not be tried again, by name. */
async function readDiverged(files: LocalFiles, directory: string): Promise<Map<string, GridResult>> {
  const path = files.join(directory, RESULTS);
  if ((await files.kind(path)) === null) return new Map();
  const source = await files.open(path);
  const { runs } = await readJsonObject(source).finally(() => source.close());
  if (!Array.isArray(runs)) throw new SparseLensError(`${path} is not the results of a grid: remove it.`);
  return new Map(
    (runs as GridResult[])
      .filter(({ status }) => status === "diverged")
      .map((result) => [result.run, result]),
  );
}

function describeFinished(run: GridRun, config: TrainingConfig, last: ProgressLine): GridResult {
  const { L0, test_xent, training_seconds, mean_task_accuracy = null } = last;
  const { reached = null, tasks = null } = countReached(last) ?? {};
  return {
    ...{ run: run.name, values: run.values, status: "finished", parameters: countWeights(config) },
    ...{ L0, test_xent, mean_task_accuracy, tasks_reached: reached, tasks, training_seconds },
  };
}

function describeDiverged(run: GridRun, config: TrainingConfig, problem: string): GridResult {
  return {
    ...{ run: run.name, values: run.values, status: "diverged", parameters: countWeights(config) },
    ...{ L0: null, test_xent: null, mean_task_accuracy: null, tasks_reached: null, tasks: null },
    ...{ training_seconds: null, problem },
  };
}

/** A row of titles and one for each result, all of one length: first the values, as they were given, then the measures. */
export function gridTable(runs: readonly GridRun[], results: readonly GridResult[]): string[][] {
  const partsOf = ({ settings }: GridRun) => settings.map((setting) => setting.split("="));
  const keys = partsOf(runs[0]).map(([key]) => key);
  const titles = ["parameters", "nonzeros", "val. loss", "accuracy", "tasks", "seconds"];
  const rows = results.map((result) => {
    const { parameters, L0, test_xent, mean_task_accuracy: mean, training_seconds: seconds } = result;
    const count = (value: number | null) => value?.toLocaleString("en-US") ?? "";
    return [
      ...partsOf(runs.find(({ name }) => name === result.run)!).map(([, text]) => text),
      ...[count(parameters), count(L0), test_xent?.toFixed(4) ?? "diverged"],
      mean === null ? "" : `${(100 * mean).toFixed(1)} %`,
      result.tasks === null ? "" : `${result.tasks_reached}/${result.tasks}`,
      count(seconds && Math.round(seconds)),
    ];
  });
  return [[...keys, ...titles], ...rows];
}

function markdown([titles, ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
  return [titles, titles.map(() => "---:"), ...rows].map(line).join("");
}
