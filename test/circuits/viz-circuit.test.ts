import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ablationConstants,
  type Circuit,
  circuitEdges,
  circuitFromVizData,
  computeMeans,
  formatCircuit,
  loadModel,
  MaskedModel,
  type Means,
  MemorySink,
  MemorySource,
  type Model,
  NodeIndex,
  nodesOf,
  parseCircuit,
  readVizData,
  type Sequences,
  type VizData,
  vizDataFromCircuit,
  vizDocuments,
  vizTaskBatch,
  writeVizData,
} from "../../dist/node/index.js";
import { scoreCandidates } from "../../src/tasks/score.js";
import { allFixtures } from "../formats/fixture-files.js";

const directory = fileURLToPath(new URL("../fixtures/viz", import.meta.url));
/** With the task losses that the circuits have when means are estimated from the documents of their samples. */
const files: [path: string, estimated: number][] = [
  [`${directory}/32/viz_data.pt`, 3.6329],
  ...(allFixtures
    ? [[`${allFixtures}/viz/csp_tiny/two_token_task/prune_v4/64/viz_data.pt`, 2.7638] as [string, number]]
    : []),
];

/** The file does not hold them: the pair of tokens for which the model's task loss is the stored one. */
const CANDIDATES = [5, 9] as const;
const ORIGIN = { model: "csp_tiny", task: "two_token_task", location: "viz_data.pt" };

let model: Model;
beforeAll(async () => {
  model = await loadModel(`${directory}/model`, { threads: 1 });
});
afterAll(() => model.dispose());

/** The prompts as they are stored: these circuits were pruned with the means over them, padding and all. */
function paddedPrompts({ importances }: VizData): Int32Array[] {
  const { prompts, width, tokens } = importances.task_samples;
  return Array.from({ length: prompts }, (_, i) => tokens.subarray(i * width, (i + 1) * width));
}

