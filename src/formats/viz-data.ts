import type { ByteSink } from "../io/byte-sink.js";
import { type ByteSource, MemorySource } from "../io/byte-source.js";
import { quote } from "./quote.js";
import { readTorch } from "./torch-checkpoint.js";
import { TorchField } from "./torch-reader.js";
import {
  PythonFloat,
  PythonTuple,
  type TorchTensorToWrite,
  type TorchToWrite,
  writeTorchValue,
} from "./torch-writer.js";

/**
 * `viz_data.pt`: what the released viewer shows of a circuit (github.com/openai/circuit_sparsity, `viz.py`). Keys are
 * those of the file. Losses are task losses in nats: the file holds twice as much, but for `layer_interv_losses`.
 */
export interface VizData {
  /** Location (`0.attn.act_in`) → its retained channels. */
  readonly circuit_data: ReadonlyMap<string, readonly number[]>;
  /** Location → channel → quantile (0.001, 0.01, 0.1, 0.5) → documents of the pretraining distribution. */
  readonly samples: ReadonlyMap<string, ReadonlyMap<number, ReadonlyMap<number, VizSamples>>>;
  readonly importances: VizImportances;
  /** Nodes of the model that the circuit is of. */
  readonly num_total_nodes: number;
  /** `[step, loss]` of the search. null: not kept. */
  readonly all_loss: readonly (readonly [step: number, loss: number])[] | null;
  /** null: not kept. */
  readonly prune_config: Readonly<Record<string, PlainValue>> | null;
}

export interface VizImportances {
  /** As in `beeg_config.json`; released files have keys that nothing knows. */
  readonly beeg_model_config: Readonly<Record<string, PlainValue>>;
  /** Location → task loss when a node is ablated too, in the order of `circuit_data`. */
  readonly ch_interv_losses: ReadonlyMap<string, readonly number[]>;
  /** `0.attn` → task loss when all of its nodes are ablated too. */
  readonly layer_interv_losses: ReadonlyMap<string, number>;
  /** By how much the task loss grows when an edge is ablated too. */
  readonly pair_data: readonly VizPair[];
  /** The same with weights in their places. */
  readonly pair_data_connections: readonly VizPair[];
  /** Task loss of the circuit. */
  readonly interv_loss: number;
  /** Task loss of the model. */
  readonly loss: number;
  readonly task_samples: VizTaskSamples;
}

/** Documents about a quantile of a channel's activation: counted from the least, and from the greatest. */
export interface VizSamples {
  readonly bottom: readonly VizSample[];
  readonly top: readonly VizSample[];
}

export interface VizSample {
  /** `[T]` */
  readonly tokens: Int32Array;
  /** `[T]`: of the channel at each token. */
  readonly activations: Float32Array;
  /** Where the activation is that the document stands for. */
  readonly position: number;
}

/** A number for each pair of retained channels of two locations between which there are weights. */
export interface VizPair {
  readonly source: string;
  readonly target: string;
  /** Channels. */
  readonly sources: readonly number[];
  readonly targets: readonly number[];
  /** `[sources, targets]` */
  readonly values: Float32Array;
  /** `[targets]`: of the target's bias. null: there is none. */
  readonly bias: Float32Array | null;
}

export interface VizTaskSamples {
  /** 2N: the first half has one right answer, the second half the other. */
  readonly prompts: number;
  /** Tokens of the longest prompt, or more. */
  readonly width: number;
  /** `[prompts, width]`, zeros behind the end of a prompt. */
  readonly tokens: Int32Array;
  /** Location → channel → `[prompts, width]`: in the circuit. */
  readonly activations: ReadonlyMap<string, ReadonlyMap<number, Float32Array>>;
}

export type PlainValue =
  | null
  | boolean
  | number
  | string
  | readonly PlainValue[]
  | { readonly [key: string]: PlainValue };

/** Larger files are left on disk and read piece by piece. */
const memoryLimit = 2 ** 29;

/**
 * Reads a `viz_data.pt`.
 * @throws SparseLensError naming the file and the path of what is wrong in it
 */
export async function readVizData(file: ByteSource): Promise<VizData> {
  const source = file.size <= memoryLimit ? new MemorySource(file.name, await file.read(0, file.size)) : file;
  const root = new TorchField((await readTorch(source)).value, file.name, "");
  const prune_config = root.optionalKey("prune_config");
  return {
    circuit_data: await mapValues(root.key("circuit_data").byText(), readChannels),
    samples: await mapValues(root.key("samples").byText(), async (channels) =>
      mapValues(await channels.byChannel(), (quantiles) => mapValues(quantiles.byNumber(), readSamples)),
    ),
    importances: await readImportances(root.key("importances")),
    num_total_nodes: await root.key("num_total_nodes").count(),
    all_loss: await readPruningLosses(root.optionalKey("all_loss")),
    prune_config: prune_config.isMissing() ? null : readPlain(prune_config),
  };
}

