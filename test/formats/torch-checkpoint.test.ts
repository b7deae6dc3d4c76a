import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Dtype, sizeOf } from "../../src/formats/dtype.js";
import { PickleWriter } from "../../src/formats/pickle-writer.js";
import { readTorch, TorchTensor, type TorchValue } from "../../src/formats/torch-checkpoint.js";
import { type TorchTensorToWrite, writeTorch } from "../../src/formats/torch-writer.js";
import { readZip, ZipWriter } from "../../src/formats/zip.js";
import { MemorySink } from "../../src/io/byte-sink.js";
import { MemorySource } from "../../src/io/byte-source.js";
import { allFixtures, committedFixtures } from "./fixture-files.js";

interface Described {
  storage: string;
  elements: number;
  offset: number;
  shape: number[];
  strides: number[];
  key?: string;
}

/** An archive whose pickle is the tensors described, with given storages. */
async function archive(
  storages: Record<string, Uint8Array>,
  tensors: Described[],
  prefix = "x/",
): Promise<MemorySource> {
  const pickle = new PickleWriter();
  pickle.global("collections", "OrderedDict").tuple([]).reduce().mark();
  for (const [i, { storage, elements, offset, shape, strides, key = "0" }] of tensors.entries()) {
    pickle.text(`t${i}`).global("torch._utils", "_rebuild_tensor_v2").mark();
    pickle.mark().text("storage").global("torch", storage).text(key).text("cpu").integer(elements);
    pickle.tupleFromMark().persistentId().integer(offset).tuple(shape).tuple(strides).boolean(false);
    pickle.global("collections", "OrderedDict").tuple([]).reduce().tupleFromMark().reduce();
  }
  const bytes = pickle.setItems().finish();
  const sink = new MemorySink();
  const zip = new ZipWriter(sink);
  await zip.add(`${prefix}data.pkl`, bytes.length, [bytes]);
  for (const [key, content] of Object.entries(storages))
    await zip.add(`${prefix}data/${key}`, content.length, [content]);
  await zip.finish();
  return new MemorySource("x.pt", sink.bytes());
}

const tensorsOf = async (source: MemorySource) => {
  const { value } = await readTorch(source);
  return [...(value as Map<string, TorchTensor>).values()];
};
const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