describe.each(files)("%s", (path, estimated) => {
  let data: VizData;
  let circuit: Circuit;
  let means: Means;
  beforeAll(async () => {
    data = await readVizData(new MemorySource("viz_data.pt", readFileSync(path)));
    circuit = circuitFromVizData(data, ORIGIN);
    means = await computeMeans(model, paddedPrompts(data), { source: "the task's prompts", sha256: null });
  });

  const lossWith = async (given: Means) => {
    const index = new NodeIndex(model.description);
    const masked = new MaskedModel(model, index, ablationConstants(index, "mean", given));
    const batch = vizTaskBatch(data, "two_token_task", CANDIDATES);
    const [logits] = await masked.evaluate(batch, [masked.masksOf(nodesOf(circuit, index))]);
    return scoreCandidates(logits).loss;
  };

  test("its circuit is that of the model: the nodes, and all nonzero weights between them", async () => {
    const index = new NodeIndex(model.description);
    const expected = [...data.circuit_data].flatMap(([name, channels]) =>
      channels.map((channel) => `${name}:${channel}`),
    );
    expect(new Set(circuit.nodes)).toEqual(new Set(expected));
    const nodes = nodesOf(circuit, index);
    expect(nodes).toEqual(nodes.toSorted((a, b) => a - b));
    const masked = new MaskedModel(model, index, new Float32Array(index.count));
    expect(circuit.edges.length).toBeGreaterThan(5);
    expect(new Set(circuit.edges.map(String))).toEqual(
      new Set((await circuitEdges(masked, nodes)).map(String)),
    );
    expect(parseCircuit(JSON.parse(formatCircuit(circuit)), "circuit.json")).toEqual(circuit);
  });

  test("scores and losses are those of the file", () => {
    const { importances } = data;
    const [name, channels] = [...data.circuit_data][7];
    for (const [i, channel] of channels.entries()) {
      const node = circuit.nodes.indexOf(`${name}:${channel}`);
      const expected = importances.ch_interv_losses.get(name)![i] - importances.interv_loss;
      expect(circuit.node_scores![node]).toBeCloseTo(expected, 12);
    }
    const scored = circuit.edge_scores!.filter((score) => score !== 0);
    const stored = importances.pair_data.flatMap(({ values }) => [...values].filter((value) => value !== 0));
    expect(scored.toSorted()).toEqual(stored.toSorted());
    expect(circuit.losses.select).toMatchObject({
      ...{ pairs: 4, model: importances.loss, circuit: importances.interv_loss },
    });
    expect(circuit.found.settings).toMatchObject({ lr: 0.01, batch_size: 8 });
  });

  test("with the means over the task's prompts, all that is stored of the circuit is computed again", async () => {
    expect(await lossWith(means)).toBeCloseTo(data.importances.interv_loss, 5);
    const documents = vizDocuments(data);
    const sequences: Sequences = { length: documents.length, at: (index) => documents[index] };
    const batch = vizTaskBatch(data, "two_token_task", CANDIDATES);
    const written = await vizDataFromCircuit(circuit, { model, means, batch, sequences });
    expect(written.circuit_data).toEqual(data.circuit_data);
    expect(written.num_total_nodes).toBe(data.num_total_nodes);
    expect(written.importances.loss).toBeCloseTo(data.importances.loss, 5);
    expect(written.importances.interv_loss).toBeCloseTo(data.importances.interv_loss, 5);
    expect([...written.importances.ch_interv_losses.keys()]).toEqual([
      ...data.importances.ch_interv_losses.keys(),
    ]);
    for (const [name, losses] of data.importances.ch_interv_losses) {
      for (const [i, loss] of losses.entries())
        expect(written.importances.ch_interv_losses.get(name)![i]).toBeCloseTo(loss, 5);
    }
    for (const [layer, loss] of data.importances.layer_interv_losses)
      expect(written.importances.layer_interv_losses.get(layer)).toBeCloseTo(loss, 5);

    const { prompts, width, tokens, activations } = data.importances.task_samples;
    expect(written.importances.task_samples).toMatchObject({ prompts, width: batch.width });
    for (const [name, channels] of activations) {
      for (const [channel, values] of channels) {
        const found = written.importances.task_samples.activations.get(name)!.get(channel)!;
        for (let i = 0; i < prompts; i++) {
          const row = tokens.subarray(i * width, (i + 1) * width);
          const length = row.findLastIndex((token) => token !== 0) + 1;
          for (let t = 0; t < length; t++)
            expect(Math.abs(found[i * batch.width + t] - values[i * width + t])).toBeLessThan(1e-5);
        }
      }
    }

    const stored = new Map(
      data.importances.pair_data_connections.map((pair) => [`${pair.source} ${pair.target}`, pair]),
    );
    for (const pair of written.importances.pair_data_connections) {
      const { sources, targets, values } = stored.get(`${pair.source} ${pair.target}`)!;
      expect(pair).toMatchObject({ sources, targets, values });
    }
    const sink = new MemorySink();
    await writeVizData(sink, written);
    const again = await readVizData(new MemorySource("viz_data.pt", sink.bytes()));
    const { nodes, edges, node_scores, edge_scores } = circuitFromVizData(again, ORIGIN);
    expect({ nodes, edges }).toEqual({ nodes: circuit.nodes, edges: circuit.edges });
    for (const [i, score] of circuit.node_scores!.entries()) expect(node_scores![i]).toBeCloseTo(score, 5);
    for (const [i, score] of circuit.edge_scores!.entries()) expect(edge_scores![i]).toBeCloseTo(score, 5);
  });

  test("activations of samples are those of the model", async () => {
    const batch = vizTaskBatch(data, "two_token_task", CANDIDATES);
    expect(batch.aligned).toEqual(new Uint8Array(4).fill(1));
    for (const [node, quantile] of [
      ["0.mlp.post_act", 0.001],
      ["1.attn.resid_delta", 0.5],
    ] as const) {
      const [[channel, quantiles]] = data.samples.get(node)!;
      for (const { tokens, activations } of quantiles.get(quantile)!.top) {
        const output = await model.forward(tokens, { record: node, logits: "none" });
        const { data: values, shape } = output.activations.get(node)!;
        // Stored after rounding to float16.
        for (let t = 0; t < shape[0]; t++)
          expect(Math.abs(values[t * shape[1] + channel] - activations[t])).toBeLessThan(4e-3);
      }
    }
  });

  test("means estimated from the samples' documents give another loss: they are a biased, small part", async () => {
    const documents = vizDocuments(data);
    const fromSamples = await computeMeans(model, documents, { source: "samples", sha256: null });
    const loss = await lossWith(fromSamples);
    expect(loss).toBeCloseTo(estimated, 3);
    expect(Math.abs(loss - data.importances.interv_loss)).toBeGreaterThan(0.1);
  });
});

