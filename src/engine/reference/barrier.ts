import type { Kernels } from "../kernels.js";

/** The protocol of `kernels/barrier.ts`, so that threads with either kind of kernels can meet. */
export function barrierKernel(memory: WebAssembly.Memory): Pick<Kernels, "barrier"> {
  return {
    barrier(state, threads, spins) {
      const buffer: ArrayBufferLike = memory.buffer;
      if (buffer instanceof ArrayBuffer) return; // nobody to wait for
      const words = new Int32Array(buffer, state, 2);
      const generation = Atomics.load(words, 1);
      if (generation < 0) return;
      if (Atomics.add(words, 0, 1) === threads - 1) {
        Atomics.store(words, 0, 0);
        // Not a plain store: an abort that arrives in between must survive.
        Atomics.compareExchange(words, 1, generation, (generation + 1) & 0x7fffffff);
        Atomics.notify(words, 1);
        return;
      }
      let turns = 0;
      while (Atomics.load(words, 1) === generation) {
        if (++turns > spins) sleepWhile(words, generation);
      }
    },
  };
}

let maySleep = true;

function sleepWhile(words: Int32Array, generation: number): void {
  if (!maySleep) return;
  try {
    Atomics.wait(words, 1, generation);
  } catch {
    maySleep = false; // a browser's main thread: keep spinning
  }
}