async function readImportances(field: TorchField): Promise<VizImportances> {
  return {
    beeg_model_config: readPlain(field.key("beeg_model_config")),
    ch_interv_losses: await mapValues(field.key("ch_interv_losses").byText(), async (list) =>
      inOrder(list.items(), async (loss) => (await loss.number()) / 2),
    ),
    layer_interv_losses: await mapValues(field.key("layer_interv_losses").byText(), (loss) => loss.number()),
    pair_data: await readPairs(field.key("pair_data"), 0.5),
    pair_data_connections: await readPairs(field.key("pair_data_connections"), 1),
    interv_loss: (await field.key("interv_loss").number()) / 2,
    loss: (await field.key("loss").number()) / 2,
    task_samples: await readTaskSamples(field.key("task_samples")),
  };
}

async function readChannels(field: TorchField): Promise<number[]> {
  const channels = Array.from((await field.integers([null])).data);
  if (channels.some((channel) => channel < 0)) field.fail("holds a negative channel");
  if (new Set(channels).size < channels.length) field.fail("holds a channel twice");
  return channels;
}

async function readSamples(field: TorchField): Promise<VizSamples> {
  const [bottom, top] = field.items(2);
  return { bottom: await inOrder(bottom.items(), readSample), top: await inOrder(top.items(), readSample) };
}

async function readSample(field: TorchField): Promise<VizSample> {
  const [first, second, third] = field.items(3);
  const { data: tokens } = await first.integers([null]);
  const { data: activations } = await second.floats([tokens.length]);
  const position = await third.count();
  if (position >= tokens.length) third.fail(`is ${position}, but there are ${tokens.length} tokens`);
  return { tokens, activations, position };
}

async function readPairs(field: TorchField, scale: number): Promise<VizPair[]> {
  const items = field.items();
  // Some files have a list of such lists, one for each process that computed them.
  const isNested =
    items.length > 0 && items.every(({ value }) => Array.isArray(value) && Array.isArray(value[0]));
  const pairs = isNested ? items.flatMap((list) => list.items()) : items;
  return inOrder(pairs, (pair) => readPair(pair, scale));
}

async function readPair(field: TorchField, scale: number): Promise<VizPair> {
  const [matrix, sourceIds, targetIds, locations] = field.items(4);
  const [source, target] = locations.items(2).map((location) => location.text());
  const ids = sourceIds.items();
  const hasBias = ids.at(-1)?.value === "bias";
  const sources = await inOrder(hasBias ? ids.slice(0, -1) : ids, (id) => id.count());
  const targets = await inOrder(targetIds.items(), (id) => id.count());
  const { data } = await matrix.floats([ids.length, targets.length]);
  const values = data.map((value) => value * scale);
  const end = sources.length * targets.length;
  return {
    ...{ source, target, sources, targets, values: values.slice(0, end) },
    bias: hasBias ? values.slice(end) : null,
  };
}

async function readTaskSamples(field: TorchField): Promise<VizTaskSamples> {
  const [first, second] = field.items(2);
  const { data: tokens, shape } = await first.integers([null, null]);
  const [prompts, width] = shape;
  if (prompts % 2 !== 0) first.fail(`has ${prompts} prompts; half of them belong to each answer`);
  const activations = await mapValues(second.byText(), async (channels) =>
    mapValues(await channels.byChannel(), async (values) => (await values.floats(shape)).data),
  );
  return { prompts, width, tokens, activations };
}

async function readPruningLosses(field: TorchField): Promise<VizData["all_loss"]> {
  if (field.isMissing()) return null;
  return inOrder(field.items(), async (item) => {
    const [step, loss] = item.items(2);
    return [await step.number(), (await loss.number()) / 2] as const;
  });
}

function readPlain(field: TorchField): Record<string, PlainValue> {
  const plain = (one: TorchField): PlainValue => {
    const { value } = one;
    if (Array.isArray(value)) return one.items().map(plain);
    if (value instanceof Map) return readPlain(one);
    if (value === null || ["boolean", "number", "string"].includes(typeof value)) return value as PlainValue;
    return one.fail(
      `must be a number, a text, True, False, None, or a list or dictionary of them, not ${quote(value)}`,
    );
  };
  return Object.fromEntries(field.byText().map(([key, value]) => [key, plain(value)]));
}

async function mapValues<K, V>(
  entries: readonly (readonly [K, TorchField])[],
  read: (field: TorchField) => V | Promise<V>,
): Promise<Map<K, V>> {
  const map = new Map<K, V>();
  for (const [key, field] of entries) map.set(key, await read(field));
  return map;
}

