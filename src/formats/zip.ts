import { SparseLensError } from "../errors.js";
import type { ByteSink } from "../io/byte-sink.js";
import type { ByteSource } from "../io/byte-source.js";
import { crc32 } from "./crc32.js";
import { quote } from "./quote.js";

/** Zip archives whose entries are stored without compression, as `torch.save` writes them; also zip64. */

export interface ZipEntry {
  readonly name: string;
  /** Bytes of content. */
  readonly size: number;
  readonly crc32: number;
  /** Of the local header, from the start of the file. */
  readonly headerOffset: number;
}

export interface ZipArchive {
  readonly source: ByteSource;
  readonly entries: Map<string, ZipEntry>;
  /** Where the central directory starts: no entry's content reaches beyond. */
  readonly contentEnd: number;
}

const localSignature = 0x04034b50;
const centralSignature = 0x02014b50;
const descriptorSignature = 0x08074b50;
const endSignature = 0x06054b50;
const end64Signature = 0x06064b50;
const locator64Signature = 0x07064b50;
const needsZip64 = 0xffffffff;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function number64(view: DataView, offset: number): number {
  // Beyond 2^53 the result is inexact and larger than any file: it fails the range checks.
  return Number(view.getBigUint64(offset, true));
}

/** Reads the central directory, which alone says where entries are: local headers may carry zeros instead of sizes. */
export async function readZip(source: ByteSource): Promise<ZipArchive> {
  const fail = (problem: string) =>
    new SparseLensError(`${source.name} is not a sound zip archive: ${problem}`);
  const tailStart = Math.max(0, source.size - 22 - 65535);
  const tail = await source.read(tailStart, source.size - tailStart);
  const view = viewOf(tail);
  let end = tail.length - 22;
  while (
    end >= 0 &&
    !(view.getUint32(end, true) === endSignature && end + 22 + view.getUint16(end + 20, true) === tail.length)
  )
    end--;
  if (end < 0)
    throw fail("it has no end record, so it is truncated or of another kind. Download or copy it again.");

  let count = view.getUint16(end + 10, true);
  let size = view.getUint32(end + 12, true);
  let offset = view.getUint32(end + 16, true);
  let directoryEnd = tailStart + end;
  if (end >= 20 && view.getUint32(end - 20, true) === locator64Signature) {
    const recordOffset = number64(view, end - 12);
    if (recordOffset + 56 > tailStart + end - 20) throw fail("its zip64 end record is out of place.");
    const record = viewOf(await source.read(recordOffset, 56));
    if (record.getUint32(0, true) !== end64Signature) throw fail("its zip64 end record is missing.");
    count = number64(record, 32);
    size = number64(record, 40);
    offset = number64(record, 48);
    directoryEnd = recordOffset;
  }
  if (offset + size > directoryEnd) throw fail("its central directory is out of place.");
  const directory = await source.read(offset, size);
  const entries = readDirectory(directory, offset, fail);
  if (entries.size !== count)
    throw fail(`it should have ${count} entries, but its directory lists ${entries.size}.`);
  return { source, entries, contentEnd: offset };
}

