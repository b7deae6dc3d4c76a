import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { trainedModel } from "../support/trained-model.js";
import { failure, json, output, scratchDirectory, start } from "./run.js";

const scratch = scratchDirectory();
const small = [
  "--steps",
  "4",
  "--batch-pairs",
  "2",
  "--train-pairs",
  "4",
  "--select-pairs",
  "3",
  "--report-pairs",
  "3",
  // Fast enough for most masks to end below 0.
  "--learning-rate",
  "0.1",
];

test("a circuit for a task of one's own, and the model run as it", { timeout: 240_000 }, async () => {
  const task = `${scratch}/mine.jsonl`;
  const names = ["x", "y", "n", "i", "total", "count", "value", "name", "data", "item", "a", "b"];
  const lines = names.map((name) =>
    JSON.stringify({ prompts: [`for ${name}`, `while ${name}`], answers: [" in", ":"] }),
  );
  writeFileSync(task, `${lines.join("\n")}\n`);
  const out = `${scratch}/circuits`;
  const args = [
    "prune",
    trainedModel,
    "--task",
    task,
    "--ablation",
    "zero",
    "--out",
    out,
    "--k-coef",
    "0.01",
    ...small,
  ];
  const printed = await output(...args, "--target", "0.69", "--json");
  const events = printed
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(events.map(({ event, type }) => event ?? type)).toEqual(["trial", "circuit"]);
  const file = events[1].files[0];
  expect(JSON.parse(readFileSync(file, "utf8")).task.name).toBe("mine");
  // Again, for people: nothing is trained anew.
  expect(await output(...args, "--target", "0.69")).toMatch(/^task +target.*\nmine +0\.69/);

  const forward = ["forward", trainedModel, "--prompt", "for x", "--out", `${scratch}/f.safetensors`];
  const whole = await json(...forward);
  const circuit = await json(...forward, "--circuit", file);
  expect(circuit.next).not.toEqual(whole.next);
  expect((await json(...forward, "--circuit", file, "--complement")).next).not.toEqual(circuit.next);
  await output("generate", trainedModel, "--prompt", "for x", "--circuit", file, "-n", "2");
  expect(await failure(1, ...forward, "--complement")).toMatch(/name one with --circuit/);
  const other = `${scratch}/other.json`;
  writeFileSync(other, readFileSync(file, "utf8").replace(/"sha256":"..../, '"sha256":"0000'));
  expect(await failure(1, ...forward, "--circuit", other)).toMatch(/is a circuit of another model/);
});

test("mean ablation without means, and a task that there is not", async () => {
  const args = ["prune", trainedModel, "--out", `${scratch}/none`];
  expect(await failure(1, ...args, "--task", "else_elif")).toMatch(/name a corpus with --corpus/);
  expect(await failure(1, ...args, "--task", "else_elf")).toMatch(/Did you mean else_elif/);
});

const names = ["x", "y", "n", "i", "total", "count", "value", "name", "data", "item", "a", "b"];
const pairsFile = (
  name: string,
  answers: readonly string[],
  prompts = (word: string) => [`for ${word}`, `while ${word}`],
) => {
  const path = `${scratch}/${name}.jsonl`;
  writeFileSync(
    path,
    names.map((word) => `${JSON.stringify({ prompts: prompts(word), answers })}\n`).join(""),
  );
  return path;
};
const zero = ["--ablation", "zero", ...small];

/** Everything in a directory that does not depend on how long it took, or on where it lies. */
function contents(directory: string): Record<string, unknown> {
  const text = (name: string) => readFileSync(`${directory}/${name}`, "utf8");
  const trials = text("trials.jsonl")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.stringify({ ...JSON.parse(line), seconds: 0 }));
  const circuits = readdirSync(`${directory}/circuits`).sort();
  return {
    trials: trials.sort(),
    results: JSON.parse(text("results.json").replaceAll(directory, "")),
    table: text("results.md"),
    circuits: circuits.map((name) => [name, text(`circuits/${name}`)]),
  };
}

/** Starts a sweep, kills it when it has printed so many lines, and starts it again. */
async function killed(lines: number, directory: string, args: readonly string[]): Promise<void> {
  const { child, ended } = start(...args, "--out", directory, "--json");
  let seen = 0;
  child.stdout.on("data", (text: string) => {
    seen += text.split("\n").length - 1;
    if (seen >= lines) child.kill("SIGKILL");
  });
  expect((await ended).code).toBeNull();
  await output(...args, "--out", directory, "--json");
}

test("a search that is killed halfway ends where it would have, with one worker and with two", {
  timeout: 300_000,
}, async () => {
  const tasks = [pairsFile("one", [" in", ":"]), pairsFile("two", [":", " in"])].join(",");
  const args = ["prune", trainedModel, "--task", tasks, ...zero, "--search", "6", "--target", "0.69"];
  const [whole, resumed] = [`${scratch}/whole`, `${scratch}/resumed`];
  await output(...args, "--out", whole, "--workers", "2", "--json");
  // In the midst of the second task: what is done of the first is not done again.
  await killed(9, resumed, args);
  expect(contents(resumed)).toEqual(contents(whole));
  const { circuits } = JSON.parse(readFileSync(`${whole}/results.json`, "utf8"));
  expect(circuits.map(({ task }: { task: string }) => task)).toEqual(["one", "two"]);
  const { report } = circuits[0].losses;
  expect(readFileSync(`${whole}/results.md`, "utf8")).toContain(`| ${report.circuit.toFixed(4)} |`);
});

test("all tasks, killed halfway", { timeout: 600_000 }, async () => {
  const args = ["prune", trainedModel, "--task", "all", ...zero, "--k-coef", "0.01", "--target", "0.69"];
  const fast = [...args, "--no-removal", "--no-edge-pruning"];
  const [whole, resumed] = [`${scratch}/all`, `${scratch}/all-resumed`];
  const printed = await output(...fast, "--out", whole, "--json");
  await killed(Math.floor(printed.trimEnd().split("\n").length / 2), resumed, fast);
  expect(contents(resumed)).toEqual(contents(whole));
});

test("an edge circuit states its losses on report, and they are what an audit finds", {
  timeout: 240_000,
}, async () => {
  const out = `${scratch}/edges`;
  const task = pairsFile("edges", [" in", ":"]);
  const args = ["prune", trainedModel, "--task", task, ...zero, "--k-coef", "0.01", "--target", "5"];
  await output(...args, "--out", out, "--json");
  const path = `${out}/circuits/edges-5-edges.json`;
  const { losses, edges_are, calibration } = JSON.parse(readFileSync(path, "utf8"));
  expect(edges_are).toBe("pruned");
  expect(calibration).toEqual({ scale: expect.any(Number), shift: expect.any(Number) });
  const audit = await json(
    ...["audit", path, "--task", task, "--searches", "0", "--draws", "1", "--interchange-pairs", "1"],
    ...["--train-pairs", "4", "--select-pairs", "3", "--report-pairs", "3"],
  );
  const { circuit, calibrated, model, complement } = audit.criteria[0].measures.report;
  expect(losses.report.circuit).toBeCloseTo(circuit.loss, 4);
  expect(losses.report.calibrated).toBeCloseTo(calibrated.loss, 3);
  expect(losses.report.model).toBeCloseTo(model.loss, 4);
  expect(losses.report.complement).toBeCloseTo(complement.loss, 4);
  expect(losses.report.accuracy).toBe(circuit.accuracy);
});

test("what cannot be is said, or comes to an end", { timeout: 300_000 }, async () => {
  const prune = (...args: string[]) => ["prune", trainedModel, "--out", `${scratch}/bad`, ...zero, ...args];
  // A target that nothing reaches: the best there is, said to be so.
  const unreachable = prune("--task", pairsFile("far", [" in", ":"]), "--target", "1e-9", "--k-coef", "0.01");
  expect(await output(...unreachable)).toMatch(/^far +1e-9 +not reached/m);
  // Masks that keep nothing.
  const nothing = prune("--task", pairsFile("none", [" in", ":"]), "--target", "0.01", "--k-coef", "1e6");
  expect(await output(...nothing, "--learning-rate", "1")).toMatch(/^none +0\.01 +not reached +0 +0 /m);
  const empty = `${scratch}/empty.jsonl`;
  writeFileSync(empty, "\n\n");
  expect(await failure(1, ...prune("--task", empty))).toMatch(/empty\.jsonl holds no pairs/);
  const blank = pairsFile("blank", [" in", ":"], (word) => ["", word]);
  expect(await failure(1, ...prune("--task", blank))).toMatch(/line 1: prompts must be two texts/);
  const beginning = pairsFile("beginning", [" in", " in range"]);
  expect(await failure(1, ...prune("--task", beginning))).toMatch(/one answer is the beginning of the other/);
  // Several tokens: those in which the answers first differ decide, and what they share belongs to the prompt.
  const several = pairsFile("several", [" in range(3):", " in list(x):"]);
  const [, circuit] = (await output(...prune("--task", several, "--k-coef", "0.01"), "--json"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(circuit).toMatchObject({ event: "circuit", task: "several" });
  writeFileSync(`${scratch}/bad/results.json`, "[]");
  expect(await failure(1, ...unreachable)).toMatch(/results\.json holds no results.*remove it/);
});
