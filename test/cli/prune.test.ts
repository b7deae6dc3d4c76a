import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { trainedModel } from "../support/trained-model.js";
import { failure, json, output, scratchDirectory } from "./run.js";

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
];

test("a circuit for a task of one's own, and the model run as it", { timeout: 120_000 }, async () => {
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
