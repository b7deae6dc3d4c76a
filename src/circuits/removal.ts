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

/**
 * Removes parts that no longer matter, as long as the loss stays within a target: again and again all parts are scored by
 * the loss without them, and as many as possible of those that matter least are removed at once. At the end none can be
 * removed alone.
 * @param lossesOf the loss of each of several sets of parts
 */
export async function removeGreedily<T>(
  parts: readonly T[],
  target: number,
  lossesOf: (sets: readonly (readonly T[])[]) => Promise<readonly number[]>,
): Promise<Removal<T>> {
  let kept = parts;
  let [loss] = await lossesOf([kept]);
  for (;;) {
    const without = await lossesOf(kept.map((_, i) => kept.filter((_, j) => j !== i)));
    const scores = without.map((one) => one - loss);
    const order = kept.map((_, i) => i).sort((a, b) => without[a] - without[b] || a - b);
    if (order.length === 0 || !(without[order[0]] <= target)) return { kept, scores, loss };
    let removed = { count: 1, loss: without[order[0]] };
    let above = order.length + 1;
    const rest = (count: number) => {
      const gone = new Set(order.slice(0, count));
      return kept.filter((_, i) => !gone.has(i));
    };
    // Doubling, then halving: most rounds remove few.
    for (let count = 2; above - removed.count > 1; ) {
      const [next] = await lossesOf([rest(count)]);
      if (next <= target) removed = { count, loss: next };
      else above = count;
      count = Math.min(2 * removed.count, (removed.count + above) >> 1);
    }
    kept = rest(removed.count);
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
    const fitted = (await masked.evaluate(calibrateOn, masks, options)).map(fitCalibration);
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
