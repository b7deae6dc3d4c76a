import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readTorch, TorchTensor, type TorchValue } from "../../src/formats/torch-checkpoint.js";
import { PythonFloat, type TorchToWrite, writeTorchValue } from "../../src/formats/torch-writer.js";
import { readVizData, type VizData, writeVizData } from "../../src/formats/viz-data.js";
import { MemorySink } from "../../src/io/byte-sink.js";
import { MemorySource } from "../../src/io/byte-source.js";
import { allFixtures, committedFixtures } from "./fixture-files.js";

const committed = `${committedFixtures}/viz/32/viz_data.pt`;
const files = [
  committed,
  ...(allFixtures ? [`${allFixtures}/viz/csp_tiny/two_token_task/prune_v4/64/viz_data.pt`] : []),
];

const source = (bytes: Uint8Array) => new MemorySource("viz_data.pt", bytes);
const read = (path: string) => readVizData(source(readFileSync(path)));

async function written(data: VizData): Promise<Uint8Array> {
  const sink = new MemorySink();
  await writeVizData(sink, data);
  return sink.bytes();
}

/** A value as plain as JSON, tensors by type, shape and bytes. */
async function plain(value: TorchValue): Promise<unknown> {
  if (value instanceof TorchTensor) {
    return {
      dtype: value.dtype,
      shape: value.shape,
      bytes: Buffer.from(await value.readBytes()).toString("hex"),
    };
  }
  if (Array.isArray(value)) return Promise.all(value.map(plain));
  if (value instanceof Map) {
    return Promise.all([...value].map(async ([key, one]) => [await plain(key), await plain(one)]));
  }
  return value;
}

const content = async (bytes: Uint8Array) => plain((await readTorch(source(bytes))).value);

describe.each(files)("%s", (path) => {
  test("what is written holds exactly what was read: keys in order, types, shapes, bits", async () => {
    const bytes = await written(await read(path));
    expect(await content(bytes)).toEqual(await content(readFileSync(path)));
    expect(await readVizData(source(bytes))).toEqual(await read(path));
  });
});

test("losses are task losses: half of what is stored, but for those of layers", async () => {
  const { importances, all_loss, ...rest } = await read(committed);
  expect(importances.interv_loss).toBeCloseTo(7.970963001251221 / 2, 12);
  expect(importances.loss).toBeCloseTo(2.7990965843200684 / 2, 12);
  expect(importances.ch_interv_losses.get("0.mlp.resid_delta")).toEqual([
    7.981367784001577 / 2,
    7.937812663471277 / 2,
  ]);
  expect(importances.layer_interv_losses.get("1.mlp")).toBe(4.043162277102056);
  expect(all_loss?.[0]).toEqual([0, 1.25 / 2]);
  const [, second] = importances.pair_data;
  expect([...second.values]).toEqual([0, 0, 0, Math.fround(0.031633537262678146) / 2]);
  expect(importances.pair_data_connections[1].values[3]).toBeCloseTo(0.4657287895679474, 12);
  expect(rest.num_total_nodes).toBe(704);
  expect(rest.prune_config).toEqual({ k: 32, lr: 0.01, steps: 24, batch_size: 8, seed: 132 });
});

test("everything is where it belongs", async () => {
  const { circuit_data, samples, importances } = await read(committed);
  expect(circuit_data.get("0.mlp.post_act")).toEqual([17, 90]);
  const ofNode = samples.get("0.mlp.post_act")!.get(90)!;
  expect([...ofNode.keys()]).toEqual([0.001, 0.01, 0.1, 0.5]);
  for (const { bottom, top } of ofNode.values()) {
    expect([bottom.length, top.length]).toEqual([5, 5]);
    for (const { activations, position } of top) expect(activations[position]).toBe(Math.max(...activations));
    for (const { activations, position } of bottom)
      expect(activations[position]).toBe(Math.min(...activations));
  }
  const neurons = importances.pair_data.find(({ target }) => target === "0.mlp.post_act")!;
  expect(neurons).toMatchObject({ source: "0.mlp.act_in", sources: [10, 27], targets: [17, 90] });
  expect([...neurons.bias!]).toEqual([0, 0]);
  expect(importances.pair_data[0].bias).toBeNull();
  const { prompts, width, tokens, activations } = importances.task_samples;
  expect([prompts, width, tokens.length]).toEqual([8, 16, 128]);
  expect([...tokens.subarray(0, 6)]).toEqual([8, 6, 48, 7, 13, 34]);
  expect(activations.get("0.attn.act_in")!.get(18)![1]).toBeCloseTo(-5.150735855102539, 12);
  expect(importances.beeg_model_config).toMatchObject({ n_layer: 2, unknown_extra_key: 1, afrac: 0.25 });
});

