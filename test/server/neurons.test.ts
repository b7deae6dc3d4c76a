import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WeightGraph } from "../../src/circuits/weight-graph.js";
import { type Checkpoint, openCheckpoint } from "../../src/formats/checkpoint.js";
import { resolveSource } from "../../src/io/source.js";
import { channelNeighbours, traceNeuron } from "../../src/server/neurons.js";
import { fixtures } from "../support/fixtures.js";

const never = new AbortController().signal;

// Positions are put beside the stream in one of them: its channels there are no neuron's.
describe.each(["05_yolo2_like_d64", "16_catpos_afrac_everything"])("%s", (name) => {
  let checkpoint: Checkpoint;
  let graph: WeightGraph;
  let read: Float32Array[];
  let written: Float32Array[];
  beforeAll(async () => {
    checkpoint = await openCheckpoint(await resolveSource(fixtures.find((path) => path.endsWith(name))!));
    graph = new WeightGraph(checkpoint);
    const matrices = (which: string) =>
      Promise.all(
        Array.from({ length: graph.config.n_layer }, (_, layer) =>
          checkpoint.tensors.get(`transformer.h.${layer}.mlp.${which}.weight`)!.readDense(),
        ),
      );
    [read, written] = [await matrices("c_fc"), await matrices("c_proj")];
  });
  afterAll(() => checkpoint.close());

  /** [d_mlp, d_in], and [d_model, d_mlp] */
  const readWeight = (layer: number, neuron: number, channel: number) =>
    read[layer][(neuron * read[layer].length) / graph.config.d_mlp + channel];
  const writeWeight = (layer: number, neuron: number, channel: number) =>
    written[layer][channel * graph.config.d_mlp + neuron];

  test("a channel's neurons are those of the largest weights of each layer", async () => {
    const { d_mlp, n_layer } = graph.config;
    const { readers_by_layer, writers_by_layer } = await channelNeighbours(
      graph,
      { channel: 3 },
      { top_k: 4 },
    );
    for (const [found, weightAt] of [
      [readers_by_layer, readWeight],
      [writers_by_layer, writeWeight],
    ] as const) {
      let count = 0;
      for (let layer = 0; layer < n_layer; layer++) {
        const expected = Array.from({ length: d_mlp }, (_, neuron_id) => ({
          neuron_id,
          weight: weightAt(layer, neuron_id, 3),
        }))
          .filter(({ weight }) => weight !== 0)
          .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight))
          .slice(0, 4);
        expect(found[layer] ?? []).toEqual(expected);
        count += expected.length;
      }
      expect(count).toBeGreaterThan(0);
    }
  });

  test("a trace follows the strongest products of two weights, in both directions", async () => {
    const { d_mlp, d_model, n_layer } = graph.config;
    const k = 2;
    const largest = (weights: { id: number; weight: number }[]) =>
      weights
        .filter(({ weight }) => weight !== 0)
        .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight))
        .slice(0, k);
    const list = (length: number, weightOf: (id: number) => number) =>
      largest(Array.from({ length }, (_, id) => ({ id, weight: weightOf(id) })));
    let links = 0;
    for (let neuron = 0; neuron < 8; neuron++) {
      for (const layer of [0, n_layer - 1]) {
        const traced = await traceNeuron(graph, { layer, neuron }, { trace_depth: 2, trace_k: k }, never);
        const forward = list(d_model, (c) => writeWeight(layer, neuron, c)).flatMap((channel) =>
          Array.from({ length: n_layer }, (_, i) => i)
            .filter((later) => later > layer)
            .flatMap((later) =>
              list(d_mlp, (n) => readWeight(later, n, channel.id)).map((reader) => ({
                ...{ layer: later, neuron: reader.id, via_channel: channel.id },
                ...{ write_weight: channel.weight, read_weight: reader.weight },
              })),
            ),
        );
        const strength = (one: { write_weight: number; read_weight: number }) =>
          Math.abs(one.write_weight * one.read_weight);
        const strengths = forward.map(strength).sort((a, b) => b - a);
        expect(traced.trace_forward.map(strength)).toEqual(strengths.slice(0, 2 * k));
        for (const { children, ...link } of traced.trace_forward) {
          expect(forward).toContainEqual(link);
          // The second step is the first of a trace from there.
          const next = await traceNeuron(
            graph,
            { layer: link.layer, neuron: link.neuron },
            { trace_depth: 1, trace_k: k },
            never,
          );
          expect(children ?? []).toEqual(next.trace_forward);
        }
        for (const { parents: _, ...link } of traced.trace_backward) {
          expect(link.layer).toBeLessThan(layer);
          expect(link.read_weight).toBe(readWeight(layer, neuron, link.via_channel));
          expect(link.write_weight).toBe(writeWeight(link.layer, link.neuron, link.via_channel));
        }
        links += traced.trace_forward.length + traced.trace_backward.length;
      }
    }
    expect(links).toBeGreaterThan(4);
  });

  test("what is not there, and what would be too much, is refused", async () => {
    const { d_mlp, d_model, n_layer } = graph.config;
    const small = { trace_depth: 1, trace_k: 1 };
    await expect(traceNeuron(graph, { layer: n_layer, neuron: 0 }, small, never)).rejects.toMatchObject({
      status: 400,
      param: "layer",
    });
    await expect(traceNeuron(graph, { layer: 0, neuron: d_mlp }, small, never)).rejects.toThrow(
      `0 to ${d_mlp - 1}`,
    );
    await expect(channelNeighbours(graph, { channel: d_model }, { top_k: 1 })).rejects.toThrow(
      `${d_model - 1}`,
    );
  });
});