describe("what does not fit is refused", () => {
  let data: VizData;
  let circuit: Circuit;
  let means: Means;
  beforeAll(async () => {
    data = await readVizData(new MemorySource("viz_data.pt", readFileSync(files[0][0])));
    circuit = circuitFromVizData(data, ORIGIN);
    means = await computeMeans(model, paddedPrompts(data), { source: "x", sha256: null });
  });
  const documents = Array.from({ length: 6 }, () => Int32Array.of(1, 2, 3));
  const sequences: Sequences = { length: 6, at: (index) => documents[index] };
  const batch = () => vizTaskBatch(data, "two_token_task", CANDIDATES);

  test.each<[string, string, number[], number[], string]>([
    ["a channel that the model lacks", "0.attn.q", [1, 32], [4, 4], "channels 0 to 31"],
    ["a location that there is not", "2.attn.q", [1], [4], "2.attn.q is not a location"],
    ["fewer losses than channels", "0.attn.q", [1, 2], [4], "has 2 channels in circuit_data, but 1 losses"],
  ])("%s", (_, location, channels, losses, message) => {
    const importances = { ...data.importances, ch_interv_losses: new Map([[location, losses]]) };
    const changed = { ...data, circuit_data: new Map([[location, channels]]), importances };
    expect(() => circuitFromVizData(changed, ORIGIN)).toThrow(message);
    expect(() => circuitFromVizData(changed, ORIGIN)).toThrow(/^viz_data\.pt/);
  });

  test("documents of different length, or too few; prompts of different length; resampling", async () => {
    const write = (change: object, of: Circuit = circuit) =>
      vizDataFromCircuit(of, { model, means, batch: batch(), sequences, ...change });
    const uneven: Sequences = { length: 6, at: (i) => (i === 5 ? [1, 2] : documents[i]) };
    await expect(write({ sequences: uneven })).rejects.toThrow("the same number of tokens");
    await expect(write({ sequences: { ...sequences, length: 4 } })).rejects.toThrow("there are 4");
    const aligned = Uint8Array.of(1, 0, 1, 1);
    await expect(write({ batch: { ...batch(), aligned } })).rejects.toThrow("equally many tokens");
    await expect(write({}, { ...circuit, ablation: "resample" })).rejects.toThrow("by mean or zero");
    await expect(write({ means: null })).rejects.toThrow("needs the means");
    await expect(write({}, { ...circuit, nodes: ["0.attn.q:99"] })).rejects.toThrow(
      "0.attn.q:99 does not exist",
    );
  });
});

test("nodes of final_resid are read where a file has them", async () => {
  const data = await readVizData(new MemorySource("viz_data.pt", readFileSync(files[0][0])));
  const { importances } = data;
  const circuit = circuitFromVizData(
    {
      ...data,
      circuit_data: new Map([...data.circuit_data, ["final_resid", [3, 17]]]),
      importances: {
        ...importances,
        ch_interv_losses: new Map([...importances.ch_interv_losses, ["final_resid", [4, 5]]]),
      },
    },
    ORIGIN,
  );
  expect(circuit.final_resid).toBe(true);
  expect(circuit.nodes.slice(-2)).toEqual(["final_resid:3", "final_resid:17"]);
  expect(circuit.node_scores!.at(-1)).toBeCloseTo(5 - importances.interv_loss, 12);
});