async function inOrder<V>(
  fields: readonly TorchField[],
  read: (field: TorchField) => Promise<V>,
): Promise<V[]> {
  const values: V[] = [];
  for (const field of fields) values.push(await read(field));
  return values;
}

/** Writes a `viz_data.pt` as `torch.load(weights_only=True)` and the released viewer read it. */
export async function writeVizData(sink: ByteSink, data: VizData): Promise<void> {
  const { importances, all_loss, prune_config } = data;
  await writeTorchValue(
    sink,
    dictionary({
      circuit_data: mapped(data.circuit_data, (channels) => integers("I64", channels, [channels.length])),
      samples: mapped(data.samples, (channels) =>
        mapped(channels, (quantiles) => {
          const entries = [...quantiles].map(
            ([quantile, { bottom, top }]) =>
              [new PythonFloat(quantile), [bottom.map(sampleToWrite), top.map(sampleToWrite)]] as const,
          );
          return new Map<PythonFloat, TorchToWrite>(entries);
        }),
      ),
      importances: importancesToWrite(importances),
      num_total_nodes: data.num_total_nodes,
      all_loss: all_loss?.map(([step, loss]) => new PythonTuple([step, new PythonFloat(2 * loss)])) ?? null,
      prune_config: prune_config && plainToWrite(prune_config),
    }),
  );
}

function importancesToWrite(importances: VizImportances): TorchToWrite {
  const { task_samples } = importances;
  const { prompts, width, tokens } = task_samples;
  const scalar = (value: number) => floats(Float32Array.of(value), []);
  return dictionary({
    beeg_model_config: plainToWrite(importances.beeg_model_config),
    ch_interv_losses: mapped(importances.ch_interv_losses, (losses) =>
      losses.map((loss) => new PythonFloat(2 * loss)),
    ),
    layer_interv_losses: mapped(importances.layer_interv_losses, (loss) => new PythonFloat(loss)),
    pair_data: importances.pair_data.map((pair) => pairToWrite(pair, 2)),
    pair_data_connections: importances.pair_data_connections.map((pair) => pairToWrite(pair, 1)),
    interv_loss: scalar(2 * importances.interv_loss),
    loss: scalar(2 * importances.loss),
    task_samples: new PythonTuple([
      integers("I64", tokens, [prompts, width]),
      mapped(task_samples.activations, (channels) =>
        mapped(channels, (values) => floats(values, [prompts, width])),
      ),
    ]),
  });
}

function sampleToWrite({ tokens, activations, position }: VizSample): TorchToWrite {
  // As the released files have them, where the vocabulary allows it.
  const dtype = tokens.every((token) => token < 2 ** 15) ? "I16" : "I32";
  return new PythonTuple([
    integers(dtype, tokens, [tokens.length]),
    floats(activations, [activations.length]),
    position,
  ]);
}

function pairToWrite(
  { source, target, sources, targets, values, bias }: VizPair,
  scale: number,
): TorchToWrite {
  const all = Float32Array.from([...values, ...(bias ?? [])], (value) => value * scale);
  const ids = bias ? [...sources, "bias"] : sources;
  const matrix = floats(all, [ids.length, targets.length]);
  return [matrix, ids, targets, new PythonTuple([source, target])];
}

function plainToWrite(value: PlainValue): TorchToWrite {
  if (Array.isArray(value)) return value.map(plainToWrite);
  if (typeof value !== "object" || value === null) return value as Exclude<PlainValue, object>;
  return new Map(Object.entries(value).map(([key, one]) => [key, plainToWrite(one)]));
}

function dictionary(record: Record<string, TorchToWrite>): TorchToWrite {
  return new Map(Object.entries(record));
}

function mapped<K extends string | number, V>(
  map: ReadonlyMap<K, V>,
  write: (value: V) => TorchToWrite,
): ReadonlyMap<K, TorchToWrite> {
  return new Map([...map].map(([key, value]) => [key, write(value)]));
}

function floats(values: Float32Array, shape: readonly number[]): TorchTensorToWrite {
  const { buffer, byteOffset, byteLength } = values;
  return { dtype: "F32", shape, read: async () => new Uint8Array(buffer, byteOffset, byteLength) };
}

function integers(
  dtype: "I16" | "I32" | "I64",
  values: ArrayLike<number>,
  shape: readonly number[],
): TorchTensorToWrite {
  const read = async () => {
    const typed =
      dtype === "I64"
        ? BigInt64Array.from(values as number[], BigInt)
        : dtype === "I32"
          ? Int32Array.from(values)
          : Int16Array.from(values);
    return new Uint8Array(typed.buffer);
  };
  return { dtype, shape, read };
}
