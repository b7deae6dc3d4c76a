import type { NodeIndex } from "../model/node-index.js";
import { scoreCandidates } from "../tasks/score.js";
import type { AuditSubject } from "./audit-subject.js";
import { calibrated, fitCalibration } from "./calibration.js";
import type { Ablation, Circuit } from "./circuit.js";
import { MASK_TRAINING_DEFAULTS, type MaskTrainingSettings, SMALL_MODEL_SETTINGS } from "./mask-optimizer.js";
import { bestTrial, searchMasks } from "./mask-search.js";
import { MaskedModel } from "./masked-model.js";
import { ablationConstants, type Means } from "./means.js";
import { selectNodes } from "./node-search.js";
import { removeNodes } from "./removal.js";
import type { TaskSplits } from "./task-splits.js";
import type { TrialStore } from "./trials.js";

/** The search that a circuit comes from, to be done again: on the same task, on another, or in another model. */
export interface SearchBudget {
  /** What the search begins with. */
  readonly settings: MaskTrainingSettings;
  /** Trainings of masks, of as many steps each. */
  readonly trials: number;
  /** Whether nodes that no longer matter were removed at the end. */
  readonly hasRemoval: boolean;
}

export interface AuditSearchOptions {
  /** Trials that are there are not done again. */
  readonly store: TrialStore;
  /** What the trials are called there. */
  readonly label: string;
  /** Takes the place of the budget's seed. */
  readonly seed: number;
  readonly onStep?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** How many nodes a search needed for the target. */
export interface SearchedSize {
  readonly nodes: number;
  /** Whether the select split reaches the target; if not, the nodes are those that come nearest. */
  readonly reached: boolean;
  /** Task loss on the report split. */
  readonly loss: number;
}

/** What a search comes to, after bisection; nodes that no longer matter are not removed yet. */
export interface SearchOutcome {
  readonly plain: SearchedSize;
  /** The same where losses are compared after calibration: the fewest nodes of any trial. */
  readonly calibrated: SearchedSize;
  /** Of `plain`, by their numbers. */
  readonly nodes: readonly number[];
}

/** Trials where it is not known among how many a circuit was chosen. */
const DEFAULT_TRIALS = 3;

/** The budget of a circuit's own search; of one that was found in another way, that of `prune`. */
export function budgetOf({ found }: Circuit, trials?: number): SearchBudget {
  const isSearched = found.method === "masks";
  const given = Object.entries(found.settings).filter(
    ([key, value]) => Object.hasOwn(MASK_TRAINING_DEFAULTS, key) && typeof value === "number",
  );
  return {
    settings: isSearched
      ? { ...MASK_TRAINING_DEFAULTS, ...(Object.fromEntries(given) as Partial<MaskTrainingSettings>) }
      : SMALL_MODEL_SETTINGS,
    trials: trials ?? (isSearched ? Math.max(1, found.candidates) : DEFAULT_TRIALS),
    hasRemoval: !isSearched || found.steps.includes("node removal"),
  };
}

/** By what nodes are replaced while searching: as the circuit's; what was resampled, by means. null: they are missing. */
export function searchConstants(
  index: NodeIndex,
  ablation: Ablation,
  means: Means | null,
): Float32Array | null {
  if (ablation !== "zero" && !means) return null;
  return ablationConstants(index, ablation === "zero" ? "zero" : "mean", means);
}

/** A subject's model with masks; null where means are missing. */
export function maskedSubject({ model, index, circuit, means }: AuditSubject): MaskedModel | null {
  const constants = searchConstants(index, circuit.ablation, means);
  return constants && new MaskedModel(model, index, constants);
}

/** Searches with a budget. Everything is chosen on select; then report is read. */
export async function searchAgain(
  masked: MaskedModel,
  splits: TaskSplits,
  target: number,
  { settings, trials: count }: SearchBudget,
  { store, label, seed, onStep, signal }: AuditSearchOptions,
): Promise<SearchOutcome> {
  const trials = await searchMasks([masked], splits, {
    plan: { kind: "search", trials: count, centre: { ...settings, seed }, hasFixedSteps: true },
    ...{ targets: [target], store, label, onStep, signal },
  });
  const { trial, outcome } = bestTrial(trials, target);
  const nodes = trial.order.slice(0, outcome.k);
  let best: { readonly nodes: readonly number[]; readonly reached: boolean; readonly loss: number } | null =
    null;
  for (const { order } of trials) {
    const ranking = { nodes: order, method: "masks", settings: {} };
    const one = await selectNodes(masked, splits, ranking, target, { calibrate: true, signal });
    const isBetter =
      !best ||
      (one.reached === best.reached
        ? one.reached
          ? one.nodes.length < best.nodes.length
          : one.loss < best.loss
        : one.reached);
    if (isBetter) best = one;
  }
  const report = splits.report();
  const masks = [nodes, best!.nodes].map((some) => masked.masksOf(some));
  const [plain, chosen] = await masked.evaluate(report, masks, { signal });
  const [trained] = await masked.evaluate(splits.train, [masks[1]], { signal });
  return {
    nodes,
    plain: { nodes: nodes.length, reached: outcome.reached, loss: scoreCandidates(plain).loss },
    calibrated: {
      ...{ nodes: best!.nodes.length, reached: best!.reached },
      loss: scoreCandidates(calibrated(chosen, fitCalibration(trained))).loss,
    },
  };
}

/** The nodes that a search ends with: as the circuit's own did, without those that no longer matter. */
export async function finishSearch(
  masked: MaskedModel,
  splits: TaskSplits,
  target: number,
  { hasRemoval }: SearchBudget,
  { nodes, plain }: SearchOutcome,
  { onStep, signal }: Pick<AuditSearchOptions, "onStep" | "signal">,
): Promise<readonly number[]> {
  if (!hasRemoval || !plain.reached) return nodes;
  return (await removeNodes(masked, splits.select, nodes, target, { onStep, signal })).kept;
}
