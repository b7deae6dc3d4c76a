import { replaceFile } from "../io/replace-file.js";
import { NodeIndex } from "../model/node-index.js";
import type { Model } from "../model.js";
import type { Task } from "../tasks/task.js";
import { assembleCircuit } from "./assemble.js";
import type { Ablation, Circuit } from "./circuit.js";
import { writeCircuitFile } from "./circuit-file.js";
import { edgeConstants } from "./edge-edits.js";
import { proposeTrials, type Trial } from "./hyperparameter-search.js";
import type { MaskTrainingSettings } from "./mask-optimizer.js";
import { MaskedModel, type MaskedOptions } from "./masked-model.js";
import { ablationConstants, type Means } from "./means.js";
import { modelHash } from "./model-identity.js";
import { orderByMasks, selectNodes } from "./node-search.js";
import { removeEdges, removeNodes } from "./removal.js";
import { MASK_DIMENSIONS, pointOf, settingsAt } from "./search-space.js";
import { prepareSplits, SPLIT_DEFAULTS, type SplitOptions, type TaskSplits } from "./task-splits.js";
import { type MaskTrial, TrialsDirectory } from "./trials.js";

/** Which masks are trained. */
export type PrunePlan =
  /** All of these settings. */
  | { readonly kind: "grid"; readonly settings: readonly MaskTrainingSettings[] }
  /** So many, from the settings at the centre on. */
  | { readonly kind: "search"; readonly trials: number; readonly centre: MaskTrainingSettings };

export interface PruneOptions {
  /** The same model several times, each with threads of its own: so many trials run at a time. */
  readonly models: readonly Model[];
  /** What it is called in circuits. */
  readonly name: string;
  readonly tasks: readonly Task[];
  /** Task losses to reach, in nats. */
  readonly targets: readonly number[];
  readonly plan: PrunePlan;
  readonly ablation: Exclude<Ablation, "resample">;
  /** For mean ablation. */
  readonly means: Means | null;
  readonly finalResid?: boolean;
  readonly splits?: Partial<SplitOptions>;
  /** Remove nodes that no longer matter, and edges. Default: both. */
  readonly removal?: { readonly nodes: boolean; readonly edges: boolean };
  /** Trials and circuits accumulate here; a search that was killed goes on. */
  readonly directory: string;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: PruneEvent) => void;
}

export type PruneEvent =
  | { readonly type: "task"; readonly task: string; readonly number: number; readonly tasks: number }
  | {
      readonly type: "progress";
      readonly task: string;
      readonly what: string;
      readonly done: number;
      readonly total: number;
    }
  | {
      readonly type: "trial";
      readonly trial: MaskTrial;
      readonly isNew: boolean;
      readonly number: number;
      readonly trials: number;
    }
  | { readonly type: "circuit"; readonly result: PruneResult }
  | { readonly type: "refused"; readonly task: string; readonly reason: string };

/** One task at one target. */
export interface PruneResult {
  readonly task: string;
  readonly target: number;
  /** Whether the select loss reaches it; without, the circuit is the best there was. */
  readonly reached: boolean;
  readonly nodes: number;
  readonly edges: number;
  /** After edge pruning; null: not done. */
  readonly pruned_edges: number | null;
  readonly losses: Circuit["losses"];
  /** How many trials it was chosen among. */
  readonly trials: number;
  /** Of the circuit, and of that with pruned edges. */
  readonly files: readonly string[];
}

/** Trials proposed at a time, none of which knows of the others. */
const ROUND = 4;
/** Trials before there is a model, at most: half of all. */
const INITIAL = 8;

/**
 * Finds the smallest circuits for tasks: masks are trained (on train), their discretised circuits compared (on select), the
 * smallest that reaches the target rid of what no longer matters, and measured (report is read once, then). What comes
 * out depends on the options alone, not on how many run at a time, nor on whether a search was interrupted.
 */
