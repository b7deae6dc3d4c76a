import { readFileSync } from "node:fs";
import { crc32 as nativeCrc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { crc32 } from "../../src/formats/crc32.js";
import { contentOffset, readEntry, readZip, ZipWriter } from "../../src/formats/zip.js";
import type { ByteSink } from "../../src/io/byte-sink.js";
import { MemorySink } from "../../src/io/byte-sink.js";
import { type ByteSource, checkRange, MemorySource } from "../../src/io/byte-source.js";
import { committedFixtures } from "./fixture-files.js";

test("crc32 is what zlib computes, also piece by piece", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 100 }), (a, b) => {
      expect(crc32(b, crc32(a))).toBe(nativeCrc32(Buffer.concat([a, b])));
    }),
  );
});

async function archiveOf(entries: Record<string, Uint8Array>): Promise<Uint8Array> {
  const sink = new MemorySink();
  const zip = new ZipWriter(sink);
  for (const [name, bytes] of Object.entries(entries)) await zip.add(name, bytes.length, [bytes]);
  await zip.finish();
  return sink.bytes();
}

test("what is written is read back, contents at multiples of 64", async () => {
  const entries = fc.dictionary(
    fc.string({ minLength: 1, unit: "grapheme" }),
    fc.uint8Array({ maxLength: 200 }),
  );
  await fc.assert(
    fc.asyncProperty(entries, async (contents) => {
      const archive = await readZip(new MemorySource("x.zip", await archiveOf(contents)));
      expect([...archive.entries.keys()]).toEqual(Object.keys(contents));
      for (const entry of archive.entries.values()) {
        expect((await contentOffset(archive, entry)) % 64).toBe(0);
        expect(await readEntry(archive, entry)).toEqual(contents[entry.name]);
      }
    }),
  );
});

/** A file of many gigabytes of zeros, of which only what is not zero is kept. */
class SparseFile implements ByteSink, ByteSource {
  readonly name = "huge.zip";
  size = 0;
  private readonly pieces: { offset: number; bytes: Uint8Array }[] = [];

  async write(bytes: Uint8Array): Promise<void> {
    if (bytes.length < 2 ** 20) this.pieces.push({ offset: this.size, bytes: bytes.slice() });
    this.size += bytes.length;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    checkRange(this, offset, length);
    const result = new Uint8Array(length);
    for (const { offset: start, bytes } of this.pieces) {
      const from = Math.max(offset, start);
      const to = Math.min(offset + length, start + bytes.length);
      if (from < to) result.set(bytes.subarray(from - start, to - start), from - offset);
    }
    return result;
  }

  async close(): Promise<void> {}
}

// Five seconds of checksums.
const slow = process.env.SPARSELENS_SLOW_TESTS ? test : test.skip;

slow("entries beyond 4 GiB use zip64", { timeout: 60_000 }, async () => {
  const file = new SparseFile();
  const zip = new ZipWriter(file);
  const block = new Uint8Array(2 ** 28);
  const blocks = 17;
  const last = new TextEncoder().encode("after");
  await zip.add("big", blocks * block.length, Array(blocks).fill(block));
  await zip.add("small", last.length, [last]);
  await zip.finish();
  const archive = await readZip(file);
  const [big, small] = ["big", "small"].map((name) => archive.entries.get(name)!);
  expect(big.size).toBe(blocks * 2 ** 28);
  expect(small.headerOffset).toBeGreaterThan(2 ** 32);
  expect(await readEntry(archive, small)).toEqual(last);
  expect(await contentOffset(archive, big)).toBe(64);
});

test("more than 65535 entries use zip64", async () => {
  const sink = new MemorySink();
  const zip = new ZipWriter(sink);
  for (let i = 0; i < 65536; i++) await zip.add(String(i), 0, []);
  await zip.finish();
  const archive = await readZip(new MemorySource("x", sink.bytes()));
  expect(archive.entries.size).toBe(65536);
});

describe("archives with faults", () => {
  const sample = () => archiveOf({ "a/data.pkl": Uint8Array.of(1, 2, 3), b: Uint8Array.of(4) });
  const directoryAt = (bytes: Uint8Array) => Buffer.from(bytes).indexOf("PK\x01\x02");
  const refused = async (
    change: (view: DataView, directory: number, bytes: Uint8Array) => void,
    message: RegExp,
  ) => {
    const bytes = await sample();
    change(new DataView(bytes.buffer), directoryAt(bytes), bytes);
    await expect(readZip(new MemorySource("x.zip", bytes))).rejects.toThrow(message);
  };

  test("are refused with a reason", async () => {
    await refused(
      (view, at) => view.setUint16(at + 10, 8, true),
      /"a\/data\.pkl" of the archive is compressed.*zip -0/,
    );
    await refused((view, at) => view.setUint16(at + 8, 1, true), /encrypted/);
    await refused((view, at) => view.setUint32(at + 42, 2 ** 31, true), /reaches beyond/);
    await refused((view, at) => view.setUint32(at, 0, true), /directory is damaged/);
    await refused((view, at) => view.setUint16(at + 28, 60000, true), /directory is damaged/);
    await refused(
      (view, _, { length }) => view.setUint16(length - 12, 7, true),
      /should have 7 entries.*lists 2/,
    );
    await refused((view, _, { length }) => view.setUint32(length - 6, 2 ** 31, true), /out of place/);
    const bytes = await sample();
    await expect(readZip(new MemorySource("x.zip", bytes.subarray(0, -30)))).rejects.toThrow(
      /no end record.*truncated/,
    );
    await expect(readZip(new MemorySource("x.zip", new Uint8Array(0)))).rejects.toThrow(/no end record/);
  });

  test("that list a name twice are refused", async () => {
    const sink = new MemorySink();
    const zip = new ZipWriter(sink);
    for (let i = 0; i < 2; i++) await zip.add("same", 0, []);
    await zip.finish();
    await expect(readZip(new MemorySource("x.zip", sink.bytes()))).rejects.toThrow(/"same" is there twice/);
  });

  test("a wrong checksum or local header is found when the entry is read", async () => {
    const bytes = await sample();
    bytes[64] ^= 1;
    const archive = await readZip(new MemorySource("x.zip", bytes));
    await expect(readEntry(archive, archive.entries.get("a/data.pkl")!)).rejects.toThrow(/checksum/);
    bytes[0] ^= 1;
    await expect(readEntry(archive, archive.entries.get("a/data.pkl")!)).rejects.toThrow(/damaged/);
  });
});

test("an archive of torch's has contents where the local headers say", async () => {
  const bytes = readFileSync(`${committedFixtures}/01_ln_gelu_tied/final_model.pt`);
  const archive = await readZip(new MemorySource("x", bytes));
  for (const entry of archive.entries.values()) {
    expect((await contentOffset(archive, entry)) % 64).toBe(0);
    await readEntry(archive, entry);
  }
});
