import { z } from "zod";
import type { WeightGraph } from "../circuits/weight-graph.js";
import { Turns } from "../io/turns.js";
import { ApiError } from "./api-error.js";

/** Neurons of a trace, at most: more than anyone reads. */
const MOST_TRACED = 5_000;

const layer = z.int().min(0);
const neuron = z.int().min(0).meta({ description: "Channel of the layer's `mlp.post_act`." });

interface TracedNeuron {
  readonly layer: number;
  readonly neuron: number;
  /** From the earlier neuron to the channel (an entry of c_proj), and from there to the later one (of c_fc). */
  readonly write_weight: number;
  readonly via_channel: number;
  readonly read_weight: number;
  readonly children?: readonly TracedNeuron[] | null;
  readonly parents?: readonly TracedNeuron[] | null;
}

const tracedNeuron: z.ZodType<TracedNeuron> = z
  .object({
    ...{ layer, neuron },
    write_weight: z
      .number()
      .meta({ description: "What the earlier neuron writes to the channel by: c_proj." }),
    via_channel: z.int().meta({ description: "Channel of the residual stream." }),
    read_weight: z.number().meta({ description: "What the later neuron reads the channel by: c_fc." }),
    get children() {
      return z.array(tracedNeuron).nullable().optional();
    },
    get parents() {
      return z.array(tracedNeuron).nullable().optional();
    },
  })
  .meta({
    id: "TracedNeuron",
    description: "In a forward trace with `children`, in a backward one with `parents`.",
  });

export const neuronParameters = z.object({
  layer: z.coerce.number().pipe(layer),
  neuron: z.coerce.number().pipe(neuron),
});
export const neuronQuery = z.strictObject({
  model: z.string().optional().meta({ description: "Default: the first." }),
  trace_depth: z.coerce
    .number()
    .pipe(z.int().min(1).max(8))
    .default(2)
    .meta({ description: "Neurons in a row." }),
  trace_k: z.coerce
    .number()
    .pipe(z.int().min(1).max(64))
    .default(3)
    .meta({ description: "Channels, and neurons of each layer at each of them, that are followed." }),
});
export const neuronConnections = z
  .object({
    ...{ layer, neuron },
    trace_forward: z
      .array(tracedNeuron)
      .meta({ description: "Neurons of later layers that read what it writes." }),
    trace_backward: z
      .array(tracedNeuron)
      .meta({ description: "Neurons of earlier layers that write what it reads." }),
  })
  .meta({ id: "NeuronConnections" });

const channelNeurons = z.record(
  z.string().regex(/^\d+$/),
  z.array(z.object({ neuron_id: neuron, weight: z.number() }).meta({ id: "ChannelNeuron" })),
);
export const channelParameters = z.object({ channel: z.coerce.number().pipe(z.int().min(0)) });
export const channelQuery = z.strictObject({
  model: neuronQuery.shape.model,
  top_k: z.coerce
    .number()
    .pipe(z.int().min(1).max(1_000))
    .default(10)
    .meta({ description: "Neurons of each layer." }),
});
export const channelConnections = z
  .object({
    channel_id: z.int(),
    readers_by_layer: channelNeurons.meta({ description: "By layer; weights are entries of c_fc." }),
    writers_by_layer: channelNeurons.meta({ description: "By layer; weights are entries of c_proj." }),
  })
  .meta({ id: "ChannelConnections" });

/** An end of a weight: a neuron or a channel of the residual stream. */
interface End {
  readonly id: number;
  readonly weight: number;
}

/** MLP neurons and the channels of the residual stream that they read and write, by weight alone. */
class NeuronGraph {
  readonly layers: number;
  readonly #known = new Map<string, Promise<End[]>>();

  constructor(private readonly graph: WeightGraph) {
    this.layers = graph.config.n_layer;
  }

  /** Channels that a neuron writes, the largest |weight| first; and so on. */
  written(layer: number, neuron: number): Promise<End[]> {
    return this.#ends("outputs", `${layer}.mlp.post_act`, neuron);
  }

  read(layer: number, neuron: number): Promise<End[]> {
    return this.#ends("inputs", `${layer}.mlp.post_act`, neuron);
  }

  readers(layer: number, channel: number): Promise<End[]> {
    return this.#ends("outputs", `${layer}.mlp.act_in`, channel);
  }

  writers(layer: number, channel: number): Promise<End[]> {
    return this.#ends("inputs", `${layer}.mlp.resid_delta`, channel);
  }

  #ends(direction: "inputs" | "outputs", location: string, channel: number): Promise<End[]> {
    const { index } = this.graph;
    const name = `${direction} ${location}:${channel}`;
    const known = this.#known.get(name);
    if (known) return known;
    const node = index.location(location).offset + channel;
    const ends = this.graph[direction](node).then((links) =>
      links
        .map(({ node: other, weight }) => ({ id: other! - index.locationOf(other!).offset, weight }))
        // Positions that are put beside the stream have no channel in it.
        .filter(({ id }) => !location.endsWith("post_act") || id < this.graph.config.d_model),
    );
    this.#known.set(name, ends);
    return ends;
  }
}

