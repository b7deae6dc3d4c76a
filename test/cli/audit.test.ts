import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { trainedModel } from "../support/trained-model.js";
import { failure, json, output, scratchDirectory } from "./run.js";

const scratch = scratchDirectory();
const task = `${scratch}/mine.jsonl`;
const names = ["x", "y", "n", "i", "total", "count", "value", "name", "data", "item", "a", "b"];
const lines = names.map((name) =>
  JSON.stringify({ prompts: [`for ${name}`, `while ${name}`], answers: [" in", ":"] }),
);
writeFileSync(task, `${lines.join("\n")}\n`);

const circuit = (changes: object = {}) => ({
  ...{ format: "sparselens-circuit", format_version: 1, model: { name: trainedModel, sha256: null } },
  ...{ task: { name: "mine", templates: "standard" }, target_loss: 0.5, ablation: "zero", means: null },
  ...{ final_resid: false, nodes: ["0.attn.act_in:3", "1.mlp.resid_delta:7"], edges_are: "all", edges: [] },
  ...{ node_scores: null, edge_scores: null, calibration: { scale: 2, shift: 0.5 }, losses: {} },
  found: { method: "hand", settings: {}, steps: [], candidates: 1 },
  ...changes,
});
const write = (name: string, changes?: object) => {
  const path = `${scratch}/${name}.json`;
  writeFileSync(path, JSON.stringify(circuit(changes)));
  return path;
};
const direct = ["--threads", "1", "--draws", "3", "--interchange-pairs", "2"];
const small = [...direct, "--searches", "0"];

test("a line for each criterion, the same numbers in both files, and no corpus", {
  timeout: 240_000,
}, async () => {
  const out = `${scratch}/audit`;
  mkdirSync(out);
  const args = ["audit", write("circuit"), "--task", task, "--out", out, ...small];
  const printed = await output(...args);
  const summaries = printed.trimEnd().split("\n");
  const audit = JSON.parse(readFileSync(`${out}/audit.json`, "utf8"));
  expect(audit).toMatchObject({ format: "sparselens-audit", nodes: 2, target_loss: 0.5 });
  const verdict = { true: "held", false: "fell short", null: "not decided" };
  type Criterion = { name: string; held: keyof typeof verdict; summary: string };
  expect(summaries).toEqual(
    audit.criteria.map(({ name, held, summary }: Criterion) => `${name}: ${verdict[held]}: ${summary}`),
  );
  expect(summaries.map((line) => line.split(":")[0])).toEqual([
    ...["sufficiency", "ablations", "freezing", "necessity", "partial ablation", "interchange"],
    ...["binarisation", "controls", "stability", "training seeds"],
  ]);
  expect(summaries[7]).toBe("controls: not decided: nothing was searched");
  expect(summaries[1]).toMatch(/mean not measured, zero \d\.\d{4} nat, resample not measured/);
  const markdown = readFileSync(`${out}/audit.md`, "utf8");
  const plots = [...markdown.matchAll(/!\[[^\]]+\]\(([^)]+)\)/g)].map(([, file]) => file);
  expect(plots).toEqual(["sufficiency.svg", "necessity.svg", "partial-ablation.svg", "interchange.svg"]);
  for (const file of plots) expect(readFileSync(`${out}/${file}`, "utf8")).toMatch(/^<svg .*<\/svg>\n$/s);
  const { circuit, calibrated } = audit.criteria[0].measures.report;
  expect(markdown).toContain(`${circuit.loss.toFixed(4)} | ${(100 * circuit.accuracy).toFixed(1)} %`);
  expect(calibrated.loss).not.toBe(circuit.loss);
  expect(markdown).toContain(`${calibrated.loss.toFixed(4)} |`);
  expect(markdown).toContain(`| ${audit.criteria[4].measures.worst.loss.toFixed(4)} |`);
  for (const line of summaries)
    expect(markdown).toContain(line.slice(line.indexOf(": ", line.indexOf(": ") + 2) + 2));
  // On other threads, and again: the same.
  expect(await json(...args, "--threads", "2")).toEqual(audit);
});

test("controls and stability: searched once, and not again when the audit is", {
  timeout: 240_000,
}, async () => {
  const out = `${scratch}/searched`;
  const settings = { k_coef: 1e-3, steps: 3, batch_pairs: 2, learning_rate: 0.1, seed: 4 };
  const found = { method: "masks", settings, steps: ["bisection"], candidates: 1 };
  const path = write("searched", {
    found,
    target_loss: 0.6,
    task: { name: "else_elif", templates: "standard" },
  });
  const pairs = ["--train-pairs", "12", "--select-pairs", "6", "--report-pairs", "6"];
  const args = [
    "audit",
    path,
    ...direct,
    ...pairs,
    "--searches",
    "1",
    "--models",
    trainedModel,
    "--out",
    out,
  ];
  const audit = await json(...args);
  const [controls, stability, training] = audit.criteria.slice(7);
  const size = { nodes: expect.any(Number), reached: expect.any(Boolean), loss: expect.any(Number) };
  const outcome = { plain: size, calibrated: size };
  expect(controls.measures).toMatchObject({ trials: 1, task: outcome, random: outcome });
  // Random weights are not the model's.
  expect(controls.measures.random.plain.loss).not.toBe(controls.measures.task.plain.loss);
  expect(stability.measures.circuits.map(({ seed }: { seed: number | null }) => seed)).toEqual([null, 5]);
  expect(stability.measures.circuits[1].nodes).toBe(controls.measures.task.plain.nodes);
  // The same model once more: the search is that of the first further seed.
  expect(training.measures.circuits[1].nodes).toBe(stability.measures.circuits[1].nodes);
  const trials = readFileSync(`${out}/searches/trials.jsonl`, "utf8");
  expect(trials.trimEnd().split("\n").length).toBe(controls.measures.nonsense ? 4 : 3);
  expect(readFileSync(`${out}/audit.md`, "utf8")).toContain(
    "![Nodes that the same search needs](controls.svg)",
  );
  expect(await json(...args)).toEqual(audit);
  expect(readFileSync(`${out}/searches/trials.jsonl`, "utf8")).toBe(trials);
});

test("what an audit needs is named", { timeout: 120_000 }, async () => {
  const audit = (path: string, ...more: string[]) => failure(1, "audit", path, ...small, ...more);
  expect(await audit(write("unnamed"))).toMatch(/no task "mine".*Name the file of its pairs with --task/s);
  const other = write("other", { model: { name: "other", sha256: "0".repeat(64) } });
  expect(await audit(other, "--task", task, "--model", trainedModel)).toMatch(
    /is a circuit of another model/,
  );
  const means = { source: "text", sha256: "0".repeat(64), tokens: 9 };
  const mean = write("mean", { ablation: "mean", means });
  expect(await audit(mean, "--task", task)).toMatch(/means of the circuit \(of the corpus text\) are not in/);
  expect(await audit(mean, "--task", task, "--corpus", `${scratch}/none`)).toMatch(/none/);
  const resampled = write("resampled", { ablation: "resample", means: null });
  expect(await audit(resampled, "--task", task)).toMatch(/needs a corpus/);
  const wrong = write("wrong", { nodes: ["0.attn.act_in:3", "7.mlp.resid_delta:7"] });
  expect(await audit(wrong, "--task", task)).toMatch(/7\.mlp\.resid_delta/);
});
