import type { Edge } from "../model/edges.js";
import { firstPairs, type TaskBatch } from "../tasks/batch.js";
import { scoreCandidates } from "../tasks/score.js";
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

/** How losses of sets of parts are known. */
export interface RemovalLosses<T> {
  /** What is held to the target. */
  lossesOf(sets: readonly (readonly T[])[]): Promise<readonly number[]>;
  /** Losses by which single parts are scored. Default: the same, which cost more where these look at fewer prompts. */
  scoresOf?(sets: readonly (readonly T[])[]): Promise<readonly number[]>;
  /** About how much the loss grows without each of the parts. Default: nobody knows. */
  estimate?(parts: readonly T[]): Promise<ArrayLike<number>>;
  /** More parts than this are not scored one by one: estimates alone say which may go. Default: however many there are. */
  readonly mostScored?: number;
}

/** Parts in all that estimates may take for idle, and are not, before they are no longer trusted. */
const PATIENCE = 8;

/** Parts that are scored at a time once there is something to order them by. */
const CHUNK = 16;

/**
 * Removes parts that no longer matter, as long as the loss stays within a target: first as many as possible of those that
 * matter least by the estimate, estimated anew each time. Then parts are scored by the loss without them, a few at a time, those
 * that mattered least before first, and as many as possible are removed at once; again and again. At the end all have been
 * scored, and by their scores none can be removed alone; unless they are too many.
 */
export async function removeGreedily<T>(
  parts: readonly T[],
  target: number,
  { lossesOf, scoresOf = lossesOf, estimate, mostScored = Number.POSITIVE_INFINITY }: RemovalLosses<T>,
): Promise<Removal<T>> {
  let kept = parts;
  let [loss] = await lossesOf([kept]);
  const known = new Map<T, number>();
  const byKnown = (a: T, b: T) => known.get(a)! - known.get(b)!;
  const without = (gone: ReadonlySet<T>) => kept.filter((part) => !gone.has(part));
  /** Removes as many of the first as possible: doubling, then halving, since most rounds remove few. */
  const removeFirst = async (order: readonly T[]): Promise<boolean> => {
    let removed = { count: 0, loss };
    let above = order.length + 1;
    for (let count = 1; above - removed.count > 1; ) {
      const [next] = await lossesOf([without(new Set(order.slice(0, count)))]);
      if (next <= target) removed = { count, loss: next };
      else above = count;
      const most = above > order.length ? order.length : (removed.count + above) >> 1;
      count = Math.min(2 * removed.count, most);
    }
    kept = without(new Set(order.slice(0, removed.count)));
    loss = removed.loss;
    return removed.count > 0;
  };
  if (estimate) {
    const refused = new Set<T>();
    const estimated = async () => {
      const estimates = await estimate(kept);
      kept.forEach((part, i) => {
        known.set(part, estimates[i]);
      });
      return kept.filter((part) => !refused.has(part)).sort(byKnown);
    };
    for (let order = await estimated(); order.length > 0 && refused.size < PATIENCE; ) {
      if (await removeFirst(order)) order = await estimated();
      else refused.add(order.shift()!);
    }
  }
  if (kept.length > mostScored) return { kept, scores: kept.map((part) => known.get(part)!), loss };
  // Those that scores on other prompts took for idle.
  const needed = new Set<T>();
  for (let hasRemoved = true; hasRemoved; ) {
    hasRemoved = false;
    const order = known.size === 0 ? [...kept] : [...kept].sort(byKnown);
    const chunk = known.size === 0 ? order.length : CHUNK;
    for (let first = 0; first < order.length; first += chunk) {
      const scored = order.slice(first, first + chunk);
      const sets = [kept, ...scored.map((part) => without(new Set([part])))];
      const [base, ...losses] = await scoresOf(sets);
      scored.forEach((part, i) => {
        known.set(part, losses[i] - base);
      });
      const removable = scored.filter((part) => !needed.has(part) && loss + known.get(part)! <= target);
      removable.sort(byKnown);
      while (removable.length > 0) {
        if (await removeFirst(removable)) {
          hasRemoved = true;
          break;
        }
        needed.add(removable.shift()!);
      }
    }
  }
  return { kept, scores: kept.map((part) => known.get(part)!), loss };
}

/** A dense model's circuit has thousands of edges, which would take hours. */
const MOST_SCORED_EDGES = 1024;

/** Pairs of prompts by which single nodes and edges are scored; the target is held on all. */
const SCORED_PAIRS = 32;

/** The pairs of a batch by which single nodes and edges are scored. */
export function scoredPairs(batch: TaskBatch): TaskBatch {
  return firstPairs(batch, SCORED_PAIRS);
}

/** Nodes that a target does not need. */
export function removeNodes(
  masked: MaskedModel,
  batch: TaskBatch,
  nodes: readonly number[],
  target: number,
  options: MaskedOptions = {},
): Promise<Removal<number>> {
  const masksOf = (sets: readonly (readonly number[])[]) => sets.map((set) => masked.masksOf(set));
  const few = scoredPairs(batch);
  const on = (prompts: TaskBatch) => async (sets: readonly (readonly number[])[]) =>
    (await masked.evaluate(prompts, masksOf(sets), options)).map((logits) => scoreCandidates(logits).loss);
  return removeGreedily(nodes, target, {
    lossesOf: on(batch),
    scoresOf: few === batch ? undefined : on(few),
    // Of first order: a mask falls from 1 to 0.
    estimate: async (kept) => {
      const gradient = await masked.gradient(few, masked.masksOf(kept), options);
      return kept.map((node) => -gradient[node]);
    },
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
  const few = scoredPairs(batch);
  const on = (prompts: TaskBatch) => async (sets: readonly (readonly Edge[])[]) => {
    const edits = sets.map((set) => {
      const kept = new Set(set);
      const left = edges.filter((edge) => !kept.has(edge));
      return edgeEdits(left, index, matrices, constants);
    });
    const logits = await masked.evaluate(
      prompts,
      sets.map(() => masks),
      { ...options, edits },
    );
    return logits.map((one) => scoreCandidates(one).loss);
  };
  let estimates: ReadonlyMap<Edge, number> | undefined;
  return removeGreedily(edges, target, {
    lossesOf: on(batch),
    scoresOf: few === batch ? undefined : on(few),
    // Once, with all edges there: an order is all that is wanted.
    estimate: async (kept) => {
      estimates ??= await masked.edgeGradient(few, masks, edges, { matrices, constants }, options);
      return kept.map((edge) => estimates!.get(edge)!);
    },
    mostScored: MOST_SCORED_EDGES,
  });
}
