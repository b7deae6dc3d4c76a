import { afterAll, beforeAll, expect, test } from "vitest";
import { findTask, loadModel, type Model, prepareSplits, type TaskSplits } from "../../dist/node/index.js";
import { nonsenseTask } from "../../src/circuits/nonsense-task.js";
import { promptOf, type TaskBatch } from "../../src/tasks/batch.js";
import { taskFromJsonLines } from "../../src/tasks/json-lines.js";
import { trainedModel } from "../support/trained-model.js";

const source = trainedModel;
let model: Model;
let splits: TaskSplits;
beforeAll(async () => {
  model = await loadModel(source, { threads: 1, kernels: "simd" });
  const counts = { trainPairs: 40, selectPairs: 20, reportPairs: 20 };
  splits = prepareSplits(model, findTask("bracket_counting"), counts);
}, 60_000);
afterAll(() => model?.dispose());

const promptsOf = (batch: TaskBatch) =>
  Array.from({ length: 2 * batch.count }, (_, i) => promptOf(batch, i).join());

test("a meaningless task is consistent, on the same prompts, and has nothing to do with the task", async () => {
  const { candidates, words, splits: meaningless } = (await nonsenseTask(model, splits, { seed: 1 }))!;
  expect(new Set(candidates).size).toBe(2);
  const own = new Set(splits.train.candidates);
  expect(candidates.some((token) => own.has(token))).toBe(false);
  for (const [before, after] of [
    [splits.train, meaningless.train],
    [splits.select, meaningless.select],
    [splits.report(), meaningless.report()],
  ]) {
    const known = new Set(promptsOf(before));
    const prompts = promptsOf(after);
    expect(prompts.every((prompt) => known.has(prompt))).toBe(true);
    expect(new Set(prompts).size).toBe(prompts.length);
    for (let i = 0; i < 2 * after.count; i++) {
      const holds = promptOf(after, i).some((token) => words.includes(token));
      const right = after.candidates[2 * i];
      expect(right, `prompt ${i}`).toBe(candidates[holds ? 0 : 1]);
      expect(i % 2 === 0).toBe(holds);
    }
    // Both sides of a pair of the task itself have the same answer.
    for (let pair = 0; pair < before.count; pair++) {
      const [one, other] = [0, 1].map((side) =>
        promptOf(before, 2 * pair + side).some((token) => words.includes(token)),
      );
      if (before === splits.train) expect(one).toBe(other);
    }
  }
  expect(meaningless.train.count).toBeGreaterThan(0.4 * splits.train.count);
  // The same seed makes the same task.
  const again = (await nonsenseTask(model, splits, { seed: 1 }))!;
  expect(again.candidates).toEqual(candidates);
  expect(promptsOf(again.splits.train)).toEqual(promptsOf(meaningless.train));
});

test("prompts that hold no words in common give none", async () => {
  const lines = ["x", "y", "n", "total"].map((name) =>
    JSON.stringify({ prompts: [`for ${name}`, `while ${name}`], answers: [" in", ":"] }),
  );
  const single = taskFromJsonLines(lines.slice(0, 3).join("\n"), "tiny");
  expect(await nonsenseTask(model, prepareSplits(model, single))).toBeNull();
});
