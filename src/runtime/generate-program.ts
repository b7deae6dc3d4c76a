import { BatchOperations } from "../engine/batch.js";
import { cacheOffset, type KeyValueCache, reserveCache } from "../engine/cache.js";
import { DecodeOperations } from "../engine/decode.js";
import { Arena } from "../engine/memory.js";
import type { Thread } from "../engine/thread.js";
import { padded } from "../engine/weights.js";
import type { GenerationSettings } from "../generation/options.js";
import { Sampler } from "../generation/sampler.js";
import { forward, forwardValues } from "../model/forward.js";
import { type HookPlan, reserveHooks } from "../model/hooks.js";
import { reserveEdits, type WeightEdit } from "../model/weight-edits.js";
import type { ModelWeights } from "../model/weights.js";
import { widestValue } from "./forward-program.js";
import type { Events } from "./protocol.js";

/** Continues one sequence of tokens. */
export interface GenerateCall {
  readonly type: "generate";
  readonly prompt: readonly number[];
  readonly settings: GenerationSettings;
  readonly hooks: readonly HookPlan[];
  readonly edits?: readonly WeightEdit[];
}

export interface GenerateResult {
  /** The new tokens. */
  readonly tokens: number[];
  /** Why it ended. */
  readonly finishReason: "length" | "end-of-text" | "block-size" | "stop";
  /** Milliseconds from the start to the first new token, and from there to the last. */
  readonly promptMilliseconds: number;
  readonly decodeMilliseconds: number;
  /**
   * Hook point → `[positions, width]`, a row for every position that was computed, in order; of a window that slid,
   * its last position.
   */
  readonly activations: Map<string, Float32Array<ArrayBuffer>[]>;
}

/** Sent around when thread 0 decides to end. */
const END = -1;

/** Runs on every thread alike; thread 0 samples, and returns the result. */
export function* generateProgram(
  thread: Thread,
  original: ModelWeights,
  free: number,
  { prompt, settings, hooks, edits = [] }: GenerateCall,
): Events<GenerateResult> {
  const { config } = original;
  const editing = new Arena(free, thread.memory.floatBytes);
  const edited = reserveEdits(thread, editing, original, edits);
  thread.commit(editing);
  edited.write();
  const { model } = edited;
  const start = editing.end;
  const sampler = thread.index === 0 ? new Sampler(settings, prompt) : null;
  const sequence = [...prompt];
  const activations = new Map<string, Float32Array<ArrayBuffer>[]>();
  const began = performance.now();
  let first = began;
  let finishReason: GenerateResult["finishReason"] = "length";

  // The token that follows, on every thread; END when there shall be none.
  function* advance(logits: Float32Array | null): Events<number> {
    let token = END;
    if (sampler && logits && !thread.isAskedToFinish()) {
      token = sampler.next(logits);
      if (sequence.length === prompt.length) first = performance.now();
      yield { type: "token", token };
    }
    token = thread.broadcast(token);
    if (token === END) finishReason = "stop";
    else sequence.push(token);
    return token;
  }
  const keep = (recorded: Iterable<readonly [string, Float32Array<ArrayBuffer>]>) => {
    for (const [point, values] of recorded) {
      const rows = activations.get(point) ?? [];
      rows.push(values);
      activations.set(point, rows);
    }
  };
  const isOver = (token: number) => {
    if (token === END) return true;
    if (settings.endOfText.includes(token)) finishReason = "end-of-text";
    else if (sequence.length < prompt.length + settings.maxNewTokens) return false;
    return true;
  };

  let over = false;
  if (sequence.length <= config.block_size) {
    const arena = new Arena(start, thread.memory.floatBytes);
    const d_heads = config.n_head * config.d_head;
    const capacity = Math.min(config.block_size, sequence.length + settings.maxNewTokens);
    const cache = reserveCache(arena, config.n_layer, config.n_head, config.d_head, capacity);
    const table = reserveHooks(thread, arena, hooks);
    const ops = new DecodeOperations(thread, arena, {
      cache,
      hooks: table.table,
      vocabularySize: config.vocab_size,
      widest: Math.max(widestValue(config), 3 * padded(d_heads)),
    });
    const values = forwardValues(config, ops);
    thread.commit(arena);
    ops.clear();
    clearCache(thread, cache);
    table.write();

    const logits = yield* wholeSequence(arena.end, sequence, cache);
    let token = yield* advance(logits);
    over = isOver(token);
    while (!over && sequence.length <= config.block_size) {
      ops.setToken(token, sequence.length - 1);
      yield* forward(model, values, ops);
      if (thread.index === 0) keep(ops.recorded);
      token = yield* advance(
        thread.index === 0 ? thread.memory.copyOut(ops.logits, config.vocab_size) : null,
      );
      over = isOver(token);
    }
  }
  // Beyond block_size the window slides: every position shifts, so nothing cached stays true.
  while (!over && settings.overflow === "crop") {
    const logits = yield* wholeSequence(start, sequence.slice(-config.block_size), undefined);
    over = isOver(yield* advance(logits));
  }
  if (!over) finishReason = "block-size";
  const ended = performance.now();
  return {
    tokens: sequence.slice(prompt.length),
    finishReason,
    promptMilliseconds: first - began,
    decodeMilliseconds: ended - first,
    activations,
  };

  /** Logits of the last token of a sequence, on thread 0. */
  function* wholeSequence(
    from: number,
    tokens: readonly number[],
    cache: KeyValueCache | undefined,
  ): Events<Float32Array | null> {
    const arena = new Arena(from, thread.memory.floatBytes);
    const table = reserveHooks(thread, arena, hooks);
    const ops = new BatchOperations(thread, arena, {
      sequences: [{ index: 0, tokens, offset: sequence.length - tokens.length }],
      hooks: table.table,
      logits: "last",
      vocabularySize: config.vocab_size,
      widest: widestValue(config),
      cache,
    });
    ops.reserveRecords(new Map(hooks.map(({ point, width }) => [point, width])));
    const values = forwardValues(config, ops);
    thread.commit(arena);
    table.write();
    yield* forward(model, values, ops);
    thread.barrier();
    const result = thread.index === 0 ? ops.result() : null;
    thread.barrier();
    if (result === null) return null;
    for (const [point, [rows]] of result.activations) {
      // Without a cache the window is computed anew for each token: only its last position is new.
      const width = rows.length / tokens.length;
      const isNew = cache || sequence.length === prompt.length;
      keep([[point, isNew ? rows : rows.slice(rows.length - width)]]);
    }
    return result.logits[0];
  }
}

function clearCache(thread: Thread, cache: KeyValueCache): void {
  const { keys, values, heads } = cache;
  const floats = cacheOffset(cache, heads, 0);
  const [first, last] = thread.share(keys.length);
  for (let layer = first; layer < last; layer++) {
    thread.kernels.zero(keys[layer], floats * thread.memory.floatBytes);
    thread.kernels.zero(values[layer], floats * thread.memory.floatBytes);
  }
  thread.barrier();
}
