import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, describe, expect, test } from "vitest";
import { type CheckpointLayout, openCheckpoint } from "../../src/formats/checkpoint.js";
import { writeCheckpoint } from "../../src/formats/convert.js";
import { decode } from "../../src/formats/dtype.js";
import { type TensorToWrite, writeSafetensors } from "../../src/formats/safetensors.js";
import { type ModelToWrite, writeModel } from "../../src/formats/write-model.js";
import { MemorySink } from "../../src/io/byte-sink.js";
import { resolveSource } from "../../src/io/source.js";
import { parseConfig } from "../../src/model/config.js";
import { describe as describeModel } from "../../src/model/description.js";
import { Random } from "../../src/random.js";
import { bigramTable, countBigrams } from "../../src/training/bigram.js";
import { committedFixtures, plainSafetensors } from "./fixture-files.js";

const scratch = mkdtempSync(`${tmpdir()}/sparselens-write-`);
afterAll(() => rmSync(scratch, { recursive: true }));
let made = 0;
const newDirectory = () => `${scratch}/${made++}`;
const open = async (path: string) => await openCheckpoint(await resolveSource(path));

const config = {
  ...{ block_size: 8, vocab_size: 40, n_layer: 1, n_head: 2, d_head: 4, d_model: 8, d_mlp: 32 },
  ...{ bias: true, rms_norm: true, sink: true, tied_unembed: false, enable_bigram_table: true },
};
const tokens = Uint16Array.from({ length: 3000 }, (_, i) => (Math.imul(i, i + 11) >>> 3) % 39);
const bigramCounts = countBigrams(tokens, 40);
const tokenizer = {
  vocabulary: { a: 0, "<|endoftext|>": 1 },
  merges: "#version: 0.2\n",
  location: "tokenizer",
};

/** A model with one weight in four, and without the bigram table. */
function tensorsInMemory() {
  const random = new Random(1);
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const { name, shape, optional } of describeModel(parseConfig(config, "test")).parameters) {
    if (optional || name === "bigram_table") continue;
    const length = shape.reduce((product, n) => product * n, 1);
    const data = Float32Array.from({ length }, () => (random.next() < 0.25 ? random.next() - 0.5 : 0));
    tensors.set(name, { shape, data });
  }
  return tensors;
}
const model: ModelToWrite = { config, tensors: tensorsInMemory(), tokenizer, bigramCounts };

describe("a model from memory", () => {
  test("is read back, its bigram table computed from the counts", async () => {
    const directory = newDirectory();
    await writeModel(directory, model);
    expect(readdirSync(directory).sort()).toEqual([
      "config.json",
      "encoder.json",
      "model.safetensors",
      "vocab.bpe",
    ]);
    expect(JSON.parse(readFileSync(`${directory}/config.json`, "utf8"))).toEqual({
      model_type: "sparselens",
      format_version: 2,
      ...config,
    });
    const checkpoint = await open(directory);
    for (const [name, { shape, data }] of model.tensors) {
      const stored = checkpoint.tensors.get(name)!;
      expect([name, stored.shape]).toEqual([name, shape]);
      expect(await stored.readDense()).toEqual(data);
    }
    const table = checkpoint.tensors.get("bigram_table")!;
    expect([table.storedAs, table.shape, table.dtype]).toEqual(["counted", [40, 40], "F32"]);
    expect(table.counted!.pairs).toBe(bigramCounts.counts.length);
    expect(await table.counted!.readCounts()).toEqual(bigramCounts);
    expect(await table.readDense()).toEqual(bigramTable(bigramCounts));
    expect([...checkpoint.tensors.keys()].sort()).toEqual([...model.tensors.keys(), "bigram_table"].sort());
    await checkpoint.close();
  });

  test("without counts is of the version that older readers know", async () => {
    const directory = newDirectory();
    const table = { shape: [40, 40], data: bigramTable(bigramCounts) };
    const tensors = new Map([...model.tensors, ["bigram_table", table] as const]);
    await writeModel(directory, { config, tensors, tokenizer: null });
    expect(JSON.parse(readFileSync(`${directory}/config.json`, "utf8")).format_version).toBe(1);
    const checkpoint = await open(directory);
    expect(checkpoint.tensors.get("bigram_table")!.storedAs).toBe("dense");
    await checkpoint.close();
  });

  test("keeps its counts in our layout, and has the dense table in the released ones", async () => {
    const [ours, blob, hf, again] = [newDirectory(), newDirectory(), newDirectory(), newDirectory()];
    await writeModel(ours, model);
    const convert = async (from: string, to: string, layout: CheckpointLayout) => {
      const checkpoint = await open(from);
      await writeCheckpoint(checkpoint, to, layout);
      await checkpoint.close();
    };
    await convert(ours, blob, "blob");
    await convert(ours, hf, "huggingface");
    await convert(ours, again, "sparselens");
    const [copy, original] = [again, ours].map((path) => plainSafetensors(`${path}/model.safetensors`));
    expect(copy).toEqual(original);
    for (const directory of [blob, hf]) {
      const checkpoint = await open(directory);
      const table = checkpoint.tensors.get("bigram_table")!;
      expect(table.storedAs).toBe("dense");
      expect(decode("F32", await table.readBytes())).toEqual(bigramTable(bigramCounts));
      await checkpoint.close();
    }
    const parts = [...original].filter(([name]) => name.includes("bigram"));
    expect(parts.map(([name, { dtype }]) => [name, dtype]).sort()).toEqual([
      ["bigram_table.column_indices", "U16"],
      ["bigram_table.counts", "U32"],
      ["bigram_table.row_pointers", "U32"],
    ]);
  });

  test("what does not fit together is refused, and nothing is left behind", async () => {
    const refused = async (change: Partial<ModelToWrite>, message: RegExp) => {
      const directory = newDirectory();
      await expect(writeModel(directory, { ...model, ...change })).rejects.toThrow(message);
      expect(existsSync(directory)).toBe(false);
    };
    const changed = (name: string, shape: number[], data: Float32Array) =>
      new Map([...model.tensors, [name, { shape, data }] as const]);
    const values = new Float32Array(8);
    await refused({ bigramCounts: undefined }, /bigram_table \[40, 40\] is missing/);
    await refused({ bigramCounts: countBigrams(tokens, 39) }, /bigram_table has shape \[39, 39\]/);
    await refused({ tensors: changed("bigram_table", [8], values) }, /both a bigram table and its counts/);
    await refused(
      { tensors: changed("transformer.ln_f.weight", [9], values) },
      /8 values for the shape \[9\]/,
    );
    await refused({ config: { ...config, d_model: 16 } }, /has shape/);
    const nan = Float32Array.of(0, 0, 0, Number.NaN, 0, 0, 0, 0);
    await refused(
      { tensors: changed("transformer.ln_f.weight", [8], nan) },
      /transformer\.ln_f\.weight has the value NaN at element 3/,
    );
    expect(readdirSync(scratch).filter((name) => name.includes("partial"))).toEqual([]);
  });
});