function readDirectory(
  directory: Uint8Array,
  contentEnd: number,
  fail: (problem: string) => SparseLensError,
): Map<string, ZipEntry> {
  const view = viewOf(directory);
  const entries = new Map<string, ZipEntry>();
  const decoder = new TextDecoder();
  for (let at = 0; at < directory.length; ) {
    if (at + 46 > directory.length || view.getUint32(at, true) !== centralSignature) {
      throw fail(`its central directory is damaged at byte ${contentEnd + at}.`);
    }
    const flags = view.getUint16(at + 8, true);
    const method = view.getUint16(at + 10, true);
    let compressed = view.getUint32(at + 20, true);
    let size = view.getUint32(at + 24, true);
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const commentLength = view.getUint16(at + 32, true);
    let headerOffset = view.getUint32(at + 42, true);
    const next = at + 46 + nameLength + extraLength + commentLength;
    if (next > directory.length) throw fail(`its central directory is damaged at byte ${contentEnd + at}.`);
    const name = decoder.decode(directory.subarray(at + 46, at + 46 + nameLength));

    // Fields that do not fit are in an extra field, in this order, and only those.
    let extra = at + 46 + nameLength;
    const extraEnd = extra + extraLength;
    while (extra + 4 <= extraEnd) {
      const id = view.getUint16(extra, true);
      const fieldEnd = extra + 4 + view.getUint16(extra + 2, true);
      if (fieldEnd > extraEnd) break;
      if (id === 1) {
        let field = extra + 4;
        const take = (value: number) => {
          if (value !== needsZip64) return value;
          if (field + 8 > fieldEnd) throw fail(`entry ${quote(name)} lacks its zip64 sizes.`);
          field += 8;
          return number64(view, field - 8);
        };
        size = take(size);
        compressed = take(compressed);
        headerOffset = take(headerOffset);
      }
      extra = fieldEnd;
    }
    if (flags & 1) throw fail(`entry ${quote(name)} is encrypted.`);
    if (method !== 0 || compressed !== size) {
      throw new SparseLensError(
        `Entry ${quote(name)} of the archive is compressed (method ${method}). torch.save stores without compression, and ` +
          "only that can be read: unpack the archive and pack it again with `zip -0`, or save it again with PyTorch.",
      );
    }
    if (headerOffset + 30 + size > contentEnd) throw fail(`entry ${quote(name)} reaches beyond its end.`);
    if (entries.has(name)) throw fail(`entry ${quote(name)} is there twice.`);
    entries.set(name, { name, size, crc32: view.getUint32(at + 16, true), headerOffset });
    at = next;
  }
  return entries;
}

/** Where the content of an entry starts in the file, in bytes. */
export async function contentOffset(archive: ZipArchive, entry: ZipEntry): Promise<number> {
  const header = viewOf(await archive.source.read(entry.headerOffset, 30));
  const offset = entry.headerOffset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
  if (header.getUint32(0, true) !== localSignature || offset + entry.size > archive.contentEnd) {
    throw new SparseLensError(`${archive.source.name}: entry ${quote(entry.name)} is damaged.`);
  }
  return offset;
}

/** The content of a small entry. */
export async function readEntry(archive: ZipArchive, entry: ZipEntry): Promise<Uint8Array> {
  const bytes = await archive.source.read(await contentOffset(archive, entry), entry.size);
  if (crc32(bytes) !== entry.crc32) {
    throw new SparseLensError(
      `${archive.source.name}: the checksum of entry ${quote(entry.name)} is wrong. Download or copy it again.`,
    );
  }
  return bytes;
}

/** Content starts at multiples of this, as in archives that torch writes. */
const alignment = 64;

/** Writes an archive of stored entries, one after the other. */
export class ZipWriter {
  private readonly directory: Uint8Array[] = [];
  private offset = 0;

  constructor(private readonly sink: ByteSink) {}

