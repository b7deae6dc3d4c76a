import { describe, expect, it } from "vitest";
import type { Circuit } from "../../src/circuits/circuit.js";
import { buildGraph } from "../../web/graph/build.js";

const circuit = (
  nodes: string[],
  edges: [string, string, number][] = [],
  scores: number[] | null = null,
): Circuit => ({
  ...{ model: { name: "m", sha256: null }, task: { name: "t", templates: "standard" }, target_loss: null },
  ...{
    ablation: "zero",
    means: null,
    final_resid: false,
    nodes,
    edges_are: "all",
    edges,
    node_scores: scores,
  },
  ...{
    edge_scores: null,
    found: { method: "masks", settings: {}, steps: [], candidates: 1 },
    calibration: null,
  },
  losses: {},
});

describe("the graph of a circuit", () => {
  it("has rows in the order of the computation", () => {
    const nodes = [
      "1.mlp.post_act:0",
      "0.attn.v:2",
      "0.attn.act_in:1",
      "10.attn.q:0",
      "0.attn.q:1",
      "2.attn.act_in:5",
    ];
    const { rows } = buildGraph(circuit(nodes));
    expect(rows.map(({ name }) => name)).toEqual([
      ...["embedding", "0.attn.act_in", "0.attn.qkv", "1.mlp.post_act", "2.attn.act_in", "10.attn.qkv"],
    ]);
  });

  it("strings the nodes of a channel of the stream together, from the embedding to the logits", () => {
    const nodes = [
      "0.attn.act_in:7",
      "0.attn.resid_delta:7",
      "1.mlp.act_in:7",
      "1.mlp.resid_delta:7",
      "0.attn.v:7",
    ];
    const { edges } = buildGraph(circuit(nodes));
    expect(edges.map(({ source, target, kind }) => `${kind} ${source} ${target}`)).toEqual([
      "stream embedding:7 0.attn.act_in:7",
      "stream 0.attn.act_in:7 0.attn.resid_delta:7",
      "stream 0.attn.resid_delta:7 1.mlp.act_in:7",
      "stream 1.mlp.act_in:7 1.mlp.resid_delta:7",
      "stream 1.mlp.resid_delta:7 unembedding:7",
    ]);
  });

  it("does not take concatenated positions for channels of the stream", () => {
    const { edges } = buildGraph(circuit(["0.attn.act_in:64"]), { streamWidth: 64 });
    expect(edges).toEqual([]);
  });

  it("shows one layer alone", () => {
    const nodes = ["0.attn.act_in:1", "0.attn.v:1", "1.attn.act_in:1"];
    const graph = buildGraph(circuit(nodes, [["0.attn.act_in:1", "0.attn.v:1", 2]]), { layer: 1 });
    expect(graph.nodes.map(({ id }) => id)).toEqual(["embedding:1", "1.attn.act_in:1"]);
    expect(graph.edges.every(({ kind }) => kind === "stream")).toBe(true);
  });

  it("tells two circuits apart", () => {
    const first = circuit(
      ["0.mlp.act_in:1", "0.mlp.post_act:1"],
      [["0.mlp.act_in:1", "0.mlp.post_act:1", 2]],
      [1, 2],
    );
    const second = circuit(
      ["0.mlp.act_in:1", "0.mlp.post_act:9"],
      [["0.mlp.act_in:1", "0.mlp.post_act:9", 3]],
      [5, 6],
    );
    const { nodes, edges } = buildGraph(first, { other: second });
    const of = Object.fromEntries(nodes.filter(({ kind }) => kind === "node").map((node) => [node.id, node]));
    expect(of["0.mlp.act_in:1"]).toMatchObject({ membership: "both", score: 1 });
    expect(of["0.mlp.post_act:1"]).toMatchObject({ membership: "first", score: 2 });
    expect(of["0.mlp.post_act:9"]).toMatchObject({ membership: "second", score: 6 });
    const weights = edges.filter(({ kind }) => kind === "weight");
    expect(weights.map(({ membership }) => membership)).toEqual(["first", "second"]);
  });
});
