/** Where bytes are written, one piece after the other. */
export interface ByteSink {
  write(bytes: Uint8Array): Promise<void>;
  /** Everything is where it belongs when this resolves. */
  close(): Promise<void>;
}

/** A sink that keeps what is written. */
export class MemorySink implements ByteSink {
  private readonly pieces: Uint8Array[] = [];
  private length = 0;

  async write(bytes: Uint8Array): Promise<void> {
    this.pieces.push(new Uint8Array(bytes));
    this.length += bytes.byteLength;
  }

  async close(): Promise<void> {}

  /** All bytes written so far. */
  bytes(): Uint8Array {
    const all = new Uint8Array(this.length);
    let offset = 0;
    for (const piece of this.pieces) {
      all.set(piece, offset);
      offset += piece.byteLength;
    }
    return all;
  }
}
