import type { Pointer } from "./kernels.js";
import type { SparseWeights } from "./weights.js";

/** Activations `[tokens, width]` in the engine's memory; how they are laid out is their operations' business. */
export interface Value {
  readonly pointer: Pointer;
  readonly width: number;
}

/** Weights of a LayerNorm or RMSNorm; a pointer of 0 stands for none. */
export interface NormWeights {
  readonly kind: "layer" | "rms";
  readonly weight: Pointer;
  readonly bias: Pointer;
  readonly eps: number;
}

/** What a function given as an intervention sees and may replace: one sequence's value at one hook point. */
export interface HookValue {
  /** Index in the batch. */
  readonly sequence: number;
  /** Position of the first row in its sequence. */
  readonly position: number;
  /** `[tokens, width]` */
  readonly data: Float32Array<ArrayBuffer>;
  readonly width: number;
}

/** Thread 0's request to the caller: apply intervention `id` to these values. The answer has the same shapes. */
export interface HookRequest {
  readonly type: "hook";
  readonly id: number;
  readonly point: string;
  readonly values: readonly HookValue[];
}
export type HookReply = readonly Float32Array[];

/** A computation that stops only to ask the caller for a hook's replacement. */
export type Steps<T = void> = Generator<HookRequest, T, HookReply>;

/** Replaces channels by constants, at all positions or at some. */
export interface ChannelReplacement {
  readonly kind: "channels";
  /** u32[count] */
  readonly channels: Pointer;
  /** f32[count] */
  readonly values: Pointer;
  readonly count: number;
  readonly positions: readonly number[] | null;
}

/** Replaces a value by what the caller's function number `id` makes of it. */
export interface FunctionReplacement {
  readonly kind: "function";
  readonly id: number;
}

export interface HookActions {
  /** In this order, before the value is recorded. */
  readonly replacements: readonly (ChannelReplacement | FunctionReplacement)[];
  readonly record: boolean;
}

/** What to do at which hook points. */
export type HookTable = ReadonlyMap<string, HookActions>;

/**
 * The steps a transformer is made of, over all tokens of a pass. Every thread calls the same operations in the same
 * order; each works on its share. Two implementations: many tokens in panels, or one token that extends a cache.
 */
export interface Operations {
  /** Room for a value. All values are made before the first operation. */
  value(width: number): Value;
  /** x = rows of the token table, plus rows of the position table if there is one. */
  embed(x: Value, tokens: SparseWeights, positions: SparseWeights | null): void;
  /** The first channels of y = norm(x). */
  norm(y: Value, x: Value, weights: NormWeights): void;
  /** The channels of y from `offset` on = norm(rows of the position table). */
  concatenatePositions(y: Value, offset: number, positions: SparseWeights, weights: NormWeights): void;
  /** Keeps the k largest in absolute value of each token, in place; null: all. @param point the hook point behind it */
  absTopK(x: Value, k: number | null, point?: string): void;
  /** The outputs, side by side, = activation(W x + bias). @param derivative receives gelu's */
  linear(
    outputs: readonly Value[],
    x: Value,
    weights: SparseWeights,
    activation?: Activation,
    derivative?: Value,
  ): void;
  /** y = causal attention of each sequence. @param sinks f32[heads], or 0 */
  attention(layer: number, y: Value, q: Value, k: Value, v: Value, heads: number, sinks: Pointer): void;
  /** y = x + delta; y may be x. */
  add(y: Value, x: Value, delta: Value): void;
  relu(x: Value): void;
  /** Logits = W x + bias + bigram[token], where they are wanted. @param bigram f32[vocab, vocab], or 0 */
  unembed(x: Value, weights: SparseWeights, bigram: Pointer): void;
  /** Whether anything is to be done at this hook point. */
  watches(point: string): boolean;
  /** Replaces and records a value. */
  hook(point: string, value: Value): Steps;
}

/** The same steps backward. The gradient of a value is laid out as the value; weights' gradients go where they belong. */
export interface BackwardOperations extends Operations {
  /** Backward of `hook`: dx becomes the gradient of what was replaced. */
  hookBackward(point: string, dx: Value): void;
  copy(y: Value, x: Value): void;
  zero(x: Value): void;
  /** dx, from the losses that `unembed` computed. */
  unembedBackward(dx: Value, x: Value, weights: SparseWeights, bigram: Pointer): void;
  /** dx = Wᵀ dy, with dy the outputs' gradients side by side. */
  linearBackward(dx: Value, douts: readonly Value[], x: Value, weights: SparseWeights): void;
  /** dx += what the norm of x passes on of dy's first channels. */
  normBackward(dx: Value, dy: Value, x: Value, weights: NormWeights): void;
  concatenatePositionsBackward(
    dy: Value,
    offset: number,
    positions: SparseWeights,
    weights: NormWeights,
  ): void;
  /** Lets pass what the forward pass kept, in place. @param y the forward pass's result */
  absTopKBackward(dx: Value, y: Value, k: number | null): void;
  reluBackward(dx: Value, y: Value): void;
  /** @param y the activation's result; relu's says what its derivative was */
  activationBackward(dx: Value, y: Value, activation: Activation, derivative?: Value): void;
  attentionBackward(
    gradients: readonly [dq: Value, dk: Value, dv: Value],
    dy: Value,
    inputs: readonly [q: Value, k: Value, v: Value],
    y: Value,
    heads: number,
    sinks: Pointer,
  ): void;
  embedBackward(dx: Value, table: SparseWeights, rows: "tokens" | "positions"): void;
}

export type Activation = "identity" | "gelu" | "relu";
