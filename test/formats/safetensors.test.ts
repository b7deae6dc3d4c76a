import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dtypes, sizeOf } from "../../src/formats/dtype.js";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.js";
import { MemorySink } from "../../src/io/byte-sink.js";
import { MemorySource } from "../../src/io/byte-source.js";

/** A file with this header text and this many bytes of data. */
function fileWith(header: string, dataLength: number): Uint8Array {
  const json = new TextEncoder().encode(header);
  const file = new Uint8Array(8 + json.length + dataLength);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  return file;
}

const read = (header: unknown, dataLength: number) =>
  readSafetensors(
    new MemorySource(
      "x.safetensors",
      fileWith(typeof header === "string" ? header : JSON.stringify(header), dataLength),
    ),
  );

const tensor = (from: number, to: number, shape = [(to - from) / 4], dtype = "F32") => ({
  dtype,
  shape,
  data_offsets: [from, to],
});

describe("a header", () => {
  test("that is sound is read", async () => {
    const { tensors, metadata } = await read(
      {
        __metadata__: { format: "pt" },
        b: tensor(4, 12),
        a: tensor(0, 4, []),
        empty: tensor(12, 12, [0, 5]),
      },
      12,
    );
    expect([...metadata]).toEqual([["format", "pt"]]);
    expect([...tensors.keys()]).toEqual(["b", "a", "empty"]);
    expect(tensors.get("b")).toMatchObject({ dtype: "F32", shape: [2], byteLength: 8 });
  });

  test.each<[string, unknown, number, RegExp]>([
    ["overlap", { a: tensor(0, 8), b: tensor(4, 12) }, 12, /"b" overlaps another/],
    ["hole", { a: tensor(0, 4), b: tensor(8, 12) }, 12, /"b" leaves a hole/],
    ["hole at the start", { a: tensor(4, 8) }, 8, /"a" leaves a hole/],
    ["rest", { a: tensor(0, 4) }, 8, /4 bytes after the last tensor/],
    ["truncated", { a: tensor(0, 8) }, 4, /"a" should end at byte .* truncated/],
    ["wrong length", { a: tensor(0, 8, [3]) }, 8, /needs 12 bytes, not 8/],
    ["unknown type", { a: tensor(0, 8, [2], "F8_E4M3") }, 8, /unknown type "F8_E4M3"/],
    ["prototype as type", { a: tensor(0, 8, [2], "toString") }, 8, /unknown type/],
    ["negative shape", { a: tensor(0, 8, [-1, -2]) }, 8, /no valid shape/],
    ["fractional shape", { a: tensor(0, 8, [0.5, 4]) }, 8, /no valid shape/],
    ["huge shape", { a: tensor(0, 8, [2 ** 40, 2 ** 40]) }, 8, /needs .* bytes/],
    ["reversed offsets", { a: { dtype: "F32", shape: [1], data_offsets: [8, 4] } }, 8, /data_offsets/],
    ["missing offsets", { a: { dtype: "F32", shape: [1] } }, 4, /data_offsets/],
    ["unknown key", { a: { ...tensor(0, 4), stride: 1 } }, 4, /unknown key "stride"/],
    ["list", [], 0, /not a JSON object/],
    ["text", "nonsense", 0, /not valid JSON/],
    ["metadata with a number", { __metadata__: { x: 1 } }, 0, /not a string/],
    [
      "tensor twice",
      `{"a":${JSON.stringify(tensor(0, 4))}, "\\u0061" :${JSON.stringify(tensor(0, 4))}}`,
      4,
      /"a" twice/,
    ],
    ["deep nesting", `{"a":${"[".repeat(100_000)}`, 0, /nested too deeply/],
  ])("with a fault is refused: %s", async (_, header, dataLength, message) => {
    await expect(read(header, dataLength)).rejects.toThrow(message);
    await expect(read(header, dataLength)).rejects.toThrow(/x\.safetensors/);
  });

  test("that is longer than the file is refused without allocating it", async () => {
    const file = new Uint8Array(16);
    new DataView(file.buffer).setBigUint64(0, 2n ** 62n, true);
    await expect(readSafetensors(new MemorySource("x", file))).rejects.toThrow(
      /header should be 4611686018427387904/,
    );
    await expect(readSafetensors(new MemorySource("x", file.subarray(0, 5)))).rejects.toThrow(/5 bytes long/);
  });
});

test("what is written is read back, every element aligned", async () => {
  const tensorArbitrary = fc.record({
    dtype: fc.constantFrom(...dtypes),
    shape: fc.array(fc.nat(4), { maxLength: 3 }),
    name: fc.oneof(fc.string(), fc.constantFrom("__proto__", "1", "constructor")),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(tensorArbitrary, { selector: ({ name }) => name, maxLength: 8 }),
      async (described) => {
        const tensors = described
          .filter(({ name }) => name !== "__metadata__")
          .map(({ name, dtype, shape }, seed) => {
            const length = shape.reduce((a, b) => a * b, 1) * sizeOf(dtype);
            const bytes = Uint8Array.from({ length }, (_, i) => seed * 31 + i);
            return { name, dtype, shape, bytes, read: async () => bytes };
          });
        const sink = new MemorySink();
        await writeSafetensors(sink, tensors, { note: "“ü”" });
        const file = await readSafetensors(new MemorySource("x", sink.bytes()));
        expect(file.metadata.get("note")).toBe("“ü”");
        expect(file.tensors.size).toBe(tensors.length);
        for (const { name, dtype, shape, bytes } of tensors) {
          const entry = file.tensors.get(name)!;
          expect(entry).toMatchObject({ dtype, shape });
          expect(entry.offset % sizeOf(dtype)).toBe(0);
          expect(await file.source.read(entry.offset, entry.byteLength)).toEqual(bytes);
        }
      },
    ),
    { numRuns: 100 },
  );
});
