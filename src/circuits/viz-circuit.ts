import { SparseLensError } from "../errors.js";
import { RELEASED_KEYS } from "../formats/convert-config.js";
import type { PlainValue, VizData, VizPair, VizSamples } from "../formats/viz-data.js";
import { type ModelConfig, parseConfig } from "../model/config.js";
import { describe, type ModelDescription } from "../model/description.js";
import { NodeIndex } from "../model/node-index.js";
import type { Model } from "../model.js";
import { promptOf, type TaskBatch } from "../tasks/batch.js";
import { scoreCandidates } from "../tasks/score.js";
import { QUANTILES, type Sequences, viewActivations } from "./activation-view.js";
import { type Circuit, type CircuitEdge, nodesOf } from "./circuit.js";
import { MaskedModel } from "./masked-model.js";
import { ablationConstants, type Means } from "./means.js";

/** Documents at each quantile that the released viewer shows. */
const SHOWN_DOCUMENTS = 5;

export interface VizOrigin {
  /** What the model is called: the file does not say. */
  readonly model: string;
  readonly task: string;
  /** For messages. */
  readonly location: string;
}

/**
 * The circuit of a `viz_data.pt`. Its losses are those that the file holds, under `select`; the means that it was pruned
 * with were not published.
 * @throws SparseLensError when it does not fit the configuration that it holds itself
 */
export function circuitFromVizData(data: VizData, { model, task, location }: VizOrigin): Circuit {
  const { circuit_data, importances } = data;
  const final_resid = circuit_data.has("final_resid");
  const index = new NodeIndex(describe(configOf(data, location)), { finalResid: final_resid });
  const scores = new Map<number, number>();
  for (const [name, channels] of circuit_data) {
    const losses = importances.ch_interv_losses.get(name);
    if (losses?.length !== channels.length && channels.length > 0) {
      throw new SparseLensError(
        `${location}: ${name} has ${channels.length} channels in circuit_data, but ${losses?.length ?? "no"} losses in ch_interv_losses.`,
      );
    }
    for (const [i, channel] of channels.entries()) {
      let node: number;
      try {
        node = index.numberOf(`${name}:${channel}`);
      } catch (error) {
        if (!(error instanceof SparseLensError)) throw error;
        throw new SparseLensError(`${location} does not fit its beeg_model_config: ${error.message}`);
      }
      scores.set(node, losses![i] - importances.interv_loss);
    }
  }
  const nodes = [...scores.keys()].sort((a, b) => a - b);
  const edges = edgesOf(importances.pair_data_connections, index, scores);
  const edgeScores = new Map(
    edgesOf(importances.pair_data, index, scores, true).map(([source, target, score]) => [
      `${source} ${target}`,
      score,
    ]),
  );
  const isScored = edges.every(([source, target]) => edgeScores.has(`${source} ${target}`));
  return {
    model: { name: model, sha256: null },
    task: { name: task, templates: "unknown" },
    target_loss: null,
    ablation: "mean",
    means: null,
    final_resid,
    nodes: nodes.map((node) => index.nameOf(node)),
    edges_are: "all",
    edges,
    node_scores: nodes.map((node) => scores.get(node)!),
    edge_scores: isScored ? edges.map(([source, target]) => edgeScores.get(`${source} ${target}`)!) : null,
    found: { method: "masks", settings: settingsOf(data), steps: [], candidates: 1 },
    calibration: null,
    losses: {
      select: {
        pairs: importances.task_samples.prompts / 2,
        ...{ model: importances.loss, circuit: importances.interv_loss },
        ...{ empty: null, calibrated: null, accuracy: null, complement: null },
      },
    },
  };
}

function configOf({ importances }: VizData, location: string): ModelConfig {
  // Released files have keys that nothing knows, and that do not matter.
  const known = Object.entries(importances.beeg_model_config).filter(([key]) => RELEASED_KEYS.includes(key));
  return parseConfig(Object.fromEntries(known), `${location}: importances.beeg_model_config`);
}