const locations = fc.constantFrom("0.attn.act_in", "0.attn.q", "1.mlp.post_act", "final_resid");
const float = fc.float({ noNaN: true, noDefaultInfinity: true });
/** Subnormal numbers lose their last bit when they are halved. */
const normal = (value: number) => (Math.abs(value) < 1e-30 ? 0 : value);
const loss = fc.double({ min: 0, max: 1e6, noNaN: true }).map(normal);
const floatLoss = fc.float({ min: -(2 ** 20), max: 2 ** 20, noNaN: true }).map(normal);
const channels = fc.uniqueArray(fc.nat(5000), { maxLength: 4 });
const map = <K, V>(key: fc.Arbitrary<K>, value: fc.Arbitrary<V>) =>
  fc
    .uniqueArray(fc.tuple(key, value), { selector: ([one]) => one, maxLength: 3 })
    .map((entries) => new Map(entries));
const floatsOf = (length: number) =>
  fc.array(float, { minLength: length, maxLength: length }).map((values) => Float32Array.from(values));
const sample = fc.integer({ min: 1, max: 5 }).chain((length) =>
  fc.record({
    tokens: fc
      .array(fc.nat(70000), { minLength: length, maxLength: length })
      .map((tokens) => Int32Array.from(tokens)),
    activations: floatsOf(length),
    position: fc.nat(length - 1),
  }),
);
const pair = (value: fc.Arbitrary<number>) =>
  fc.tuple(channels, channels, fc.boolean()).chain(([sources, targets, hasBias]) => {
    const of = (count: number) =>
      fc.array(value, { minLength: count, maxLength: count }).map((values) => Float32Array.from(values));
    return fc.record({
      ...{
        source: locations,
        target: locations,
        sources: fc.constant(sources),
        targets: fc.constant(targets),
      },
      values: of(sources.length * targets.length),
      bias: hasBias ? of(targets.length) : fc.constant(null),
    });
  });
const taskSamples = fc.tuple(fc.nat(2), fc.integer({ min: 1, max: 4 })).chain(([pairs, width]) =>
  fc.record({
    ...{ prompts: fc.constant(2 * pairs), width: fc.constant(width) },
    tokens: fc
      .array(fc.nat(2 ** 31 - 1), { minLength: 2 * pairs * width, maxLength: 2 * pairs * width })
      .map((tokens) => Int32Array.from(tokens)),
    activations: map(locations, map(fc.nat(5000), floatsOf(2 * pairs * width))),
  }),
);
const setting = fc.oneof(
  fc.integer(),
  loss,
  fc.string(),
  fc.boolean(),
  fc.constant(null),
  fc.array(fc.maxSafeInteger()),
);
const settings = fc.dictionary(
  fc.string().filter((key) => key !== "__proto__"),
  setting,
);
const vizData: fc.Arbitrary<VizData> = fc.record({
  circuit_data: map(locations, channels),
  samples: map(
    locations,
    map(
      fc.nat(5000),
      map(
        fc.constantFrom(0.001, 0.5),
        fc.record({ bottom: fc.array(sample, { maxLength: 3 }), top: fc.array(sample, { maxLength: 3 }) }),
      ),
    ),
  ),
  importances: fc.record({
    beeg_model_config: settings,
    ch_interv_losses: map(locations, fc.array(loss)),
    layer_interv_losses: map(fc.constantFrom("0.attn", "0.mlp"), loss),
    pair_data: fc.array(pair(floatLoss), { maxLength: 3 }),
    pair_data_connections: fc.array(pair(float), { maxLength: 3 }),
    interv_loss: floatLoss,
    loss: floatLoss,
    task_samples: taskSamples,
  }),
  num_total_nodes: fc.nat(),
  all_loss: fc.option(fc.array(fc.tuple(fc.nat(), loss))),
  prune_config: fc.option(settings),
});

test("anything of this kind survives writing and reading", async () => {
  await fc.assert(
    fc.asyncProperty(vizData, async (data) => {
      expect(await readVizData(source(await written(data)))).toEqual(data);
    }),
    { numRuns: 100 },
  );
});

