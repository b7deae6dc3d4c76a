import type { Edge } from "../model/edges.js";
import type { TaskBatch } from "../tasks/batch.js";
import { scoreCandidates } from "../tasks/score.js";
import { calibrated, fitCalibration } from "./calibration.js";
import { type EdgeConstants, edgeEdits } from "./edge-edits.js";
import type { MaskedModel, MaskedOptions } from "./masked-model.js";
import { modelEdges } from "./model-edges.js";

/** What is left after removal. */
export interface Removal<T> {
  readonly kept: readonly T[];
  /** By how much the loss grows when each of those is removed too. */
  readonly scores: readonly number[];
  readonly loss: number;
}

/** Parts that are scored at a time once there are scores of before. */
const CHUNK = 16;

/**
 * Removes parts that no longer matter, as long as the loss stays within a target. All parts are scored by the loss without
 * them, and as many as possible of those that matter least are removed at once; then those that mattered least before are
 * scored again, until one can be removed. At the end all have been scored, and none can be removed alone.
 * @param lossesOf the loss of each of several sets of parts
 */
export async function removeGreedily<T>(
  parts: readonly T[],
  target: number,
  lossesOf: (sets: readonly (readonly T[])[]) => Promise<readonly number[]>,
): Promise<Removal<T>> {
  let kept = parts;
  let [loss] = await lossesOf([kept]);
  const known = new Map<T, number>();
  const without = (gone: ReadonlySet<T>) => kept.filter((part) => !gone.has(part));
  for (;;) {
    const order = known.size === 0 ? [...kept] : [...kept].sort((a, b) => known.get(a)! - known.get(b)!);
    const chunk = known.size === 0 ? order.length : CHUNK;
    let removable: T[] = [];
    for (let first = 0; first < order.length && removable.length === 0; first += chunk) {
      const scored = order.slice(first, first + chunk);
      const losses = await lossesOf(scored.map((part) => without(new Set([part]))));
      scored.forEach((part, i) => {
        known.set(part, losses[i]);
      });
      removable = scored.filter((_, i) => losses[i] <= target);
    }
    if (removable.length === 0) return { kept, scores: kept.map((part) => known.get(part)! - loss), loss };
    removable.sort((a, b) => known.get(a)! - known.get(b)!);
    let removed = { count: 1, loss: known.get(removable[0])! };
    let above = removable.length + 1;
    // Doubling, then halving: most rounds remove few.
    for (let count = 2; above - removed.count > 1; ) {
      if (count >= above) count = (removed.count + above) >> 1;
      const [next] = await lossesOf([without(new Set(removable.slice(0, count)))]);
      if (next <= target) removed = { count, loss: next };
      else above = count;
      count = Math.min(2 * removed.count, (removed.count + above) >> 1);
    }
    kept = without(new Set(removable.slice(0, removed.count)));
    loss = removed.loss;
  }
}

export interface RemoveNodesOptions extends MaskedOptions {
  /** Compare losses after calibration, fitted to each set of nodes anew on these prompts. Default: before. */
  readonly calibrateOn?: TaskBatch;
}

/** Nodes that a target does not need. */
export function removeNodes(
  masked: MaskedModel,
  batch: TaskBatch,
  nodes: readonly number[],
  target: number,
  { calibrateOn, ...options }: RemoveNodesOptions = {},
): Promise<Removal<number>> {
  return removeGreedily(nodes, target, async (sets) => {
    const masks = sets.map((set) => masked.masksOf(set));
    const logits = await masked.evaluate(batch, masks, options);
    if (!calibrateOn) return logits.map((one) => scoreCandidates(one).loss);
    const others = calibrateOn === batch ? logits : await masked.evaluate(calibrateOn, masks, options);
    const fitted = others.map(fitCalibration);
    return logits.map((one, i) => scoreCandidates(calibrated(one, fitted[i])).loss);
  });
}

/** Edges between some nodes that a target does not need; what they carry is replaced by constants. */
export async function removeEdges(
  masked: MaskedModel,
  batch: TaskBatch,
  nodes: readonly number[],
  target: number,
  constants: EdgeConstants,
  options: MaskedOptions = {},
): Promise<Removal<Edge>> {
  const { index } = masked;
  const { edges, matrices } = await modelEdges(masked.model, index, nodes);
  const masks = masked.masksOf(nodes);
  return removeGreedily(edges, target, async (sets) => {
    const edits = sets.map((set) => {
      const kept = new Set(set);
      const left = edges.filter((edge) => !kept.has(edge));
      return edgeEdits(left, index, matrices, constants);
    });
    const logits = await masked.evaluate(
      batch,
      sets.map(() => masks),
      { ...options, edits },
    );
    return logits.map((one) => scoreCandidates(one).loss);
  });
}
