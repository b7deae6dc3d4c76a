import { SparseLensError } from "../errors.js";
import type { Pointer } from "./kernels.js";

const PAGE = 65536;
/** Address of the control block; below it lie the kernels' own constants. */
export const CONTROL: Pointer = PAGE;
const FIRST_FREE = CONTROL + 64;

type Floats = Float32Array | Float64Array;

/**
 * The linear memory in which all numbers live, with views that survive its growth. Every thread has one of these over
 * the same memory.
 */
export class EngineMemory {
  /** Bytes of a float: 8 with the plain kernels in float64 only. */
  readonly floatBytes: 4 | 8;
  readonly #memory: WebAssembly.Memory;
  #buffer: ArrayBufferLike;
  #bytes: Uint8Array;
  #words: Int32Array;

  constructor(memory: WebAssembly.Memory, floatBytes: 4 | 8 = 4) {
    this.#memory = memory;
    this.floatBytes = floatBytes;
    this.#buffer = memory.buffer;
    this.#bytes = new Uint8Array(this.#buffer);
    this.#words = new Int32Array(this.#buffer);
  }

  get bytes(): Uint8Array {
    this.#refresh();
    return this.#bytes;
  }

  get words(): Int32Array {
    this.#refresh();
    return this.#words;
  }

  get byteLength(): number {
    return this.#memory.buffer.byteLength;
  }

  /** A view of `count` floats; gone stale when the memory grows. */
  floats(pointer: Pointer, count: number): Floats {
    const { buffer } = this.#memory;
    return this.floatBytes === 4
      ? new Float32Array(buffer, pointer, count)
      : new Float64Array(buffer, pointer, count);
  }

  /** A copy of `count` floats as float32, in memory that is not shared. */
  copyOut(pointer: Pointer, count: number): Float32Array<ArrayBuffer> {
    const copy = new Float32Array(count);
    copy.set(this.floats(pointer, count));
    return copy;
  }

  /** Grows the memory until byte `end` exists. @throws SparseLensError beyond 4 GB or what the machine has */
  ensure(end: number): void {
    const missing = end - this.byteLength;
    if (missing <= 0) return;
    try {
      this.#memory.grow(Math.ceil(missing / PAGE));
    } catch {
      throw new SparseLensError(
        `Out of memory: ${(end / 2 ** 30).toFixed(2)} GiB needed, and WebAssembly addresses at most 4 GiB. Use a smaller model, shorter sequences, or record less at once.`,
      );
    }
  }

  #refresh(): void {
    if (this.#buffer === this.#memory.buffer) return;
    this.#buffer = this.#memory.buffer;
    this.#bytes = new Uint8Array(this.#buffer);
    this.#words = new Int32Array(this.#buffer);
  }
}

/**
 * Hands out addresses upward from a start, and does nothing else: threads that make the same requests in the same
 * order get the same addresses without a word to each other.
 */
export class Arena {
  #next: number;
  readonly #floatBytes: number;

  constructor(start: Pointer = FIRST_FREE, floatBytes: 4 | 8 = 4) {
    this.#next = start;
    this.#floatBytes = floatBytes;
  }

  get end(): number {
    return this.#next;
  }

  /** Room for `count` bytes, at a multiple of a cache line, with a cache line to spare behind it. */
  bytes(count: number): Pointer {
    const pointer = Math.ceil(this.#next / 64) * 64;
    this.#next = pointer + count + 64;
    return pointer;
  }

  floats(count: number): Pointer {
    return this.bytes(count * this.#floatBytes);
  }
}
