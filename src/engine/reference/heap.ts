export type FloatArray = Float32Array | Float64Array;

/** Typed views of a WebAssembly memory, renewed when it grows. */
export class Heap {
  #buffer: ArrayBufferLike | null = null;
  #floats: FloatArray = new Float32Array(0);
  #u32 = new Uint32Array(0);
  #u16 = new Uint16Array(0);
  #bytes = new Uint8Array(0);

  constructor(
    readonly memory: WebAssembly.Memory,
    readonly floatBytes: 4 | 8,
  ) {}

  get floats(): FloatArray {
    this.#refresh();
    return this.#floats;
  }

  get u32(): Uint32Array {
    this.#refresh();
    return this.#u32;
  }

  get u16(): Uint16Array {
    this.#refresh();
    return this.#u16;
  }

  get bytes(): Uint8Array {
    this.#refresh();
    return this.#bytes;
  }

  /** Index in `floats` of the float at `pointer`. */
  float(pointer: number): number {
    return element(pointer, this.floatBytes);
  }

  #refresh(): void {
    const buffer: ArrayBufferLike = this.memory.buffer;
    if (buffer === this.#buffer) return;
    this.#buffer = buffer;
    this.#floats = this.floatBytes === 4 ? new Float32Array(buffer) : new Float64Array(buffer);
    this.#u32 = new Uint32Array(buffer);
    this.#u16 = new Uint16Array(buffer);
    this.#bytes = new Uint8Array(buffer);
  }
}

/** Index of what lies at `pointer` in a view whose elements take `bytes` bytes. */
export function element(pointer: number, bytes: number): number {
  const index = pointer / bytes;
  if (!Number.isInteger(index)) throw new RangeError(`pointer ${pointer} is not a multiple of ${bytes}`);
  return index;
}
