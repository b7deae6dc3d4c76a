import type { Kernels, Pointer } from "./kernels.js";
import type { EngineMemory } from "./memory.js";

/** Thrown on the threads that wait when another one failed or the caller aborted. */
export class Stopped extends Error {
  override name = "Stopped";
}

/** Turns at the barrier before a thread goes to sleep: about the time that waking it up would take. */
const SPINS = 20_000;

/** Words of the control block, which all threads and the caller share. */
export const CONTROL_WORDS = 4;
const ARRIVALS = 0;
const GENERATION = 1;
const ABORT = 2;
const MESSAGE = 3;

/** One of `count` threads that run the same program over the same memory. */
export class Thread {
  constructor(
    readonly index: number,
    readonly count: number,
    readonly kernels: Kernels,
    readonly memory: EngineMemory,
    /** Address of the control block. */
    readonly control: Pointer,
  ) {}

  /** Waits for all threads. @throws Stopped when one of them failed */
  barrier(): void {
    if (this.count === 1) return;
    this.kernels.barrier(this.control, this.count, SPINS);
    if (Atomics.load(this.memory.words, (this.control >> 2) + GENERATION) < 0) throw new Stopped();
  }

  /** Sends all other threads home: they throw Stopped at the barrier they wait at or come to. */
  stopOthers(): void {
    const word = (this.control >> 2) + GENERATION;
    Atomics.store(this.memory.words, word, -1);
    if (this.count > 1) Atomics.notify(this.memory.words, word);
  }

  /** @throws Stopped when the caller has aborted the call in progress */
  checkAbort(): void {
    if (Atomics.load(this.memory.words, (this.control >> 2) + ABORT) !== 0) throw new Stopped();
  }

  /** A number from thread 0 to all others: call on every thread. */
  broadcast(value: number): number {
    if (this.count === 1) return value;
    const word = (this.control >> 2) + MESSAGE;
    if (this.index === 0) this.memory.words[word] = value;
    this.barrier();
    const received = this.memory.words[word];
    this.barrier();
    return received;
  }

  /** This thread's share of `total` things, as [start, end). */
  share(total: number): [number, number] {
    return [
      Math.floor((total * this.index) / this.count),
      Math.floor((total * (this.index + 1)) / this.count),
    ];
  }
}

/** Before a call, when all threads are idle. */
export function resetControl(words: Int32Array, control: Pointer): void {
  for (const word of [ARRIVALS, GENERATION, ABORT]) Atomics.store(words, (control >> 2) + word, 0);
}

/** From the caller's side, while a call runs. */
export function requestAbort(words: Int32Array, control: Pointer): void {
  Atomics.store(words, (control >> 2) + ABORT, 1);
}
