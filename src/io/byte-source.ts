import { SparseLensError } from "../errors.js";

/** Bytes that can be read at any position: a file, a Blob, a buffer, a file on a server. */
export interface ByteSource {
  /** For messages: a path, a file name or a URL. */
  readonly name: string;
  /** Length in bytes. */
  readonly size: number;
  /**
   * Exactly `length` bytes from `offset` on. With `into` (at least `length` long) they are put at its start and the
   * result is a view of it; without, the result may be a view of memory that the source keeps: do not write to it.
   *
   * @throws SparseLensError when the source ends before `offset + length`.
   */
  read(offset: number, length: number, into?: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Throws when the range is not inside the source, in the words that every kind of source uses. */
export function checkRange(source: { name: string; size: number }, offset: number, length: number): void {
  if (!(offset >= 0 && length >= 0 && offset + length <= source.size)) {
    throw truncated(source.name, offset, length, source.size);
  }
}

/** The error for a source that ends too early. */
export function truncated(name: string, offset: number, length: number, size: number): SparseLensError {
  return new SparseLensError(
    `${name} is truncated: ${length} bytes at byte ${offset} were expected, but it ends at byte ${size}. ` +
      "Download or copy it again.",
  );
}

/** A source over bytes in memory. */
export class MemorySource implements ByteSource {
  readonly size: number;

  private readonly bytes: Uint8Array;

  constructor(
    readonly name: string,
    bytes: Uint8Array,
  ) {
    this.size = bytes.byteLength;
    // Not a subclass: Node's Buffer has a `slice` that does not copy.
    this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  async read(offset: number, length: number, into?: Uint8Array): Promise<Uint8Array> {
    checkRange(this, offset, length);
    const view = this.bytes.subarray(offset, offset + length);
    if (!into) return view;
    into.set(view);
    return into.subarray(0, length);
  }

  async close(): Promise<void> {}
}

/** A source over a Blob or a File (a file picked in a browser is one). */
export class BlobSource implements ByteSource {
  readonly size: number;

  constructor(
    readonly name: string,
    private readonly blob: Blob,
  ) {
    this.size = blob.size;
  }

  async read(offset: number, length: number, into?: Uint8Array): Promise<Uint8Array> {
    checkRange(this, offset, length);
    let bytes: Uint8Array;
    try {
      bytes = new Uint8Array(await this.blob.slice(offset, offset + length).arrayBuffer());
    } catch (cause) {
      throw new SparseLensError(`${this.name} cannot be read any more (was it changed or moved?): ${cause}`, {
        cause,
      });
    }
    if (bytes.byteLength !== length) throw truncated(this.name, offset, length, offset + bytes.byteLength);
    if (!into) return bytes;
    into.set(bytes);
    return into.subarray(0, length);
  }

  async close(): Promise<void> {}
}

/** The whole source as text. `limit` bounds it, in bytes: what is longer is not the small file that was expected. */
export async function readText(source: ByteSource, limit = 256 * 2 ** 20): Promise<string> {
  if (source.size > limit) {
    throw new SparseLensError(`${source.name} is ${source.size} bytes long; at most ${limit} were expected.`);
  }
  const bytes = await source.read(0, source.size);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new SparseLensError(`${source.name} is not UTF-8 text.`);
  }
}

/** The whole source as a JSON object. */
export async function readJsonObject(source: ByteSource): Promise<Record<string, unknown>> {
  const text = await readText(source);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new SparseLensError(`${source.name} is not valid JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new SparseLensError(`${source.name} must hold a JSON object ({ … }).`);
  }
  return value as Record<string, unknown>;
}
