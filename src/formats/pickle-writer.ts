/** Writes the opcodes of pickle protocol 2 that plain containers and tensors need. */
export class PickleWriter {
  private readonly bytes: number[] = [0x80, 2];
  private readonly encoder = new TextEncoder();

  mark(): this {
    return this.put(0x28);
  }

  global(module: string, name: string): this {
    return this.put(0x63, ...this.encoder.encode(`${module}\n${name}\n`));
  }

  text(text: string): this {
    const bytes = this.encoder.encode(text);
    return this.put(0x58, ...littleEndian(bytes.length, 4), ...bytes);
  }

  /** A safe integer. */
  integer(value: number): this {
    if (value >= -(2 ** 31) && value < 2 ** 31) return this.put(0x4a, ...littleEndian(value, 4));
    return this.put(0x8a, 8, ...littleEndian(value, 8));
  }

  float(value: number): this {
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, value, false);
    return this.put(0x47, ...new Uint8Array(view.buffer));
  }

  none(): this {
    return this.put(0x4e);
  }

  boolean(value: boolean): this {
    return this.put(value ? 0x88 : 0x89);
  }

  emptyList(): this {
    return this.put(0x5d);
  }

  /** Appends what follows the mark to the list before it. */
  appends(): this {
    return this.put(0x65);
  }

  emptyDictionary(): this {
    return this.put(0x7d);
  }

  tuple(counts: readonly number[]): this {
    if (counts.length === 0) return this.put(0x29);
    this.mark();
    for (const count of counts) this.integer(count);
    return this.tupleFromMark();
  }

  tupleFromMark(): this {
    return this.put(0x74);
  }

  persistentId(): this {
    return this.put(0x51);
  }

  reduce(): this {
    return this.put(0x52);
  }

  setItems(): this {
    return this.put(0x75);
  }

  finish(): Uint8Array {
    this.put(0x2e);
    return Uint8Array.from(this.bytes);
  }

  private put(...bytes: number[]): this {
    for (const byte of bytes) this.bytes.push(byte);
    return this;
  }
}

/** Two's complement. */
function littleEndian(value: number, length: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; bytes.length < length; rest = Math.floor(rest / 256)) bytes.push(rest % 256);
  return bytes;
}
