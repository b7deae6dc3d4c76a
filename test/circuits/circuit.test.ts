import { mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Circuit, formatCircuit, parseCircuit, requireModel } from "../../src/circuits/circuit.js";
import { readCircuitFile, writeCircuitFile } from "../../src/circuits/circuit-file.js";
import { parseConfig } from "../../src/model/config.js";

const example: Circuit = {
  model: { name: "tiny", sha256: "ab".repeat(32) },
  task: { name: "bracket_counting", templates: "standard" },
  target_loss: 0.15,
  ablation: "mean",
  means: { source: "synthetic", sha256: "cd".repeat(32), tokens: 4096 },
  final_resid: false,
  nodes: ["0.attn.act_in:3", "0.attn.v:1", "0.attn.resid_delta:7"],
  edges_are: "all",
  edges: [
    ["0.attn.act_in:3", "0.attn.v:1", -0.25],
    ["0.attn.v:1", "0.attn.resid_delta:7", 1.5],
  ],
  node_scores: [0.5, 0.25, 0.125],
  edge_scores: null,
  found: {
    method: "masks",
    settings: { k_coef: 1e-4, seed: 3, warm: true, note: null },
    steps: ["bisection"],
    candidates: 16,
  },
  calibration: { scale: 1.5, shift: -0.25 },
  losses: {
    select: {
      ...{ pairs: 64, model: 0.01, empty: 0.7, circuit: 0.149 },
      ...{ calibrated: 0.1, accuracy: 0.98, complement: null },
    },
  },
};
const json = () => JSON.parse(formatCircuit(example));
const config = parseConfig(
  { n_layer: 1, d_model: 8, n_head: 2, vocab_size: 20, block_size: 8 },
  "the configuration",
);

test("a circuit survives its file, which appears whole or not at all", async () => {
  const directory = mkdtempSync(join(tmpdir(), "circuit-"));
  const path = join(directory, "circuit.json");
  await writeCircuitFile(path, example);
  expect(await readCircuitFile(path)).toEqual(example);
  expect(readdirSync(directory)).toEqual(["circuit.json"]);
  writeFileSync(path, "[1]");
  await expect(readCircuitFile(path)).rejects.toThrow(/must hold a JSON object/);
});

test("a line for each node and edge", () => {
  const lines = formatCircuit(example).split("\n");
  expect(lines).toContain('  "0.attn.v:1",');
  expect(lines).toContain('  ["0.attn.v:1","0.attn.resid_delta:7",1.5]');
});

describe("what is wrong with a file is named", () => {
  const cases: [string, (circuit: Record<string, unknown>) => void, RegExp][] = [
    ["another format", (one) => (one.format = "x"), /not a circuit/],
    ["another version", (one) => (one.format_version = 2), /format_version 2/],
    ["a missing key", (one) => delete one.nodes, /"nodes" is missing/],
    ["an unknown key", (one) => (one.colour = 1), /unknown key "colour"/],
    ["a wrong type", (one) => (one.target_loss = "low"), /"target_loss" must be a number, not "low"/],
    ["an unknown ablation", (one) => (one.ablation = "noise"), /"ablation" must be mean or zero or resample/],
    [
      "a key within",
      (one) => ((one.model as { sha256: unknown }).sha256 = 4),
      /"model": "sha256" must be a text/,
    ],
    [
      "an edge",
      (one) => ((one.edges as unknown[])[1] = ["0.attn.v:1", 4]),
      /as item 1, which is not \[source/,
    ],
    [
      "an edge without its node",
      (one) => {
        (one.nodes as string[]).pop();
        one.node_scores = null;
      },
      /ends at 0\.attn\.resid_delta:7/,
    ],
    ["a node twice", (one) => ((one.nodes as string[])[0] = "0.attn.v:1"), /0\.attn\.v:1 is there twice/],
    ["scores that do not fit", (one) => (one.node_scores = [1]), /"node_scores" has 1 numbers for 3/],
  ];
  test.each(cases)("%s", (_, damage, message) => {
    const damaged = json();
    damage(damaged);
    expect(() => parseCircuit(damaged, "c.json")).toThrow(message);
    expect(() => parseCircuit(damaged, "c.json")).toThrow(/^c\.json/);
  });
});

test("a circuit of another model is refused", () => {
  const model = { config, source: "models/tiny", sha256: "ab".repeat(32) };
  requireModel(example, model, "c.json");
  expect(() => requireModel(example, { ...model, sha256: "ef".repeat(32) }, "c.json")).toThrow(
    /c\.json is a circuit of another model/,
  );
  // What the hash cannot tell, where there is none, the nodes do.
  const unknown: Circuit = { ...example, model: { name: "x", sha256: null } };
  requireModel(unknown, model, "c.json");
  const missing = (node: string) => () =>
    requireModel({ ...unknown, nodes: [node], edges: [], node_scores: null }, model, "c.json");
  expect(missing("0.attn.v:8")).toThrow(/c\.json does not fit.*0\.attn\.v has the channels 0 to 7/);
  expect(missing("1.attn.v:0")).toThrow(/1\.attn\.v is not a location of nodes/);
  expect(missing("0.attn.y:0")).toThrow(/0\.attn\.y is not a location of nodes/);
  expect(missing("final_resid:0")).toThrow(/final_resid is not a location/);
  expect(missing("0.attn.v")).toThrow(/is not a node/);
});
