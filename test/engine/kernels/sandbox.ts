import v8 from "node:v8";
import {
  availableKernels,
  compileKernels,
  instantiateKernels,
  type Kernels,
} from "../../../src/engine/kernels.js";
import { createPlainKernels } from "../../../src/engine/reference/kernels.js";

// Node 20 has relaxed SIMD behind a flag; later versions have it and ignore this.
v8.setFlagsFromString("--experimental-wasm-relaxed-simd");

const BASE = 4096;
const GAP = 64;

/** A stretch of memory that a kernel may write. */
export interface Area {
  pointer: number;
  bytes: number;
}

/**
 * A memory in which arrays are laid out one by one. All around them lie bytes of ones: NaN to whoever reads them as
 * floats, and a trace to whoever writes them.
 */
export class Sandbox {
  readonly memory = new WebAssembly.Memory({ initial: 48, maximum: 48 });
  #top = BASE;
  #before = new Uint8Array(0);

  constructor(readonly floatBytes: 4 | 8) {
    this.reset();
  }

  reset(): void {
    new Uint8Array(this.memory.buffer, BASE).fill(0xff, 0, this.#top + GAP - BASE);
    this.#top = BASE + GAP;
  }

  /** Room for `count` floats, the first of them set to `values`, the others NaN. */
  floats(values: ArrayLike<number>, count = values.length): number {
    const pointer = this.#allocate(Math.max(count, values.length) * this.floatBytes);
    this.#floatsAt(pointer, values.length).set(values);
    return pointer;
  }

  u16(values: ArrayLike<number>, count = values.length): number {
    const pointer = this.#allocate(Math.max(count, values.length) * 2);
    new Uint16Array(this.memory.buffer, pointer, values.length).set(values);
    return pointer;
  }

  u32(values: ArrayLike<number>): number {
    const pointer = this.#allocate(values.length * 4);
    new Uint32Array(this.memory.buffer, pointer, values.length).set(values);
    return pointer;
  }

  writeFloats(pointer: number, values: ArrayLike<number>): void {
    this.#floatsAt(pointer, values.length).set(values);
  }

  writeU16(pointer: number, values: ArrayLike<number>): void {
    new Uint16Array(this.memory.buffer, pointer, values.length).set(values);
  }

  readFloats(pointer: number, count: number): number[] {
    return Array.from(this.#floatsAt(pointer, count));
  }

  readU16(pointer: number, count: number): number[] {
    return Array.from(new Uint16Array(this.memory.buffer, pointer, count));
  }

  area(pointer: number, floats: number): Area {
    return { pointer, bytes: floats * this.floatBytes };
  }

  /** Calls `act`; throws if any byte outside of `writable` changed. */
  guarded<T>(writable: Area[], act: () => T): T {
    const size = this.#top + GAP - BASE;
    const live = new Uint8Array(this.memory.buffer, BASE, size);
    if (this.#before.length < size) this.#before = new Uint8Array(2 * size);
    this.#before.set(live);
    const result = act();
    const now = live.slice();
    for (const { pointer, bytes } of writable) {
      now.set(this.#before.subarray(pointer - BASE, pointer - BASE + bytes), pointer - BASE);
    }
    const difference = Buffer.compare(now, this.#before.subarray(0, size));
    if (difference !== 0) {
      const index = now.findIndex((byte, i) => byte !== this.#before[i]);
      throw new Error(`byte ${BASE + index} was written; only ${JSON.stringify(writable)} may be`);
    }
    return result;
  }

  #floatsAt(pointer: number, count: number): Float32Array | Float64Array {
    const { buffer } = this.memory;
    return this.floatBytes === 4
      ? new Float32Array(buffer, pointer, count)
      : new Float64Array(buffer, pointer, count);
  }

  #allocate(bytes: number): number {
    const pointer = this.#top;
    this.#top = (pointer + bytes + GAP + 15) & ~15;
    if (this.#top + GAP > this.memory.buffer.byteLength) throw new Error("the sandbox is full");
    return pointer;
  }
}

export interface Subject {
  name: string;
  sandbox: Sandbox;
  kernels: Kernels;
}

/** The WebAssembly kernels that this runtime can run: at least `simd`. */
export const fast: Subject[] = [];
for (const name of availableKernels()) {
  if (name === "plain") continue;
  const sandbox = new Sandbox(4);
  const kernels = instantiateKernels(await compileKernels(name, false), sandbox.memory);
  fast.push({ name, sandbox, kernels });
}

export const plain: Subject = createPlain(4);
export const exact: Subject = createPlain(8);

function createPlain(floatBytes: 4 | 8): Subject {
  const sandbox = new Sandbox(floatBytes);
  const kernels = createPlainKernels(sandbox.memory, floatBytes);
  return { name: `plain ${8 * floatBytes} bit`, sandbox, kernels };
}

/** Lays a case out in a fresh sandbox, runs it, and returns what it read back. */
export function runOn<T>(subject: Subject, run: (kernels: Kernels, sandbox: Sandbox) => T): T {
  subject.sandbox.reset();
  return run(subject.kernels, subject.sandbox);
}

/** The same case on the plain twin in float32 and on each WebAssembly build. */
export function compare<T>(
  run: (kernels: Kernels, sandbox: Sandbox) => T,
  check: (actual: T, expected: T, name: string) => void,
): void {
  const expected = runOn(plain, run);
  for (const subject of fast) check(runOn(subject, run), expected, subject.name);
}

/** Throws unless |actual - expected| ≤ tolerance · scale everywhere. `scale`: one for all, or one for each. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  scale: number | ArrayLike<number> = 1,
): void {
  if (actual.length !== expected.length) throw new Error(`${actual.length} values, not ${expected.length}`);
  for (let i = 0; i < actual.length; i++) {
    const allowed = tolerance * (typeof scale === "number" ? scale : scale[i]);
    if (!(Math.abs(actual[i] - expected[i]) <= allowed)) {
      throw new Error(`value ${i} is ${actual[i]}, not ${expected[i]} ± ${allowed}`);
    }
  }
}

export function largestOf(values: ArrayLike<number>): number {
  return Array.from(values).reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
}

/** Numbers from a seed, all of them exact in float32, so that every precision starts from the same inputs. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  normal(): number {
    return Math.fround(Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next()));
  }

  normals(count: number): number[] {
    return Array.from({ length: count }, () => this.normal());
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }
}