  /** `content` must yield exactly `size` bytes. */
  async add(
    name: string,
    size: number,
    content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<void> {
    const nameBytes = new TextEncoder().encode(name);
    const headerOffset = this.offset;
    const wide = size >= needsZip64;

    // The padding is an extra field of its own ("FB" in torch's archives).
    const fixed = 30 + nameBytes.length + (wide ? 20 : 0) + 4;
    const padding = (alignment - ((headerOffset + fixed) % alignment)) % alignment;
    const header = new Uint8Array(fixed + padding);
    const view = viewOf(header);
    view.setUint32(0, localSignature, true);
    view.setUint16(4, wide ? 45 : 20, true);
    // Bit 3: checksum and sizes follow the content. Bit 11: the name is UTF-8.
    view.setUint16(6, 0x0808, true);
    if (wide) {
      view.setUint32(18, needsZip64, true);
      view.setUint32(22, needsZip64, true);
    }
    view.setUint16(26, nameBytes.length, true);
    view.setUint16(28, header.length - 30 - nameBytes.length, true);
    header.set(nameBytes, 30);
    let extra = 30 + nameBytes.length;
    if (wide) {
      view.setUint16(extra, 1, true);
      view.setUint16(extra + 2, 16, true);
      extra += 20;
    }
    view.setUint16(extra, 0x4246, true);
    view.setUint16(extra + 2, padding, true);
    header.fill(0x5a, extra + 4);
    await this.write(header);

    let written = 0;
    let checksum = 0;
    for await (const piece of content) {
      checksum = crc32(piece, checksum);
      written += piece.byteLength;
      await this.write(piece);
    }
    if (written !== size) throw new Error(`${name}: ${written} bytes instead of ${size}`);

    const descriptor = new Uint8Array(wide ? 24 : 16);
    const descriptorView = viewOf(descriptor);
    descriptorView.setUint32(0, descriptorSignature, true);
    descriptorView.setUint32(4, checksum, true);
    if (wide) {
      descriptorView.setBigUint64(8, BigInt(size), true);
      descriptorView.setBigUint64(16, BigInt(size), true);
    } else {
      descriptorView.setUint32(8, size, true);
      descriptorView.setUint32(12, size, true);
    }
    await this.write(descriptor);
    this.directory.push(directoryRecord(nameBytes, size, checksum, headerOffset));
  }

  /** Writes the central directory. The sink stays open. */
  async finish(): Promise<void> {
    const start = this.offset;
    for (const record of this.directory) await this.write(record);
    const size = this.offset - start;
    const count = this.directory.length;

    const wide = count >= 0xffff || start >= needsZip64 || size >= needsZip64;
    if (wide) {
      const record = new Uint8Array(56 + 20);
      const view = viewOf(record);
      view.setUint32(0, end64Signature, true);
      view.setBigUint64(4, 44n, true);
      view.setUint16(12, 45, true);
      view.setUint16(14, 45, true);
      view.setBigUint64(24, BigInt(count), true);
      view.setBigUint64(32, BigInt(count), true);
      view.setBigUint64(40, BigInt(size), true);
      view.setBigUint64(48, BigInt(start), true);
      view.setUint32(56, locator64Signature, true);
      view.setBigUint64(64, BigInt(this.offset), true);
      view.setUint32(72, 1, true);
      await this.write(record);
    }
    const end = new Uint8Array(22);
    const view = viewOf(end);
    view.setUint32(0, endSignature, true);
    view.setUint16(8, Math.min(count, 0xffff), true);
    view.setUint16(10, Math.min(count, 0xffff), true);
    view.setUint32(12, Math.min(size, needsZip64), true);
    view.setUint32(16, Math.min(start, needsZip64), true);
    await this.write(end);
  }

  private async write(bytes: Uint8Array): Promise<void> {
    await this.sink.write(bytes);
    this.offset += bytes.byteLength;
  }
}

function directoryRecord(name: Uint8Array, size: number, checksum: number, headerOffset: number): Uint8Array {
  const wide = [size, size, headerOffset].map((value) => value >= needsZip64);
  const extraLength = wide.some(Boolean) ? 4 + 8 * wide.filter(Boolean).length : 0;
  const record = new Uint8Array(46 + name.length + extraLength);
  const view = viewOf(record);
  view.setUint32(0, centralSignature, true);
  view.setUint16(4, extraLength ? 45 : 20, true);
  view.setUint16(6, extraLength ? 45 : 20, true);
  view.setUint16(8, 0x0808, true);
  view.setUint32(16, checksum, true);
  view.setUint32(20, Math.min(size, needsZip64), true);
  view.setUint32(24, Math.min(size, needsZip64), true);
  view.setUint16(28, name.length, true);
  view.setUint16(30, extraLength, true);
  view.setUint32(42, Math.min(headerOffset, needsZip64), true);
  record.set(name, 46);
  if (extraLength) {
    let at = 46 + name.length;
    view.setUint16(at, 1, true);
    view.setUint16(at + 2, extraLength - 4, true);
    at += 4;
    for (const [i, value] of [size, size, headerOffset].entries()) {
      if (!wide[i]) continue;
      view.setBigUint64(at, BigInt(value), true);
      at += 8;
    }
  }
  return record;
}