/** The numbers of pairs of locations that belong to nodes of the circuit, ordered as circuits are. */
function edgesOf(
  pairs: readonly VizPair[],
  index: NodeIndex,
  circuit: ReadonlyMap<number, number>,
  withZeros = false,
): CircuitEdge[] {
  const edges: { source: number; target: number; value: number }[] = [];
  for (const { source, target, sources, targets, values } of pairs) {
    for (const [i, from] of sources.entries()) {
      for (const [j, to] of targets.entries()) {
        const value = values[i * targets.length + j];
        const ends = [index.location(source).offset + from, index.location(target).offset + to];
        if ((value !== 0 || withZeros) && ends.every((node) => circuit.has(node)))
          edges.push({ source: ends[0], target: ends[1], value });
      }
    }
  }
  return edges
    .sort((a, b) => a.target - b.target || a.source - b.source)
    .map(({ source, target, value }) => [index.nameOf(source), index.nameOf(target), value] as const);
}

function settingsOf({ prune_config }: VizData): Circuit["found"]["settings"] {
  return Object.fromEntries(
    Object.entries(prune_config ?? {}).map(([key, value]) => [
      key,
      typeof value === "object" && value !== null ? JSON.stringify(value) : value,
    ]),
  );
}

/**
 * The prompts of a `viz_data.pt` as those of a task: the first half of them against the second.
 * @param candidates the right tokens of the first and of the second half: the file does not hold them
 */
export function vizTaskBatch(
  { importances }: VizData,
  task: string,
  [first, second]: readonly [number, number],
): TaskBatch {
  const { prompts, width, tokens } = importances.task_samples;
  const count = prompts / 2;
  const rows = Array.from({ length: prompts }, (_, i) => {
    const from = ((i % 2) * count + Math.floor(i / 2)) * width;
    return tokens.subarray(from, from + width);
  });
  const lengths = Int32Array.from(rows, (row) => row.findLastIndex((token) => token !== 0) + 1);
  return {
    ...{ task, split: "select", templates: "standard", count, width, lengths, pairs: [] },
    tokens: Int32Array.from(rows.flatMap((row) => [...row])),
    candidates: Int32Array.from({ length: 2 * prompts }, (_, i) => ([0, 3].includes(i % 4) ? first : second)),
    aligned: Uint8Array.from({ length: count }, (_, p) => (lengths[2 * p] === lengths[2 * p + 1] ? 1 : 0)),
    endsAlike: rows.every((row, i) => i % 2 === 1 || row[lengths[i] - 1] === rows[i + 1][lengths[i + 1] - 1]),
    refused: new Map(),
  };
}

/** The documents of all samples, each once: what is left of the distribution that a circuit was pruned with. */
export function vizDocuments({ samples }: VizData): Int32Array[] {
  const documents = new Map<string, Int32Array>();
  for (const channels of samples.values()) {
    for (const quantiles of channels.values()) {
      for (const { bottom, top } of quantiles.values()) {
        for (const { tokens } of [...bottom, ...top]) documents.set(tokens.join(), tokens);
      }
    }
  }
  return [...documents.values()];
}

