import { Arena } from "../engine/memory.js";
import type { Thread } from "../engine/thread.js";
import { type ModelWeights, productMatrices } from "../model/weights.js";
import type { Events } from "./protocol.js";

/** Measures the machine: for benchmarks. */
export interface MeasureCall {
  readonly type: "measure";
}

export interface Measurement {
  /** Bytes per second at which all threads together read memory, from end to end of more than caches hold. */
  readonly bandwidth: number;
  /** Bytes of the weights that one token's products touch, when AbsTopK leaves its fraction of their inputs. */
  readonly bytesPerToken: number;
  /** Milliseconds that thread 0 spent in each kernel since the last measurement; empty unless profiling. */
  readonly kernelMilliseconds: Readonly<Record<string, number>>;
}

const REPEATS = 9;
const BUFFER_BYTES = 256 * 2 ** 20;

/** Runs on every thread alike. */
export function* measureProgram(
  thread: Thread,
  model: ModelWeights,
  end: number,
  kernelMilliseconds: Readonly<Record<string, number>>,
): Events<Measurement> {
  const arena = new Arena(end, thread.memory.floatBytes);
  const buffer = arena.bytes(BUFFER_BYTES);
  thread.commit(arena);
  const [first, last] = thread.share(BUFFER_BYTES / 64);
  // Memory that was never written has no pages of its own.
  thread.kernels.zero(buffer + first * 64, (last - first) * 64);
  const times: number[] = [];
  for (let repeat = -REPEATS; repeat < REPEATS; repeat++) {
    thread.barrier();
    const began = performance.now();
    thread.kernels.stream_sum(buffer + first * 64, (last - first) * 64);
    thread.barrier();
    // The first runs only make the compiler optimise.
    if (repeat >= 0) times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  return {
    bandwidth: (BUFFER_BYTES * 1000) / times[REPEATS >> 1],
    bytesPerToken: bytesPerToken(model, thread.memory.floatBytes),
    kernelMilliseconds,
  };
}

function bytesPerToken(model: ModelWeights, floatBytes: number): number {
  return productMatrices(model).reduce((bytes, { nonzeros, byColumn }) => {
    const touched = byColumn ? nonzeros * (model.config.afrac ?? 1) : nonzeros;
    return bytes + touched * (floatBytes + 2);
  }, 0);
}
