import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../../src/formats/checkpoint.js";
import { decode, encode } from "../../src/formats/dtype.js";
import { type TensorToWrite, writeSafetensors } from "../../src/formats/safetensors.js";
import { SparseBuilder, toDense } from "../../src/formats/sparse-builder.js";
import { type SparseDtype, writeSparseMatrices } from "../../src/formats/sparse-layout.js";
import { MemorySink } from "../../src/io/byte-sink.js";
import { resolveSource } from "../../src/io/source.js";

/** Opens a model of ours that consists of these tensors. */
async function open(tensors: TensorToWrite[], metadata: Record<string, string>, config: object = {}) {
  const sink = new MemorySink();
  await writeSafetensors(sink, tensors, metadata);
  const settings = JSON.stringify({ model_type: "sparselens", format_version: 1, ...config });
  const files = [
    new File([sink.bytes() as BlobPart], "model.safetensors"),
    new File([settings], "config.json"),
  ];
  return await openCheckpoint(await resolveSource(files));
}

const matrix = fc
  .record({
    rows: fc.nat(9),
    columns: fc.nat(40),
    seed: fc.nat(),
    density: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ rows, columns, seed, density }) => {
    let state = seed;
    const random = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    };
    const values = Float32Array.from({ length: rows * columns }, () =>
      random() < density ? Math.round(random() * 64) - 32.5 : 0,
    );
    return { rows, columns, values };
  });

