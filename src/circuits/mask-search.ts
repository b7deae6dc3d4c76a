import { proposeTrials, type Trial } from "./hyperparameter-search.js";
import type { MaskTrainingSettings } from "./mask-optimizer.js";
import type { MaskedModel } from "./masked-model.js";
import { orderByMasks, selectNodes } from "./node-search.js";
import { MASK_DIMENSIONS, pointOf, settingsAt } from "./search-space.js";
import type { TaskSplits } from "./task-splits.js";
import type { MaskTrial, TrialStore } from "./trials.js";

/** Which masks are trained. */
export type PrunePlan =
  /** All of these settings. */
  | { readonly kind: "grid"; readonly settings: readonly MaskTrainingSettings[] }
  /** So many, from the settings at the centre on. */
  | {
      readonly kind: "search";
      readonly trials: number;
      readonly centre: MaskTrainingSettings;
      /** Every training has as many steps as the centre. Default: they are searched, too. */
      readonly hasFixedSteps?: boolean;
    };

export interface MaskSearchOptions {
  readonly plan: PrunePlan;
  /** Task losses to reach, in nats. */
  readonly targets: readonly number[];
  /** Trials that are there are not done again. */
  readonly store: TrialStore;
  /** What the trials are called there; default: as the task. */
  readonly label?: string;
  readonly signal?: AbortSignal;
  readonly onStep?: (done: number, total: number) => void;
  readonly onTrial?: (trial: MaskTrial, isNew: boolean, number: number, trials: number) => void;
}

/** Trials proposed at a time, none of which knows of the others. */
const ROUND = 4;
/** Trials before there is a model, at most: half of all. */
const INITIAL = 8;

/**
 * Trains masks (on train) with several settings, and discretises each at every target (on select).
 * @param masked the same model several times: so many trials run at a time; what comes out does not depend on it
 */
export async function searchMasks(
  masked: readonly MaskedModel[],
  splits: TaskSplits,
  options: MaskSearchOptions,
): Promise<MaskTrial[]> {
  const { plan, store, label = splits.task.name, onTrial } = options;
  const total = plan.kind === "grid" ? plan.settings.length : plan.trials;
  const trials: MaskTrial[] = [];
  while (trials.length < total) {
    const wanted =
      plan.kind === "grid" ? plan.settings : proposals(trials, plan, options.targets, masked[0].index.count);
    const queue = wanted.map((settings, i) => ({ settings, number: trials.length + i + 1 }));
    const done = new Map<number, MaskTrial>();
    const work = async (worker: MaskedModel) => {
      for (let job = queue.shift(); job; job = queue.shift()) {
        const { settings, number } = job;
        const before = store.find(label, settings);
        const trial = await runTrial(worker, splits, settings, before, label, options);
        if (trial !== before) await store.add(trial);
        done.set(number, trial);
        onTrial?.(trial, !before, number, total);
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
  { trials: total, centre, hasFixedSteps = false }: Extract<PrunePlan, { kind: "search" }>,
  targets: readonly number[],
  nodes: number,
): MaskTrainingSettings[] {
  const done = trials.map(({ settings, outcomes }): Trial => {
    // What else a trial was once bisected to is no part of this search.
    const sizes = targets.map((target) => {
      const { k, loss, reached } = outcomes.find((outcome) => outcome.target === target)!;
      return reached ? Math.log(k + 1) : Math.log(nodes + 1) + loss;
    });
    const objective = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
    return { point: shifted(pointOf(settings), pointOf(centre), -1), objective, cost: settings.steps };
  });
  return proposeTrials(done, {
    ...{ dimensions: MASK_DIMENSIONS.length, batch: Math.min(ROUND, total - trials.length) },
    ...{ initialTrials: Math.min(INITIAL, Math.ceil(total / 2)), seed: centre.seed },
  }).map((point) => {
    const settings = settingsAt(shifted(point, pointOf(centre), 1), centre);
    return hasFixedSteps ? { ...settings, steps: centre.steps } : settings;
  });
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
  task: string,
  { targets, signal, onStep }: MaskSearchOptions,
): Promise<MaskTrial> {
  const began = performance.now();
  const missing = targets.filter((target) => !before?.outcomes.some((outcome) => outcome.target === target));
  if (before && missing.length === 0) return before;
  const order = before
    ? { nodes: before.order, method: "masks", settings: {} }
    : await orderByMasks(masked, splits, settings, { signal, onStep });
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