export async function prune(options: PruneOptions): Promise<PruneResult[]> {
  const { models, name, tasks, ablation, means, finalResid = false, splits, onEvent, signal } = options;
  const description = {
    model: { name, sha256: await modelHash(models[0]) },
    ...{ ablation, means: means?.reference ?? null, final_resid: finalResid },
    splits: { ...SPLIT_DEFAULTS, ...splits },
  };
  const directory = await TrialsDirectory.open(options.directory, description);
  try {
    const index = new NodeIndex(models[0].description, { finalResid });
    const constants = ablationConstants(index, ablation, means);
    const masked = models.map((model) => new MaskedModel(model, index, constants));
    const results: PruneResult[] = [];
    for (const [i, task] of tasks.entries()) {
      signal?.throwIfAborted();
      onEvent?.({ type: "task", task: task.name, number: i + 1, tasks: tasks.length });
      let prepared: TaskSplits;
      try {
        prepared = prepareSplits(models[0], task, splits);
      } catch (error) {
        if (tasks.length === 1 || !(error instanceof Error) || error.name !== "SparseLensError") throw error;
        onEvent?.({ type: "refused", task: task.name, reason: error.message });
        continue;
      }
      const trials = await runTrials(masked, prepared, directory, options);
      for (const target of options.targets) {
        const result = await writeBest(masked[0], prepared, trials, target, directory, options);
        results.push(result);
        onEvent?.({ type: "circuit", result });
      }
      await writeResults(directory, results);
    }
    return results;
  } finally {
    await directory.close();
  }
}

async function runTrials(
  masked: readonly MaskedModel[],
  splits: TaskSplits,
  directory: TrialsDirectory,
  options: PruneOptions,
): Promise<MaskTrial[]> {
  const { plan, onEvent } = options;
  const total = plan.kind === "grid" ? plan.settings.length : plan.trials;
  const trials: MaskTrial[] = [];
  while (trials.length < total) {
    const wanted =
      plan.kind === "grid"
        ? plan.settings
        : proposals(
            trials,
            Math.min(ROUND, total - trials.length),
            total,
            plan.centre,
            masked[0].index.count,
          );
    const queue = wanted.map((settings, i) => ({ settings, number: trials.length + i + 1 }));
    const done = new Map<number, MaskTrial>();
    const work = async (worker: MaskedModel) => {
      for (let job = queue.shift(); job; job = queue.shift()) {
        const { settings, number } = job;
        const before = directory.find(splits.task.name, settings);
        const trial = await runTrial(worker, splits, settings, before, options);
        if (trial !== before) await directory.add(trial);
        done.set(number, trial);
        onEvent?.({ type: "trial", trial, isNew: !before, number, trials: total });
      }
    };
    await Promise.all(masked.map(work));
    // In the order in which they were proposed, whichever ended first.
    trials.push(...[...done].sort(([a], [b]) => a - b).map(([, trial]) => trial));
  }
  return trials;
}

function proposals(
  trials: readonly MaskTrial[],
  batch: number,
  total: number,
  centre: MaskTrainingSettings,
  nodes: number,
): MaskTrainingSettings[] {
  const done = trials.map(({ settings, outcomes }): Trial => {
    const sizes = outcomes.map(({ k, loss, reached }) =>
      reached ? Math.log(k + 1) : Math.log(nodes + 1) + loss,
    );
    const objective = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
    return { point: shifted(pointOf(settings), pointOf(centre), -1), objective, cost: settings.steps };
  });
  return proposeTrials(done, {
    ...{ dimensions: MASK_DIMENSIONS.length, batch, seed: centre.seed },
    initialTrials: Math.min(INITIAL, Math.ceil(total / 2)),
  }).map((point) => settingsAt(shifted(point, pointOf(centre), 1), centre));
}

/** The search begins at the settings that were asked for, wherever the paper's centre is. */
function shifted(point: readonly number[], by: readonly number[], sign: 1 | -1): number[] {
  return point.map((x, i) => x + sign * by[i]);
}

async function runTrial(
  masked: MaskedModel,
  splits: TaskSplits,
  settings: MaskTrainingSettings,
  before: MaskTrial | undefined,
  { targets, signal, onEvent }: PruneOptions,
): Promise<MaskTrial> {
  const began = performance.now();
  const task = splits.task.name;
  const onStep = (done: number, total: number) =>
    onEvent?.({ type: "progress", task, what: "training masks", done, total });
  const order = before
    ? { nodes: before.order, method: "masks", settings: {} }
    : await orderByMasks(masked, splits, settings, { signal, onStep });
  const missing = targets.filter((target) => !before?.outcomes.some((outcome) => outcome.target === target));
  if (before && missing.length === 0) return before;
  const outcomes = [...(before?.outcomes ?? [])];
  for (const target of missing) {
    const { k, loss, reached } = await selectNodes(masked, splits, order, target, { signal });
    outcomes.push({ target, k, loss, reached });
  }
  const seconds = (before?.seconds ?? 0) + (performance.now() - began) / 1000;
  return { task, settings, order: order.nodes, outcomes, seconds: Number(seconds.toFixed(3)) };
}