describe("tensors", () => {
  test("any view of a storage has the elements that its strides say", async () => {
    const view = fc
      .array(fc.record({ length: fc.nat(4), stride: fc.nat(12) }), { maxLength: 4 })
      .chain((axes) => fc.record({ axes: fc.constant(axes), offset: fc.nat(20) }));
    await fc.assert(
      fc.asyncProperty(
        view,
        fc.constantFrom<[string, Dtype]>(
          ["LongStorage", "I64"],
          ["ShortStorage", "I16"],
          ["CharStorage", "I8"],
          ["FloatStorage", "F32"],
        ),
        async ({ axes, offset }, [storage, dtype]) => {
          const elements = 200;
          const bytes = Uint8Array.from({ length: elements * sizeOf(dtype) }, (_, i) => i * 7);
          const [shape, strides] = [axes.map(({ length }) => length), axes.map(({ stride }) => stride)];
          const source = await archive({ 0: bytes }, [{ storage, elements, offset, shape, strides }]);
          const [tensor] = await tensorsOf(source);
          let positions = [offset];
          for (const { length, stride } of axes) {
            positions = positions.flatMap((from) => Array.from({ length }, (_, i) => from + i * stride));
          }
          const size = sizeOf(dtype);
          const expected = positions.flatMap((position) => [
            ...bytes.subarray(position * size, (position + 1) * size),
          ]);
          expect([...(await tensor.readBytes())]).toEqual(expected);
          expect(tensor.shape).toEqual(shape);
        },
      ),
    );
  });

  test("every type of storage is known", async () => {
    const cases: [string, Dtype, ArrayBufferView, number[]][] = [
      ["FloatStorage", "F32", Float32Array.of(0.5, -1), [0.5, -1]],
      ["DoubleStorage", "F64", Float64Array.of(0.25), [0.25]],
      ["HalfStorage", "F16", Uint16Array.of(0x3c00), [1]],
      ["BFloat16Storage", "BF16", Uint16Array.of(0xbf80), [-1]],
      ["LongStorage", "I64", BigInt64Array.of(-3n), [-3]],
      ["IntStorage", "I32", Int32Array.of(-3), [-3]],
      ["ShortStorage", "I16", Int16Array.of(-3), [-3]],
      ["CharStorage", "I8", Int8Array.of(-3), [-3]],
      ["ByteStorage", "U8", Uint8Array.of(253), [253]],
      ["BoolStorage", "BOOL", Uint8Array.of(1, 0), [1, 0]],
    ];
    for (const [storage, dtype, content, values] of cases) {
      const described = { storage, elements: values.length, offset: 0, shape: [values.length], strides: [1] };
      const [tensor] = await tensorsOf(await archive({ 0: bytesOf(content) }, [described]));
      expect(tensor.dtype).toBe(dtype);
      expect([...(await tensor.read())]).toEqual(values);
    }
  });

  test("share storages, and may lie at the top of the archive", async () => {
    const bytes = bytesOf(Float32Array.of(1, 2, 3, 4));
    const common = { storage: "FloatStorage", elements: 4 };
    const source = await archive(
      { 0: bytes },
      [
        { ...common, offset: 0, shape: [2, 2], strides: [2, 1] },
        { ...common, offset: 0, shape: [2, 2], strides: [1, 2] },
        { ...common, offset: 3, shape: [], strides: [] },
      ],
      "",
    );
    const tensors = await tensorsOf(source);
    expect(tensors.map(({ isContiguous }) => isContiguous)).toEqual([true, false, true]);
    expect(new Set(tensors.map(({ storageKey }) => storageKey)).size).toBe(1);
    expect((await Promise.all(tensors.map((tensor) => tensor.read()))).map((values) => [...values])).toEqual([
      [1, 2, 3, 4],
      [1, 3, 2, 4],
      [4],
    ]);
  });

  test.each<[string, Partial<Described>, RegExp]>([
    ["more elements than the entry has", { elements: 5 }, /storage "0" of 5 F32 has only 16 bytes/],
    ["a shape beyond the storage", { shape: [5] }, /reaches beyond its storage/],
    ["an offset beyond the storage", { offset: 1 }, /reaches beyond its storage/],
    ["strides beyond the storage", { shape: [2, 2], strides: [3, 1] }, /reaches beyond its storage/],
    ["endless repetition", { shape: [2 ** 40], strides: [0] }, /repeats .* too often/],
    ["fewer strides than axes", { shape: [2, 2] }, /but strides/],
    ["a missing storage", { key: "7" }, /storage "7" is missing/],
    ["an unknown storage", { storage: "UntypedStorage" }, /"torch\.UntypedStorage"/],
  ])("that do not fit are refused: %s", async (_, change, message) => {
    const good = { storage: "FloatStorage", elements: 4, offset: 0, shape: [4], strides: [1] };
    const source = await archive({ 0: new Uint8Array(16) }, [{ ...good, ...change }]);
    await expect(readTorch(source)).rejects.toThrow(message);
    await expect(readTorch(source)).rejects.toThrow(/x\.pt/);
  });
});

describe("files of other kinds are refused with advice", () => {
  const read = (bytes: Uint8Array) => readTorch(new MemorySource("x.pt", bytes));

  test("the format before zip, and a zip without a pickle", async () => {
    await expect(read(Buffer.from("\x80\x02\x8a\x0al\xfc", "latin1"))).rejects.toThrow(/since version 1\.6/);
    const sink = new MemorySink();
    const zip = new ZipWriter(sink);
    await zip.add("readme", 0, []);
    await zip.finish();
    await expect(read(sink.bytes())).rejects.toThrow(/no data\.pkl/);
    await expect(read(new Uint8Array(0))).rejects.toThrow(/no end record/);
  });

  test("a big-endian one", async () => {
    const sink = new MemorySink();
    const zip = new ZipWriter(sink);
    await zip.add("x/data.pkl", 4, [Buffer.from("\x80\x02N.", "latin1")]);
    await zip.add("x/byteorder", 3, [Buffer.from("big")]);
    await zip.finish();
    await expect(read(sink.bytes())).rejects.toThrow(/big-endian/);
  });
});