/**
 * Neurons that a neuron feeds, and that feed it, through channels of the residual stream; the strongest product of the
 * two weights first, at most twice `trace_k` of each.
 * @throws ApiError when there is no such neuron, or the trace grows too large
 */
export async function traceNeuron(
  weights: WeightGraph,
  at: z.infer<typeof neuronParameters>,
  { trace_depth, trace_k }: z.infer<typeof neuronQuery>,
  signal: AbortSignal,
): Promise<z.infer<typeof neuronConnections>> {
  const { n_layer, d_mlp } = weights.config;
  checkBelow("layer", at.layer, n_layer);
  checkBelow("neuron", at.neuron, d_mlp);
  const graph = new NeuronGraph(weights);
  const turns = new Turns();
  let traced = 0;

  /** One step from a neuron: over its channels, to neurons of other layers. */
  const step = async (
    channels: readonly End[],
    layers: readonly number[],
    neuronsAt: (layer: number, channel: number) => Promise<End[]>,
  ) => {
    const found = [];
    for (const { id: via_channel, weight } of channels.slice(0, trace_k)) {
      for (const layer of layers) {
        const neurons = await neuronsAt(layer, via_channel);
        for (const { id: neuron, weight: other } of neurons.slice(0, trace_k))
          found.push({ layer, neuron, via_channel, weight, other, strength: Math.abs(weight * other) });
      }
      await turns.pause(signal);
    }
    const kept = found.sort((a, b) => b.strength - a.strength).slice(0, 2 * trace_k);
    traced += kept.length;
    if (traced > MOST_TRACED) {
      throw new ApiError(
        400,
        `This trace has more than ${MOST_TRACED.toLocaleString("en-US")} neurons: ask for a smaller trace_depth or trace_k.`,
        "trace_depth",
      );
    }
    return kept;
  };
  const forward = async (layer: number, neuron: number, depth: number): Promise<TracedNeuron[] | null> => {
    if (depth === 0) return null;
    const later = range(layer + 1, n_layer);
    const steps = await step(await graph.written(layer, neuron), later, (l, c) => graph.readers(l, c));
    const result: TracedNeuron[] = [];
    for (const { layer, neuron, via_channel, weight, other } of steps) {
      const children = await forward(layer, neuron, depth - 1);
      result.push({ layer, neuron, write_weight: weight, via_channel, read_weight: other, children });
    }
    return result.length > 0 ? result : null;
  };
  const backward = async (layer: number, neuron: number, depth: number): Promise<TracedNeuron[] | null> => {
    if (depth === 0) return null;
    const earlier = range(0, layer).reverse();
    const steps = await step(await graph.read(layer, neuron), earlier, (l, c) => graph.writers(l, c));
    const result: TracedNeuron[] = [];
    for (const { layer, neuron, via_channel, weight, other } of steps) {
      const parents = await backward(layer, neuron, depth - 1);
      result.push({ layer, neuron, write_weight: other, via_channel, read_weight: weight, parents });
    }
    return result.length > 0 ? result : null;
  };
  return {
    ...at,
    trace_forward: (await forward(at.layer, at.neuron, trace_depth)) ?? [],
    trace_backward: (await backward(at.layer, at.neuron, trace_depth)) ?? [],
  };
}

/** @throws ApiError when there is no such channel */
export async function channelNeighbours(
  weights: WeightGraph,
  { channel }: z.infer<typeof channelParameters>,
  { top_k }: z.infer<typeof channelQuery>,
): Promise<z.infer<typeof channelConnections>> {
  const { n_layer, d_model } = weights.config;
  checkBelow("channel", channel, d_model);
  const graph = new NeuronGraph(weights);
  const byLayer = async (neuronsAt: (layer: number) => Promise<End[]>) => {
    const found: z.infer<typeof channelNeurons> = {};
    for (const layer of range(0, n_layer)) {
      const neurons = (await neuronsAt(layer)).slice(0, top_k);
      if (neurons.length > 0) found[layer] = neurons.map(({ id, weight }) => ({ neuron_id: id, weight }));
    }
    return found;
  };
  return {
    channel_id: channel,
    readers_by_layer: await byLayer((layer) => graph.readers(layer, channel)),
    writers_by_layer: await byLayer((layer) => graph.writers(layer, channel)),
  };
}

function checkBelow(name: string, value: number, limit: number): void {
  if (value >= limit) throw new ApiError(400, `${name} must be from 0 to ${limit - 1}, not ${value}.`, name);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
}