describe("malformed files are refused by the path of what is wrong", () => {
  type Container = Map<unknown, unknown> | unknown[];
  const tensor = (dtype: "F32" | "I64", shape: number[]) => {
    const bytes = (dtype === "F32" ? 4 : 8) * shape.reduce((product, n) => product * n, 1);
    return { dtype, shape, read: async () => new Uint8Array(bytes) };
  };

  /** The committed fixture with the value at a path replaced, or taken out. */
  async function withChange(path: (string | number)[], value: TorchToWrite | undefined): Promise<Uint8Array> {
    const { value: root } = await readTorch(source(readFileSync(committed)));
    const toWrite = (one: TorchValue): unknown => {
      if (one instanceof TorchTensor)
        return { dtype: one.dtype, shape: one.shape, read: () => one.readBytes() };
      if (Array.isArray(one)) return one.map(toWrite);
      if (one instanceof Map) {
        return new Map(
          [...one].map(([key, child]) => [
            typeof key === "number" && !Number.isInteger(key) ? new PythonFloat(key) : key,
            toWrite(child),
          ]),
        );
      }
      return one;
    };
    const copy = toWrite(root) as Container;
    let at: Container = copy;
    const step = (container: Container, key: string | number) =>
      Array.isArray(container)
        ? key
        : [...container.keys()].find((one) => (one instanceof PythonFloat ? one.value : one) === key);
    for (const key of path.slice(0, -1)) {
      const found = step(at, key);
      at = (Array.isArray(at) ? at[found as number] : at.get(found)) as Container;
    }
    const last = step(at, path.at(-1)!);
    if (Array.isArray(at)) at[last as number] = value;
    else if (value === undefined) at.delete(last);
    else at.set(last, value);
    const sink = new MemorySink();
    await writeTorchValue(sink, copy as TorchToWrite);
    return sink.bytes();
  }

  test("without a change, nothing is wrong", async () => {
    const bytes = await withChange(["num_total_nodes"], 704);
    expect(await readVizData(source(bytes))).toEqual(await read(committed));
  });

  const node = ["samples", "0.attn.act_in", 15, 0.001, 1, 2];
  test.each<[(string | number)[], TorchToWrite | undefined, string]>([
    [["circuit_data"], undefined, 'its content lacks the key "circuit_data"'],
    [["circuit_data", "0.attn.q"], 3, 'circuit_data["0.attn.q"] must be a tensor, not 3'],
    [["circuit_data", "0.attn.q"], tensor("I64", [2]), 'circuit_data["0.attn.q"] holds a channel twice'],
    [
      ["circuit_data", "0.attn.q"],
      tensor("F32", [2]),
      'circuit_data["0.attn.q"] must hold integers, not F32',
    ],
    [node, [1], 'samples["0.attn.act_in"][15][0.001][1][2] must have 3 items, not 1'],
    [[...node, 1], tensor("F32", [4]), "[1][2][1] must have the shape [16], not [4]"],
    [[...node, 2], 16, "[1][2][2] is 16, but there are 16 tokens"],
    [["importances", "loss"], "low", 'importances.loss must be a number, not "low"'],
    [
      ["importances", "pair_data", 3, 0],
      tensor("F32", [3, 2]),
      "importances.pair_data[3][0] must have the shape [2, 2], not [3, 2]",
    ],
    [
      ["importances", "pair_data", 3, 3],
      ["0.attn.v"],
      "importances.pair_data[3][3] must have 2 items, not 1",
    ],
    [
      ["importances", "task_samples", 0],
      tensor("I64", [7, 16]),
      "importances.task_samples[0] has 7 prompts; half of them belong to each answer",
    ],
    [
      ["importances", "task_samples", 1, "0.attn.q", 18],
      tensor("F32", [8, 15]),
      'importances.task_samples[1]["0.attn.q"][18] must have the shape [8, 16], not [8, 15]',
    ],
    [
      ["importances", "ch_interv_losses"],
      [],
      "importances.ch_interv_losses must be a dictionary, not a list",
    ],
    [["num_total_nodes"], -1, "num_total_nodes must be an integer from 0, not -1"],
  ])("%j", async (path, value, message) => {
    const bytes = await withChange(path, value);
    await expect(readVizData(source(bytes))).rejects.toThrow(message);
    await expect(readVizData(source(bytes))).rejects.toThrow(/^viz_data\.pt: /);
  });

  test("a state dict", async () => {
    const weights = readFileSync(`${committedFixtures}/01_ln_gelu_tied/final_model.pt`);
    await expect(readVizData(source(weights))).rejects.toThrow('its content lacks the key "circuit_data"');
  });
});

test("channels may be tensors, and edges a list for each process that computed them", async () => {
  const { value } = await readTorch(source(readFileSync(committed)));
  const root = value as Map<string, TorchValue>;
  const toWrite = (one: TorchValue, path: string[]): unknown => {
    if (one instanceof TorchTensor)
      return { dtype: one.dtype, shape: one.shape, read: () => one.readBytes() };
    if (Array.isArray(one)) {
      const items = one.map((item) => toWrite(item, [...path, "*"]));
      return path.join(".") === "importances.pair_data" ? [items.slice(0, 5), items.slice(5)] : items;
    }
    if (!(one instanceof Map)) return one;
    return new Map(
      [...one].map(([key, child]) => {
        const isChannel = path[0] === "samples" && path.length === 2;
        const tensorKey = {
          dtype: "I64",
          shape: [],
          read: async () => new Uint8Array(BigInt64Array.of(BigInt(key as number)).buffer),
        };
        const newKey = isChannel
          ? tensorKey
          : typeof key === "number" && !Number.isInteger(key)
            ? new PythonFloat(key)
            : key;
        return [newKey, toWrite(child, [...path, String(key)])];
      }),
    );
  };
  const sink = new MemorySink();
  await writeTorchValue(sink, toWrite(root, []) as TorchToWrite);
  expect(await readVizData(source(sink.bytes()))).toEqual(await read(committed));
});