describe("the search for nonzeros", () => {
  test("finds what is there, in every type, rows at any address, in any pieces", () => {
    const dtypes = fc.constantFrom<SparseDtype | "F64">("F32", "F16", "BF16", "F64");
    fc.assert(
      fc.property(
        matrix,
        dtypes,
        fc.integer({ min: 1, max: 4 }),
        ({ rows, columns, values }, dtype, step) => {
          const builder = new SparseBuilder(rows, columns, "x");
          for (let row = 0; row < rows; row += step) {
            const piece = values.slice(row * columns, (row + step) * columns);
            builder.addRows(dtype, encode(dtype, piece));
          }
          const sparse = builder.finish();
          expect(sparse.rowPointers.length).toBe(rows + 1);
          expect(sparse.values.every((value) => value !== 0)).toBe(true);
          expect(sparse.values.length).toBe(values.filter((value) => value !== 0).length);
          expect(toDense(sparse)).toEqual(values);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("takes negative zero for zero, and refuses what is not finite", () => {
    for (const dtype of ["F32", "F16", "BF16"] as const) {
      for (const column of [3, 11]) {
        const values = new Float32Array(12).fill(-0);
        const builder = new SparseBuilder(2, 12, "model.pt: w");
        builder.addRows(dtype, encode(dtype, values));
        for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
          values[column] = bad;
          expect(() => builder.addRows(dtype, encode(dtype, values))).toThrow(
            `model.pt: w has the value ${bad} at [1, ${column}]`,
          );
        }
        values[column] = -0;
        builder.addRows(dtype, encode(dtype, values));
        expect(builder.finish().values.length).toBe(0);
      }
    }
  });

  test("keeps denormals", () => {
    const builder = new SparseBuilder(1, 8, "x");
    builder.addRows("F32", encode("F32", Float32Array.of(0, 0, 0, 2 ** -149, 0, 0, 0, -(2 ** -149))));
    expect([...builder.finish().columnIndices]).toEqual([3, 7]);
  });

  test("uses wide indices only beyond 65536 columns", () => {
    for (const [columns, Indices] of [
      [65536, Uint16Array],
      [65537, Uint32Array],
    ] as const) {
      const values = new Float32Array(columns);
      values[columns - 1] = 1;
      const builder = new SparseBuilder(1, columns, "x");
      builder.addRows("F32", encode("F32", values));
      const { columnIndices } = builder.finish();
      expect(columnIndices).toBeInstanceOf(Indices);
      expect([...columnIndices]).toEqual([columns - 1]);
    }
  });
});

test("sparse matrices are written and read back", async () => {
  const dtype = fc.constantFrom<SparseDtype>("F32", "F16", "BF16");
  await fc.assert(
    fc.asyncProperty(matrix, dtype, async ({ rows, columns, values }, dtype) => {
      const builder = new SparseBuilder(rows, columns, "x");
      builder.addRows("F32", encode("F32", values));
      const { tensors, metadata } = writeSparseMatrices(
        new Map([["w", { matrix: builder.finish(), dtype }]]),
      );
      const checkpoint = await open(tensors, metadata);
      const stored = checkpoint.tensors.get("w")!;
      expect([stored.shape, stored.dtype, stored.storedAs]).toEqual([[rows, columns], dtype, "sparse"]);
      expect(await stored.readSparse()).toEqual(builder.finish());
      expect(decode(dtype, await stored.readBytes())).toEqual(values);
      expect([...checkpoint.tensors.keys()]).toEqual(["w"]);
    }),
    { numRuns: 60 },
  );
});

describe("a directory of ours with faults is refused", () => {
  const u32 = (...values: number[]) => new Uint8Array(Uint32Array.from(values).buffer);
  const u16 = (...values: number[]) => new Uint8Array(Uint16Array.from(values).buffer);
  const f32 = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
  interface Parts {
    pointers?: Uint8Array;
    indices?: Uint8Array;
    values?: Uint8Array;
    shape?: unknown;
    skip?: string;
  }
  const parts = ({
    pointers = u32(0, 2, 3),
    indices = u16(0, 2, 1),
    values = f32(1, 2, 3),
    skip,
  }: Parts): TensorToWrite[] =>
    [
      {
        name: "w.row_pointers",
        dtype: "U32" as const,
        shape: [pointers.length / 4],
        read: async () => pointers,
      },
      {
        name: "w.column_indices",
        dtype: "U16" as const,
        shape: [indices.length / 2],
        read: async () => indices,
      },
      { name: "w.values", dtype: "F32" as const, shape: [values.length / 4], read: async () => values },
    ].filter(({ name }) => name !== skip);
  const read = async (change: Parts) => {
    const metadata = { sparse_shapes: JSON.stringify({ w: change.shape ?? [2, 3] }) };
    const checkpoint = await open(parts(change), metadata);
    return await checkpoint.tensors.get("w")!.readDense();
  };

  test("the sound one is read", async () => {
    expect([...(await read({}))]).toEqual([1, 0, 2, 0, 3, 0]);
  });

  test.each<[string, Parts, RegExp]>([
    ["falling pointers", { pointers: u32(0, 4, 3) }, /w: row_pointers do not ascend at row 0/],
    ["pointers that start late", { pointers: u32(1, 2, 3) }, /row_pointers go from 1 to 3/],
    ["pointers that end late", { pointers: u32(0, 2, 4) }, /row_pointers go from 0 to 4, not from 0 to 3/],
    ["too few pointers", { pointers: u32(0, 3) }, /needs row_pointers of type U32 and shape \[3\]/],
    ["a column outside", { indices: u16(0, 3, 1) }, /column index 3, but there are 3 columns/],
    ["falling columns", { indices: u16(2, 0, 1) }, /column_indices do not ascend in row 0/],
    ["a column twice", { indices: u16(1, 1, 1) }, /column_indices do not ascend in row 0/],
    ["fewer values", { values: f32(1, 2) }, /3 column_indices but 2 values/],
    ["NaN", { values: f32(1, Number.NaN, 3) }, /w has the value NaN/],
    ["a missing part", { skip: "w.values" }, /w\.values is missing/],
    ["a wrong shape", { shape: [2] }, /no valid shape/],
    ["an endless shape", { shape: [2, 2 ** 40] }, /no valid shape/],
  ])("%s", async (_, change, message) => {
    await expect(read(change)).rejects.toThrow(message);
    await expect(read(change)).rejects.toThrow(/model\.safetensors/);
  });

  test("without shapes, or of another version", async () => {
    await expect(open([], {})).rejects.toThrow(/lacks sparse_shapes/);
    await expect(open([], { sparse_shapes: "{" })).rejects.toThrow(/not valid JSON/);
    await expect(open([], { sparse_shapes: "{}" }, { format_version: 3 })).rejects.toThrow(
      /config\.json has format_version 3/,
    );
  });
});
