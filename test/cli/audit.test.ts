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
  ...{ format: "sparselens-circuit", format_version: 1, model: { name: "default", sha256: null } },
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
const small = ["--threads", "1", "--draws", "3", "--interchange-pairs", "2"];

test("a line for each criterion, the same numbers in both files, and no corpus", {
  timeout: 60_000,
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
  ]);
  expect(summaries[1]).toMatch(/mean not measured, zero \d\.\d{4} nat, resample not measured/);
  const markdown = readFileSync(`${out}/audit.md`, "utf8");
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

test("what an audit needs is named", async () => {
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
