/** Writes the few opcodes of pickle protocol 2 that a state dict needs. */
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

  /** A count: 0 to 2^53. */
  integer(value: number): this {
    if (value < 2 ** 31) return this.put(0x4a, ...littleEndian(value, 4));
    return this.put(0x8a, 8, ...littleEndian(value, 8));
  }

  false(): this {
    return this.put(0x89);
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

function littleEndian(value: number, length: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; bytes.length < length; rest = Math.floor(rest / 256)) bytes.push(rest % 256);
  return bytes;
}
