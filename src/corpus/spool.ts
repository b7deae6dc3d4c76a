import type { ByteSink } from "../io/byte-sink.js";
import type { LocalFiles } from "../io/local-files.js";
import { SPLITS, type SplitName } from "./manifest.js";

/** Documents are put into the files of as many ranges of their place in the order: one at a time is held in memory. */
const BUCKETS = 64;
const BUFFER = 2 ** 18;
/** Before each document: its place (float64), its length in bytes (uint32), its split (uint32). */
const HEADER = 16;

export interface SpooledDocument {
  readonly split: SplitName;
  /** Where it comes among the others: a number in [0, 1). */
  readonly order: number;
  /** UTF-8 */
  readonly bytes: Uint8Array;
}

/** Takes documents in any order and gives them back sorted, without holding them all in memory. */
export class DocumentSpool {
  private readonly buckets: (Bucket | undefined)[] = Array.from({ length: BUCKETS });

  constructor(
    private readonly files: LocalFiles,
    /** An empty directory. */
    private readonly directory: string,
  ) {}

  async add(document: SpooledDocument): Promise<void> {
    const index = Math.floor(document.order * BUCKETS);
    let bucket = this.buckets[index];
    if (!bucket) {
      bucket = new Bucket(await this.files.create(this.path(index)));
      this.buckets[index] = bucket;
    }
    await bucket.add(document);
  }

  /** No document comes after this. */
  async close(): Promise<void> {
    const closed = await Promise.allSettled(this.buckets.map((bucket) => bucket?.close()));
    for (const result of closed) if (result.status === "rejected") throw result.reason;
  }

  /** All documents in order, once the spool is closed. */
  async *read(): AsyncGenerator<SpooledDocument> {
    for (let index = 0; index < BUCKETS; index++) {
      if (!this.buckets[index]) continue;
      const file = await this.files.open(this.path(index));
      try {
        yield* parse(await file.read(0, file.size));
      } finally {
        await file.close();
      }
    }
  }

  private path(bucket: number): string {
    return this.files.join(this.directory, String(bucket));
  }
}

function parse(bytes: Uint8Array): SpooledDocument[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const documents: SpooledDocument[] = [];
  for (let position = 0; position < bytes.length; ) {
    const start = position + HEADER;
    const end = start + view.getUint32(position + 8);
    documents.push({
      order: view.getFloat64(position),
      split: SPLITS[view.getUint32(position + 12)],
      bytes: bytes.subarray(start, end),
    });
    position = end;
  }
  return documents.sort((a, b) => a.order - b.order);
}

class Bucket {
  private buffer = new Uint8Array(BUFFER);
  private length = 0;

  constructor(private readonly sink: ByteSink) {}

  async add({ order, split, bytes }: SpooledDocument): Promise<void> {
    const needed = HEADER + bytes.length;
    if (this.length + needed > this.buffer.length) await this.flush();
    if (needed > this.buffer.length) this.buffer = new Uint8Array(needed);
    const view = new DataView(this.buffer.buffer, this.length);
    view.setFloat64(0, order);
    view.setUint32(8, bytes.length);
    view.setUint32(12, SPLITS.indexOf(split));
    this.buffer.set(bytes, this.length + HEADER);
    this.length += needed;
  }

  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      await this.sink.close();
    }
  }

  private async flush(): Promise<void> {
    await this.sink.write(this.buffer.subarray(0, this.length));
    this.length = 0;
  }
}
