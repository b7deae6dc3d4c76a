import { SparseLensError } from "../errors.js";
import type { Model } from "../model.js";
import type { Tensor } from "../tensor.js";

/** A head: layer and number in it. */
export interface Head {
  readonly layer: number;
  readonly head: number;
}

/** What one position's attention is made of. */
export interface HeadAttention {
  /** `[positions up to it]`: shares, which with the sink's add up to 1. */
  readonly weights: Float64Array;
  readonly sink: number;
}

/** Hook points that a head's attention is computed from. */
export function attentionPoints({ layer }: Head): [q: string, k: string] {
  return [`${layer}.attn.q`, `${layer}.attn.k`];
}

/** Reads `1.3`. @throws SparseLensError quoting what cannot be read */
export function parseHead(text: string): Head {
  const match = /^(\d+)\.(\d+)$/.exec(text);
  if (match) return { layer: Number(match[1]), head: Number(match[2]) };
  throw new SparseLensError(
    `${JSON.stringify(text)} is not a head: write a layer and a number in it, such as 1.3.`,
  );
}

/** @throws SparseLensError when the model has no such head */
export function requireHead({ config }: Model, { layer, head }: Head): void {
  if (layer < config.n_layer && head < config.n_head) return;
  throw new SparseLensError(
    `There is no head ${layer}.${head}: layers are 0 to ${config.n_layer - 1}, heads 0 to ${config.n_head - 1}.`,
  );
}

/** The logit of a head's sink: -Infinity where the model has none, which then has no weight. */
export async function sinkLogit(model: Model, { layer, head }: Head): Promise<number> {
  if (!model.config.sink) return Number.NEGATIVE_INFINITY;
  const name = `transformer.h.${layer}.attn.attn_imp.sink_logit`;
  const { vectors } = await model.run({ type: "weights", names: [name] });
  return vectors.get(name)![head];
}

/**
 * What a position of a sequence attends to through a head: softmax of q · k / √d_head over it and those before, with the sink
 * among them.
 * @param q values at the head's layer, `[tokens, n_head * d_head]`
 * @param k the same
 * @param sink the logit of the head's sink
 */
export function attentionAt(
  position: number,
  { config: { d_head } }: Pick<Model, "config">,
  { head }: Pick<Head, "head">,
  { data: q, shape: [, width] }: Tensor,
  { data: k }: Tensor,
  sink: number,
): HeadAttention {
  const first = head * d_head;
  const scores = Float64Array.from({ length: position + 1 }, (_, row) => {
    let sum = 0;
    for (let j = first; j < first + d_head; j++) sum += q[position * width + j] * k[row * width + j];
    return sum / Math.sqrt(d_head);
  });
  const largest = scores.reduce((a, b) => Math.max(a, b), sink);
  const weights = scores.map((score) => Math.exp(score - largest));
  const ofSink = Math.exp(sink - largest);
  const total = weights.reduce((sum, weight) => sum + weight, ofSink);
  return { weights: weights.map((weight) => weight / total), sink: ofSink / total };
}

/** The same of the last position. */
export function lastAttention(
  model: Pick<Model, "config">,
  head: Head,
  q: Tensor,
  k: Tensor,
  sink: number,
): HeadAttention {
  return attentionAt(q.shape[0] - 1, model, head, q, k, sink);
}
