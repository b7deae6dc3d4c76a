import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { failure, fixture, json, modelWithTokenizer, output, root, scratchDirectory } from "./run.js";

const scratch = scratchDirectory();
const viz = `${root}test/fixtures/viz/32/viz_data.pt`;

test("trace draws a tree, and prints it as JSON", async () => {
  const model = modelWithTokenizer();
  const text = await output("trace", model, "1.mlp.post_act:3", "--top", "2");
  expect(text).toMatch(/^1\.mlp\.post_act:3.*\n\nfed by\n├─ 1\.mlp\.act_in:\d+ +[-+][\d.]+/);
  expect(text).toMatch(/^│ {2}[├└]─ embedding:\d+ +[-+][\d.]+ {2}"?.+ [-+][\d.]+, .+, … of \d+$/m);
  expect(text).toMatch(/^└─ \d+ more$/m);
  expect(text).toMatch(/\n\nfeeds\n[├└]─ 1\.mlp\.resid_delta:\d+/);
  const { node, up, down } = await json("trace", model, "1.mlp.post_act:3", "--top", "2", "--up", "1");
  expect(node).toBe("1.mlp.post_act:3");
  expect(up.links).toHaveLength(2);
  expect(up.links[0]).toMatchObject({
    through: "transformer.h.1.mlp.c_fc.weight",
    links: [],
    repeated: false,
  });
  expect(text).toContain(up.links[0].name);
  const end = down.links[0].links.find(({ name }: { name: string }) => name.startsWith("unembedding"));
  expect(end.rows.top[0]).toEqual({
    token: expect.any(Number),
    weight: expect.any(Number),
    text: expect.toSatisfy((value) => value === null || typeof value === "string"),
  });
});

test("trace and node say what is no node", async () => {
  for (const command of ["trace", "node"]) {
    expect(await failure(1, command, fixture, "1.mlp.post_act:112")).toContain("channels 0 to 111");
    expect(await failure(1, command, fixture, "1.mlp.post_act")).toContain("is not a node");
  }
});

test("node names tokens, and looks at the documents of a corpus", async () => {
  const corpus = `${scratch}/corpus`;
  // The model knows the first 80 tokens: single characters.
  const texts = Array.from({ length: 120 }, (_, i) => ({
    text: [...String(i).padStart(3, "0")].map((digit) => `ABC=${digit}`).join(""),
  }));
  writeFileSync(`${scratch}/texts.jsonl`, texts.map((one) => `${JSON.stringify(one)}\n`).join(""));
  const model = modelWithTokenizer();
  await output(
    ...["corpus", `${scratch}/texts.jsonl`, "--tokenizer", model, "--validation", "0.5", "--out", corpus],
  );
  const args = ["node", model, "0.mlp.post_act:50", "--threads", "1", "--corpus", corpus];
  const text = await output(...args);
  expect(text).toMatch(/^embedding .+ \+[\d.]+/m);
  expect(text).toMatch(/^.+, validation: [\d,]+ tokens in \d+ documents$/m);
  expect(text).toMatch(/^zero at [\d.]+ % of the tokens; mean /m);
  expect(text.match(/^(top|bottom) [\d.]+ %$/gm)).toHaveLength(8);
  expect(text.match(/^ +[-+][\d.]+ {2}.*«.+».*$/gm)).toHaveLength(40);
  const { tokens, activations } = await json(...args);
  expect(tokens.embedding.positive.length).toBeLessThanOrEqual(8);
  expect(activations.quantiles.map(({ quantile }: { quantile: number }) => quantile)).toEqual([
    0.001, 0.01, 0.1, 0.5,
  ]);
  const [{ top }] = activations.quantiles;
  expect(top[0].activations[top[0].position]).toBeCloseTo(activations.maximum, 5);
});

test("a circuit of a viz_data.pt is shown, named by its path", async () => {
  const text = await output("circuit", "show", viz, "--top", "3");
  expect(text).toMatch(/^size +32 nodes, 9 edges \(all weights between them\)$/m);
  expect(text).toMatch(/^select +4 +3\.9855 +– +1\.3995/m);
  expect(text).toMatch(/^0\.attn\.act_in +2 +0 +2 {2}15 18$/m);
  expect(text).toMatch(/^1\.mlp\.resid_delta:0 +\+0\.0300$/m);
  const store = `${scratch}/viz/csp_tiny/two_token_task/prune_v4/32`;
  mkdirSync(store, { recursive: true });
  copyFileSync(viz, `${store}/viz_data.pt`);
  const circuit = await json("circuit", "show", `${store}/viz_data.pt`);
  expect(circuit.model.name).toBe("csp_tiny");
  expect(circuit.task.name).toBe("two_token_task");
});

test("a circuit is converted by the ending of the file", async () => {
  const directory = scratchDirectory();
  const circuit = `${directory}/circuit.json`;
  await output("circuit", "convert", viz, circuit, "--model", "tiny", "--task", "quotes");
  const { model, task, nodes, edges } = JSON.parse(readFileSync(circuit, "utf8"));
  expect([model.name, task.name, nodes.length, edges.length]).toEqual(["tiny", "quotes", 32, 9]);
  const report = await json("circuit", "convert", circuit, `${directory}/circuit.csv`);
  expect(report).toMatchObject({ nodes: 32, edges: 9 });
  const lines = (name: string) => readFileSync(`${directory}/${name}`, "utf8").trimEnd().split("\n");
  expect(Object.keys(report.files)).toEqual(
    ["nodes", "edges"].map((part) => `${directory}/circuit.${part}.csv`),
  );
  expect(lines("circuit.nodes.csv")).toHaveLength(33);
  expect(lines("circuit.edges.csv").slice(0, 2)).toEqual([
    "source,target,weight,score",
    expect.stringMatching(/^0\.attn\.act_in:18,0\.attn\.k:19,0\.4657287895679474,0\.0158/),
  ]);
  await output("circuit", "convert", circuit, `${directory}/circuit.dot`);
  expect(lines("circuit.dot")[0]).toBe("digraph circuit {");
  expect(readdirSync(directory).sort()).toEqual([
    ...["circuit.dot", "circuit.edges.csv", "circuit.json", "circuit.nodes.csv"],
  ]);
});

test("a conversion that fails leaves nothing behind", async () => {
  const directory = scratchDirectory();
  const to = (ending: string) => `${directory}/out${ending}`;
  expect(await failure(2, "circuit", "convert", viz, to(".png"))).toContain(
    "must be .json, .pt, .csv or .dot",
  );
  expect(await failure(2, "circuit", "convert", viz, to(".pt"))).toContain("give --model and --corpus");
  const weights = `${root}test/fixtures/01_ln_gelu_tied/final_model.pt`;
  expect(await failure(1, "circuit", "convert", weights, to(".json"))).toContain(
    'lacks the key "circuit_data"',
  );
  expect(await failure(1, "circuit", "show", `${root}package.json`)).toContain("is not a circuit");
  const pt = [
    "circuit",
    "convert",
    viz,
    to(".pt"),
    "--model",
    fixture,
    "--corpus",
    directory,
    "--threads",
    "1",
  ];
  expect(await failure(1, ...pt)).toMatch(/unknown|tokenizer/);
  expect(readdirSync(directory)).toEqual([]);
});
