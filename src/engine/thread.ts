import type { Kernels } from "./kernels.js";
import { type Arena, CONTROL, type EngineMemory } from "./memory.js";

/** Thrown on the threads that wait when another one failed or the caller aborted. */
export class Stopped extends Error {
  override name = "Stopped";
}

/** Turns at the barrier before a thread goes to sleep: about the time that waking it up would take. */
const SPINS = 500_000;

// Words of the control block, which all threads and the caller share.
const ARRIVALS = CONTROL >> 2;
const GENERATION = ARRIVALS + 1;
const REQUEST = ARRIVALS + 2;
const MESSAGE = ARRIVALS + 3;

// What the caller may request while a call runs.
const ABORT = 1;
const FINISH = 2;

/** One of `count` threads that run the same program over the same memory. */
export class Thread {
  constructor(
    readonly index: number,
    readonly count: number,
    readonly kernels: Kernels,
    readonly memory: EngineMemory,
  ) {}

  /** Waits for all threads. @throws Stopped when one of them failed, or the caller aborted */
  barrier(): void {
    if (this.count > 1) this.kernels.barrier(CONTROL, this.count, SPINS);
    const { words } = this.memory;
    if (Atomics.load(words, GENERATION) < 0 || Atomics.load(words, REQUEST) === ABORT) throw new Stopped();
  }

  /** Whether the caller wants what there is, and no more. */
  isAskedToFinish(): boolean {
    return Atomics.load(this.memory.words, REQUEST) === FINISH;
  }

  /** Grows the memory to hold all that the arena has handed out: call on every thread. */
  commit(arena: Arena): void {
    if (this.index === 0) this.memory.ensure(arena.end);
    this.barrier();
  }

  /** Sends all other threads home: they throw Stopped at the barrier they wait at or come to. */
  stopOthers(): void {
    Atomics.store(this.memory.words, GENERATION, -1);
    if (this.count > 1) Atomics.notify(this.memory.words, GENERATION);
  }

  /** A number from thread 0 to all others: call on every thread. */
  broadcast(value: number): number {
    if (this.count === 1) return value;
    if (this.index === 0) this.memory.words[MESSAGE] = value;
    this.barrier();
    const received = this.memory.words[MESSAGE];
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
export function resetControl(words: Int32Array): void {
  for (const word of [ARRIVALS, GENERATION, REQUEST]) Atomics.store(words, word, 0);
}

/** From the caller's side, while a call runs. */
export function requestAbort(words: Int32Array): void {
  Atomics.store(words, REQUEST, ABORT);
}

/** The same, to have the result of what was done so far. */
export function requestFinish(words: Int32Array): void {
  Atomics.compareExchange(words, REQUEST, 0, FINISH);
}