export interface VizDataOptions {
  readonly model: Model;
  /** null: the circuit's ablation needs none. */
  readonly means: Means | null;
  /** Prompts that are shown. The viewer subtracts the two sides of a pair: they must have equally many tokens. */
  readonly batch: TaskBatch;
  /** Documents of the pretraining distribution, all of the same length, for the viewer stacks them. */
  readonly sequences: Sequences;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/**
 * A circuit as the released viewer shows it. Losses and activations are computed with the model, the circuit's nodes kept
 * and the others ablated; `pair_data` holds the circuit's edge scores, zeros where it has none.
 * @throws SparseLensError when the circuit is not of the model, is ablated by resampling, or the documents do not fit
 */
export async function vizDataFromCircuit(circuit: Circuit, options: VizDataOptions): Promise<VizData> {
  const { model, means, batch, sequences, signal } = options;
  const { ablation, found } = circuit;
  if (ablation === "resample") {
    throw new SparseLensError(
      "viz_data.pt is for circuits whose other nodes are ablated by a constant: by mean or zero.",
    );
  }
  checkPrompts(batch, sequences);
  const index = new NodeIndex(model.description, { finalResid: circuit.final_resid });
  const nodes = nodesOf(circuit, index);
  const masked = new MaskedModel(model, index, ablationConstants(index, ablation, means));
  const channels = channelsByLocation(nodes, index);
  const losses = await measure(masked, batch, nodes, channels, signal);
  const views = await viewActivations(model, circuit.nodes, sequences, {
    ...{ quantiles: QUANTILES, documents: SHOWN_DOCUMENTS, signal },
    onProgress: options.onProgress,
  });
  const perChannel = <V>(make: (node: string) => V) =>
    new Map(
      [...channels].map(([name, list]) => [
        name,
        new Map(list.map((channel) => [channel, make(`${name}:${channel}`)])),
      ]),
    );
  const { steps } = found.settings;
  return {
    circuit_data: channels,
    samples: perChannel(
      (node) =>
        new Map(
          views
            .get(node)!
            .quantiles.map(({ quantile, bottom, top }): [number, VizSamples] => [quantile, { bottom, top }]),
        ),
    ),
    importances: {
      beeg_model_config: releasedConfig(model.config),
      ...losses,
      ...edgePairs(circuit, channels, model.description),
      task_samples: await taskSamples(masked, batch, nodes, perChannel, signal),
    },
    num_total_nodes: index.count,
    // The viewer draws the last loss of each circuit against its size.
    all_loss: [[typeof steps === "number" ? steps : 0, losses.interv_loss]],
    prune_config: { method: found.method, ...found.settings },
  };
}

function checkPrompts({ aligned, task }: TaskBatch, sequences: Sequences): void {
  if (aligned.some((isAligned) => isAligned === 0)) {
    throw new SparseLensError(
      `The viewer compares the two prompts of a pair token by token: give pairs of ${task} whose prompts have equally many tokens.`,
    );
  }
  if (sequences.length < SHOWN_DOCUMENTS)
    throw new SparseLensError(
      `The viewer shows ${SHOWN_DOCUMENTS} documents; there are ${sequences.length}.`,
    );
  const { length } = sequences.at(0);
  for (let i = 1; i < sequences.length; i++) {
    if (sequences.at(i).length !== length)
      throw new SparseLensError("The viewer wants documents of the same number of tokens.");
  }
}

/** Location → channels of the circuit, for all locations, in the order that the released viewer expects. */
function channelsByLocation(nodes: readonly number[], index: NodeIndex): Map<string, number[]> {
  const found = new Map([...index.byLocation(nodes)].map(([{ name }, list]) => [name, list]));
  const names = index.locations.map(({ name }) => name);
  return new Map(releasedOrder(names).map((name) => [name, found.get(name) ?? []]));
}

/** The released files list q before k; it is computed after it. */
function releasedOrder(names: readonly string[]): string[] {
  return names.map((name) =>
    name.endsWith(".attn.k")
      ? name.replace(/k$/, "q")
      : name.endsWith(".attn.q")
        ? name.replace(/q$/, "k")
        : name,
  );
}

async function measure(
  masked: MaskedModel,
  batch: TaskBatch,
  nodes: readonly number[],
  channels: ReadonlyMap<string, readonly number[]>,
  signal: AbortSignal | undefined,
) {
  const { index } = masked;
  const without = (gone: Iterable<number>) => {
    const masks = masked.masksOf(nodes);
    for (const node of gone) masks[node] = 0;
    return masks;
  };
  const lossesOf = async (masks: readonly Float32Array[]) => {
    const logits = await masked.evaluate(batch, masks, { signal });
    return logits.map((one) => scoreCandidates(one).loss);
  };
  const layers = [...new Set([...channels.keys()].flatMap((name) => /^\d+\.(?:attn|mlp)/.exec(name) ?? []))];
  const inLayer = (layer: string) => nodes.filter((node) => index.nameOf(node).startsWith(`${layer}.`));
  const [loss, interv_loss, ...ofLayers] = await lossesOf([
    new Float32Array(index.count).fill(1),
    without([]),
    ...layers.map((layer) => without(inLayer(layer))),
  ]);
  const ch_interv_losses = new Map<string, number[]>();
  for (const [name, list] of channels) {
    const { offset } = index.location(name);
    ch_interv_losses.set(name, await lossesOf(list.map((channel) => without([offset + channel]))));
  }
  return {
    ...{ loss, interv_loss, ch_interv_losses },
    layer_interv_losses: new Map(layers.map((layer, i) => [layer, ofLayers[i]])),
  };
}

function edgePairs(
  { edges, edge_scores }: Circuit,
  channels: ReadonlyMap<string, readonly number[]>,
  { connections }: ModelDescription,
): { pair_data: VizPair[]; pair_data_connections: VizPair[] } {
  const weights = new Map(edges.map(([source, target, weight]) => [`${source} ${target}`, weight]));
  const scores = new Map(edges.map(([source, target], i) => [`${source} ${target}`, edge_scores?.[i] ?? 0]));
  const pairs = (numbers: ReadonlyMap<string, number>) =>
    connections.map(({ source, target }): VizPair => {
      const [sources, targets] = [channels.get(source)!, channels.get(target)!];
      const values = Float32Array.from(
        sources.flatMap((from) => targets.map((to) => numbers.get(`${source}:${from} ${target}:${to}`) ?? 0)),
      );
      return { source, target, sources, targets, values, bias: null };
    });
  return { pair_data: pairs(scores), pair_data_connections: pairs(weights) };
}

async function taskSamples(
  { model, index, constants }: MaskedModel,
  batch: TaskBatch,
  nodes: readonly number[],
  perChannel: <V>(make: (node: string) => V) => Map<string, Map<number, V>>,
  signal: AbortSignal | undefined,
): Promise<VizData["importances"]["task_samples"]> {
  const prompts = 2 * batch.count;
  // One side after the other.
  const places = [...Array(prompts).keys()].sort((a, b) => (a % 2) - (b % 2) || a - b);
  const kept = new Set(nodes);
  const interventions = index.locations.map(({ name, width, offset }) => {
    const channels = Array.from({ length: width }, (_, i) => i).filter((i) => !kept.has(offset + i));
    return [name, { channels, value: channels.map((channel) => constants[offset + channel]) }] as const;
  });
  const output = await model.forward(
    places.map((place) => promptOf(batch, place)),
    {
      ...{ logits: "none", signal, interventions: Object.fromEntries(interventions) },
      record: index.locations.map(({ name }) => name),
    },
  );
  const tokens = new Int32Array(prompts * batch.width);
  for (const [i, place] of places.entries()) tokens.set(promptOf(batch, place), i * batch.width);
  const activations = perChannel((node) => {
    const [name, channel] = node.split(":");
    const all = new Float32Array(prompts * batch.width);
    for (const [i, { data, shape }] of output.activations.get(name)!.entries()) {
      for (let t = 0; t < shape[0]; t++) all[i * batch.width + t] = data[t * shape[1] + Number(channel)];
    }
    return all;
  });
  return { prompts, width: batch.width, tokens, activations };
}

/** A configuration under the keys that the released code knows. */
function releasedConfig({ afrac_loctypes, ...config }: ModelConfig): Record<string, PlainValue> {
  const known = Object.entries({ ...config, afrac_loctypes: [...afrac_loctypes].join(",") });
  return Object.fromEntries(known.filter(([key]) => RELEASED_KEYS.includes(key)));
}
