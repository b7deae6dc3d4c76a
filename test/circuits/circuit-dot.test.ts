import { expect, test } from "vitest";
import type { Circuit } from "../../src/circuits/circuit.js";
import { edgesAsCsv, nodesAsCsv } from "../../src/circuits/circuit-csv.js";
import { circuitAsDot } from "../../src/circuits/circuit-dot.js";

const circuit: Circuit = {
  ...{ model: { name: 'a "small" one', sha256: null }, task: { name: "quotes", templates: "standard" } },
  ...{ target_loss: 0.15, ablation: "zero", means: null, final_resid: true },
  nodes: [
    ...["0.attn.act_in:3", "0.attn.k:1", "0.attn.v:1", "0.attn.resid_delta:5", "0.mlp.act_in:5"],
    ...["0.mlp.post_act:2", "0.mlp.resid_delta:7", "final_resid:5", "final_resid:7"],
  ],
  edges_are: "all",
  edges: [
    ["0.attn.act_in:3", "0.attn.k:1", 0.5],
    ["0.attn.act_in:3", "0.attn.v:1", -2],
    ["0.mlp.act_in:5", "0.mlp.post_act:2", 1e-9],
  ],
  node_scores: [1, 2, 3, 4, 5, 6, 7, 8, -0.5],
  edge_scores: null,
  found: { method: "by hand", settings: {}, steps: [], candidates: 1 },
  ...{ calibration: null, losses: {} },
};

test("sign is colour, |weight| is width", () => {
  const dot = circuitAsDot(circuit);
  expect(dot).toContain('"0.attn.act_in:3" -> "0.attn.k:1" [color="#2166ac", penwidth=1.38,');
  expect(dot).toContain('"0.attn.act_in:3" -> "0.attn.v:1" [color="#b2182b", penwidth=4.00,');
  expect(dot).toContain('"0.mlp.act_in:5" -> "0.mlp.post_act:2" [color="#2166ac", penwidth=0.50,');
});

test("a rank for each location, q, k and v side by side, in order", () => {
  const dot = circuitAsDot(circuit);
  expect(dot).toContain(
    '"0.attn.act_in" -> "0.attn.q, k, v" -> "0.attn.resid_delta" -> "0.mlp.act_in" -> "0.mlp.post_act" -> "0.mlp.resid_delta" -> "final_resid" [style=invis];',
  );
  expect(dot.match(/rank=same/g)).toHaveLength(7);
  expect(dot).toContain('"0.attn.k:1" [label="k 1"];');
  expect(dot).toContain('"0.mlp.act_in:5" [label="5"];');
  expect(dot).toContain('label="quotes: 9 nodes, 3 edges of a \\"small\\" one";');
});

test("dashed from what writes a channel of the stream to what reads it afterwards", () => {
  const dashed = circuitAsDot(circuit)
    .split("\n")
    .filter((line) => line.includes("dashed"))
    .map((line) => line.trim().replace(/ \[.*/, ""));
  expect(dashed).toEqual([
    '"0.attn.resid_delta:5" -> "0.mlp.act_in:5"',
    '"0.attn.resid_delta:5" -> "final_resid:5"',
    '"0.mlp.resid_delta:7" -> "final_resid:7"',
  ]);
});

test("an empty circuit is a graph, too", () => {
  const dot = circuitAsDot({ ...circuit, nodes: [], edges: [], node_scores: null });
  expect(dot).toMatch(/^digraph circuit \{\n/);
  expect(dot).not.toContain("->");
  expect(nodesAsCsv({ ...circuit, nodes: [] })).toBe("node,layer,location,channel,score\n");
});

test("tables of nodes and edges", () => {
  const nodes = nodesAsCsv(circuit).split("\n");
  expect(nodes).toHaveLength(11);
  expect([nodes[1], nodes[9]]).toEqual([
    "0.attn.act_in:3,0,0.attn.act_in,3,1",
    "final_resid:7,,final_resid,7,-0.5",
  ]);
  expect(edgesAsCsv({ ...circuit, edge_scores: [0, 0.25, -1] })).toBe(
    [
      "source,target,weight,score",
      "0.attn.act_in:3,0.attn.k:1,0.5,0",
      "0.attn.act_in:3,0.attn.v:1,-2,0.25",
      "0.mlp.act_in:5,0.mlp.post_act:2,1e-9,-1",
      "",
    ].join("\n"),
  );
  expect(edgesAsCsv(circuit).split("\n")[1]).toBe("0.attn.act_in:3,0.attn.k:1,0.5,");
});