test("what is written is read back, a tied weight stored once", async () => {
  const values = Float32Array.of(1, 2, 3, 4, 5, 6);
  const common = { dtype: "F32" as const, shape: [2, 3], read: async () => bytesOf(values) };
  const sink = new MemorySink();
  await writeTorch(
    sink,
    new Map<string, TorchTensorToWrite>([
      ["a", common],
      ["scalar", { dtype: "I64" as const, shape: [], read: async () => bytesOf(BigInt64Array.of(9n)) }],
      ["b", { ...common, sharedWith: "a" }],
      ["empty", { dtype: "BF16" as const, shape: [0, 3], read: async () => new Uint8Array(0) }],
    ]),
    "model",
  );
  const source = new MemorySource("x.pt", sink.bytes());
  expect([...(await readZip(source)).entries.keys()]).toEqual([
    "model/data.pkl",
    "model/byteorder",
    "model/data/0",
    "model/data/1",
    "model/data/2",
    "model/version",
  ]);
  const [a, scalar, b, empty] = await tensorsOf(source);
  expect([a.storageKey, b.storageKey]).toEqual(["0", "0"]);
  expect([...(await b.read())]).toEqual([...values]);
  expect([scalar.shape, [...(await scalar.read())]]).toEqual([[], [9]]);
  expect([empty.dtype, empty.shape]).toEqual(["BF16", [0, 3]]);
});

test("the archive's own name does not matter", async () => {
  const read = async (name: string) => {
    const bytes = readFileSync(`${committedFixtures}/01_ln_gelu_tied/${name}`);
    const { value } = await readTorch(new MemorySource(name, bytes));
    const entries = [...(value as Map<string, TorchTensor>)];
    return await Promise.all(entries.map(async ([key, tensor]) => [key, tensor.shape, await tensor.read()]));
  };
  expect(await read("final_model_pathsave.pt")).toEqual(await read("final_model.pt"));
});

test.skipIf(!allFixtures).each([32, 64])("viz_data.pt with %i nodes is read whole", async (k) => {
  const bytes = readFileSync(`${allFixtures}/viz/csp_tiny/two_token_task/prune_v4/${k}/viz_data.pt`);
  const { value } = await readTorch(new MemorySource("viz_data.pt", bytes));
  const map = (of: TorchValue) => of as Map<unknown, TorchValue>;
  const data = map(value);
  expect([...data.keys()].sort()).toEqual([
    "all_loss",
    "circuit_data",
    "importances",
    "num_total_nodes",
    "prune_config",
    "samples",
  ]);
  let nodes = 0;
  for (const [location, channels] of map(data.get("circuit_data")!)) {
    expect(location).toMatch(/^\d+\.(attn|mlp)\.\w+$/);
    const indices = await (channels as TorchTensor).read();
    expect((channels as TorchTensor).dtype).toBe("I64");
    nodes += indices.length;
    for (const [channel, quantiles] of map(map(data.get("samples")!).get(location)!)) {
      expect(typeof channel === "number" || channel instanceof TorchTensor).toBe(true);
      for (const [quantile, [bottom, top]] of map(quantiles) as Map<unknown, TorchValue[][]>) {
        expect([0.001, 0.01, 0.1, 0.5]).toContain(quantile);
        for (const [tokens, activations, position] of [...bottom, ...top] as [
          TorchTensor,
          TorchTensor,
          number,
        ][]) {
          expect(tokens.shape).toEqual(activations.shape);
          expect(position).toBeLessThan(tokens.shape[0]);
          const values = await activations.read();
          expect(values.every(Number.isFinite)).toBe(true);
        }
      }
    }
  }
  expect(nodes).toBeLessThanOrEqual(data.get("num_total_nodes") as number);
  const importances = map(data.get("importances")!);
  const loss = importances.get("interv_loss") as TorchTensor;
  expect(loss.shape).toEqual([]);
  expect((await loss.read())[0]).toBeGreaterThan(0);
});
