import { Arena } from "../engine/memory.js";
import { SumOperations } from "../engine/sums.js";
import type { Thread } from "../engine/thread.js";
import { forward, forwardValues } from "../model/forward.js";
import type { ModelWeights } from "../model/weights.js";
import { passesOf, widestValue } from "./forward-program.js";
import type { Events } from "./protocol.js";

/** Sums of activations over all tokens of some sequences. */
export interface SumsCall {
  readonly type: "sums";
  readonly sequences: readonly { readonly tokens: readonly number[] }[];
  /** Hook points and their widths. */
  readonly points: readonly { readonly name: string; readonly width: number }[];
}

export interface SumsResult {
  /** `[width]` by hook point. */
  readonly sums: ReadonlyMap<string, Float64Array<ArrayBuffer>>;
  readonly tokens: number;
}

/** Runs on every thread alike; thread 0 returns the result. */
export function* sumsProgram(
  thread: Thread,
  model: ModelWeights,
  start: number,
  { sequences, points }: SumsCall,
): Events<SumsResult> {
  const { config } = model;
  const sums = new Map(points.map(({ name, width }) => [name, new Float64Array(width)]));
  for (const pass of passesOf(config, { sequences, hooks: [], logits: "none" })) {
    yield { type: "pass" };
    const arena = new Arena(start, thread.memory.floatBytes);
    const ops = new SumOperations(thread, arena, {
      sequences: pass,
      widths: new Map(points.map(({ name, width }) => [name, width])),
      vocabularySize: config.vocab_size,
      widest: widestValue(config),
    });
    const values = forwardValues(config, ops);
    thread.commit(arena);
    ops.begin();
    yield* forward(model, values, ops);
    thread.barrier();
    if (thread.index === 0) ops.addTo(sums);
    thread.barrier();
  }
  return { sums, tokens: sequences.reduce((sum, { tokens }) => sum + tokens.length, 0) };
}
