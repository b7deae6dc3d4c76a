import { SparseLensError } from "../errors.js";
import type { HookOptions, Model, Tokens } from "../model.js";
import { attentionAt, attentionPoints, sinkLogit } from "./attention.js";

/** How one head attends, position by position. */
export interface AttentionPattern {
  readonly layer: number;
  readonly head: number;
  readonly tokens: number;
  /** `[tokens, tokens]`, query by key: weights; what is missing to 1 in a row goes to the sink. */
  readonly weights: Float32Array;
  /** `[tokens]`: weight of the sink, 0 without one. */
  readonly sink: Float32Array;
  /** `[tokens, tokens]`: what one channel of q and k adds to the score before the softmax. null: none was asked for. */
  readonly share: Float32Array | null;
}

/** The channel that a node of q, k or v has within its head. */
export function headOf({ d_head }: { readonly d_head: number }, channel: number) {
  return { head: Math.floor(channel / d_head), within: channel % d_head };
}

/**
 * The attention pattern of a head over some tokens: softmax of the causal scores q · k / √d_head, with the head's sink among
 * them where there is one.
 * @param channel of q and k, whose part of the scores is wanted too
 * @throws SparseLensError when there is no such layer or head
 */
export async function attentionPattern(
  model: Model,
  input: Tokens,
  { layer, head, channel }: { readonly layer: number; readonly head: number; readonly channel?: number },
  options: Pick<HookOptions, "ablation" | "interventions" | "signal"> = {},
): Promise<AttentionPattern> {
  const { n_layer, n_head, d_head } = model.config;
  if (!(layer >= 0 && layer < n_layer && head >= 0 && head < n_head)) {
    throw new SparseLensError(
      `There is no head ${head} in layer ${layer}: layers 0 to ${n_layer - 1}, heads 0 to ${n_head - 1}.`,
    );
  }
  const [Q, K] = attentionPoints({ layer, head });
  const { activations } = await model.forward(input, { ...options, record: [Q, K], logits: "none" });
  const [q, k] = [activations.get(Q)!, activations.get(K)!];
  const [tokens, width] = q.shape;
  const logit = await sinkLogit(model, { layer, head });
  const weights = new Float32Array(tokens * tokens);
  const sink = new Float32Array(tokens);
  const share = channel === undefined ? null : new Float32Array(tokens * tokens);
  for (let i = 0; i < tokens; i++) {
    const attention = attentionAt(i, model, { head }, q, k, logit);
    weights.set(attention.weights, i * tokens);
    sink[i] = attention.sink;
    if (!share) continue;
    for (let j = 0; j <= i; j++)
      share[i * tokens + j] =
        (q.data[i * width + channel!] * k.data[j * width + channel!]) / Math.sqrt(d_head);
  }
  return { layer, head, tokens, weights, sink, share };
}