/** The trial that reaches a target with the fewest nodes; where none does, that which comes nearest. */
export function bestTrial(trials: readonly MaskTrial[], target: number) {
  const outcomes = trials.map((trial) => ({
    trial,
    outcome: trial.outcomes.find((outcome) => outcome.target === target)!,
  }));
  return outcomes.reduce((best, other) => {
    const [a, b] = [best.outcome, other.outcome];
    if (a.reached !== b.reached) return b.reached ? other : best;
    const isBetter = a.reached ? b.k < a.k || (b.k === a.k && b.loss < a.loss) : b.loss < a.loss;
    return isBetter ? other : best;
  });
}

async function writeBest(
  masked: MaskedModel,
  splits: TaskSplits,
  trials: readonly MaskTrial[],
  target: number,
  { files, path }: TrialsDirectory,
  options: PruneOptions,
): Promise<PruneResult> {
  const { ablation, means, name, signal, onEvent, removal = { nodes: true, edges: true } } = options;
  const task = splits.task.name;
  const { trial, outcome } = bestTrial(trials, target);
  const during = (what: string): MaskedOptions => ({
    signal,
    onStep: (done, total) => onEvent?.({ type: "progress", task, what, done, total }),
  });
  const steps = ["bisection"];
  let nodes: readonly number[] = trial.order.slice(0, outcome.k);
  if (removal.nodes && outcome.reached) {
    nodes = (await removeNodes(masked, splits.select, nodes, target, during("removing nodes"))).kept;
    steps.push("node removal");
  }
  const found = {
    ...{ method: "masks", settings: { ...trial.settings }, steps, candidates: trials.length },
  };
  const circuit = await assembleCircuit(masked, splits, nodes, {
    ...{ name, target, ablation, means: ablation === "mean" ? (means?.reference ?? null) : null, found },
    ...{ report: true, ...during("scoring nodes") },
  });
  const directory = files.join(path, "circuits");
  await files.makeDirectory(directory);
  const base = files.join(directory, `${task}-${target}`);
  const written = [`${base}.json`];
  await writeCircuitFile(written[0], circuit);
  let prunedEdges: number | null = null;
  if (removal.edges && outcome.reached) {
    const constants = edgeConstants(masked.index, ablation, means);
    const pruned = await pruneEdges(masked, splits, circuit, constants, target, during("removing edges"));
    prunedEdges = pruned.edges.length;
    written.push(`${base}-edges.json`);
    await writeCircuitFile(written[1], pruned);
  }
  return {
    ...{ task, target, reached: outcome.reached, nodes: circuit.nodes.length, edges: circuit.edges.length },
    ...{ pruned_edges: prunedEdges, losses: circuit.losses, trials: trials.length, files: written },
  };
}

/** The circuit without the edges that its target does not need. */
export async function pruneEdges(
  masked: MaskedModel,
  splits: TaskSplits,
  circuit: Circuit,
  constants: ReturnType<typeof edgeConstants>,
  target: number,
  options: MaskedOptions = {},
): Promise<Circuit> {
  const { index } = masked;
  const nodes = circuit.nodes.map((node) => index.numberOf(node));
  const { kept, scores, loss } = await removeEdges(masked, splits.select, nodes, target, constants, options);
  return {
    ...circuit,
    edges_are: "pruned",
    edges: kept.map(
      ({ source, target, weight }) => [index.nameOf(source), index.nameOf(target), weight] as const,
    ),
    edge_scores: scores,
    node_scores: null,
    calibration: null,
    found: { ...circuit.found, steps: [...circuit.found.steps, "edge pruning"] },
    losses: {
      select: {
        ...circuit.losses.select!,
        circuit: loss,
        calibrated: null,
        accuracy: null,
        complement: null,
      },
    },
  };
}

async function writeResults(
  { files, path }: TrialsDirectory,
  results: readonly PruneResult[],
): Promise<void> {
  const target = files.join(path, "results.json");
  const isSame = (a: PruneResult, b: PruneResult) => a.task === b.task && a.target === b.target;
  let before: PruneResult[] = [];
  if ((await files.kind(target)) === "file") {
    before = (JSON.parse(await files.readText(target)) as { circuits: PruneResult[] }).circuits;
  }
  const circuits = [...before.filter((one) => !results.some((other) => isSame(one, other))), ...results];
  circuits.sort((a, b) => (a.task < b.task ? -1 : a.task > b.task ? 1 : a.target - b.target));
  await replaceFile(files, target, `${JSON.stringify({ circuits }, null, 1)}\n`);
}