describe("counts with faults are refused", () => {
  const bytes = (array: Uint32Array | Uint16Array | Float32Array) => new Uint8Array(array.buffer);
  interface Parts {
    pointers?: Uint32Array;
    indices?: Uint16Array | Uint32Array;
    counts?: Uint32Array | Float32Array;
    formula?: string;
    skip?: string;
  }
  const read = async ({
    pointers = Uint32Array.of(0, 2, 2, 3),
    indices = Uint16Array.of(0, 2, 1),
    counts = Uint32Array.of(5, 1, 2 ** 32 - 1),
    formula = "unigram-smoothed",
    skip,
  }: Parts) => {
    const arrays = { row_pointers: pointers, column_indices: indices, counts };
    const tensors = Object.entries(arrays)
      .filter(([part]) => part !== skip)
      .map(([part, array]): TensorToWrite => {
        const dtype = array instanceof Uint16Array ? "U16" : array instanceof Uint32Array ? "U32" : "F32";
        return { name: `bigram_table.${part}`, dtype, shape: [array.length], read: async () => bytes(array) };
      });
    const sink = new MemorySink();
    await writeSafetensors(sink, tensors, { sparse_shapes: "{}", bigram_formula: formula });
    const checkpoint = await openCheckpoint(
      await resolveSource([
        new File([sink.bytes() as BlobPart], "model.safetensors"),
        new File(['{ "model_type": "sparselens", "format_version": 2 }'], "config.json"),
      ]),
    );
    return await checkpoint.tensors.get("bigram_table")!.readDense();
  };

  test("the sound ones are read", async () => {
    const share = [6, 2 ** 32, 2].map((sum) => sum / (2 ** 32 + 5 + 3));
    expect((await read({}))[0]).toBeCloseTo(Math.log((5 + share[0]) / 7), 6);
    expect((await read({}))[4]).toBeCloseTo(Math.log(share[1]), 6);
  });

  test.each<[string, Parts, RegExp]>([
    ["falling pointers", { pointers: Uint32Array.of(0, 2, 1, 3) }, /row_pointers do not ascend at row 1/],
    ["pointers that end late", { pointers: Uint32Array.of(0, 2, 2, 4) }, /from 0 to 4, not from 0 to 3/],
    ["no vocabulary", { pointers: Uint32Array.of(0) }, /row_pointers for a vocabulary of 0/],
    ["a token outside", { indices: Uint16Array.of(0, 3, 1) }, /column index 3, but there are 3 columns/],
    ["a pair twice", { indices: Uint16Array.of(0, 0, 1) }, /column_indices do not ascend in row 0/],
    ["wide indices", { indices: Uint32Array.of(0, 2, 1) }, /needs column_indices of type U16/],
    ["a count of zero", { counts: Uint32Array.of(5, 0, 1) }, /has a count of zero at entry 1/],
    ["fewer counts", { counts: Uint32Array.of(5, 1) }, /3 column_indices but 2 counts/],
    [
      "counts that are not whole",
      { counts: Float32Array.of(5, 1, 2) },
      /needs counts of type U32 .* not F32/,
    ],
    ["a missing part", { skip: "counts" }, /bigram_table\.counts is missing/],
    [
      "another formula",
      { formula: "magic" },
      /by the formula "magic".* knows "unigram-smoothed" and "unigram-smoothed-log"/,
    ],
  ])("%s", async (_, change, message) => {
    await expect(read(change)).rejects.toThrow(message);
    await expect(read(change)).rejects.toThrow(/model\.safetensors/);
  });
});

test("a fixture that is written from memory is the fixture", async () => {
  const source = await open(`${committedFixtures}/05_yolo2_like_d64`);
  const tensors = new Map<string, { shape: number[]; data: Float32Array }>();
  for (const [name, tensor] of source.tensors)
    tensors.set(name, { shape: tensor.shape, data: await tensor.readDense() });
  const [direct, fromMemory] = [newDirectory(), newDirectory()];
  await writeCheckpoint(source, direct, "sparselens");
  await writeModel(fromMemory, { config: source.config, tensors, tokenizer: source.tokenizer });
  await source.close();
  for (const name of readdirSync(direct)) {
    expect(readFileSync(`${fromMemory}/${name}`)).toEqual(readFileSync(`${direct}/${name}`));
  }
});
