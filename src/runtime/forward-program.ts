import { BatchOperations, type BatchResult, occupiedTokens } from "../engine/batch.js";
import { Arena } from "../engine/memory.js";
import type { Thread } from "../engine/thread.js";
import type { ModelConfig } from "../model/config.js";
import { inputWidth } from "../model/description.js";
import { forward, forwardValues } from "../model/forward.js";
import { type HookPlan, reserveHooks } from "../model/hooks.js";
import type { ModelWeights } from "../model/weights.js";
import type { Events } from "./protocol.js";

/** A forward pass over sequences of any lengths up to `block_size`. */
export interface ForwardCall {
  readonly type: "forward";
  readonly sequences: readonly { readonly tokens: readonly number[]; readonly targets?: readonly number[] }[];
  readonly logits: "all" | "last" | "none";
  readonly hooks: readonly HookPlan[];
}

/** Bytes of activations that one pass may take before a batch is cut into several. */
const PASS_BYTES = 64 * 2 ** 20;

/** The widest activations or logits that a pass makes. */
export function widestValue(config: ModelConfig): number {
  return Math.max(inputWidth(config), config.n_head * config.d_head, config.d_mlp, config.vocab_size);
}

/** Runs on every thread alike; thread 0 returns the result. */
export function* forwardProgram(
  thread: Thread,
  model: ModelWeights,
  start: number,
  call: ForwardCall,
): Events<BatchResult> {
  const result: BatchResult = { logits: [], losses: [], activations: new Map() };
  for (const sequences of passesOf(model.config, call)) {
    yield { type: "pass" };
    const arena = new Arena(start, thread.memory.floatBytes);
    const hooks = reserveHooks(thread, arena, call.hooks);
    const ops = new BatchOperations(thread, arena, {
      sequences,
      hooks: hooks.table,
      logits: call.logits,
      vocabularySize: model.config.vocab_size,
      widest: widestValue(model.config),
    });
    ops.reserveRecords(new Map(call.hooks.map(({ point, width }) => [point, width])));
    const values = forwardValues(model.config, ops);
    thread.commit(arena);
    hooks.write();
    yield* forward(model, values, ops);
    thread.barrier();
    if (thread.index === 0) append(result, ops.result());
    thread.barrier();
  }
  return result;
}

/** Consecutive sequences that together stay within PASS_BYTES; at least one. */
export function passesOf(
  config: ModelConfig,
  { sequences, hooks, logits }: Pick<ForwardCall, "sequences" | "hooks" | "logits">,
) {
  const recorded = hooks.reduce((sum, { record, width }) => sum + (record ? width : 0), 0);
  const made = 3 * config.d_model + 4 * config.n_head * config.d_head + config.d_mlp;
  const bytesPerToken = 4 * (made + recorded + (logits === "all" ? config.vocab_size : 0));
  const limit = PASS_BYTES / bytesPerToken;
  const passes: { index: number; tokens: readonly number[]; targets?: readonly number[] }[][] = [];
  let tokens = 0;
  sequences.forEach((sequence, index) => {
    const more = occupiedTokens(sequence.tokens.length);
    tokens += more;
    if (passes.length === 0 || tokens > limit) {
      passes.push([]);
      tokens = more;
    }
    passes[passes.length - 1].push({ index, ...sequence });
  });
  return passes;
}

function append(result: BatchResult, part: BatchResult): void {
  result.logits.push(...part.logits);
  result.losses.push(...part.losses);
  for (const [point, values] of part.activations) {
    const all = result.activations.get(point) ?? [];
    all.push(...values);
    result.activations.set(point, all);
  }
}
