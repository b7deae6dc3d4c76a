import { cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  findMeans,
  loadModel,
  type Model,
  meansOfCorpus,
  openCorpus,
  writeCorpus,
} from "../../dist/node/index.js";
import { fixtures } from "../support/fixtures.js";
import { trainedModel } from "../support/trained-model.js";

const scratch = mkdtempSync(join(tmpdir(), "means-"));
const source = join(scratch, "model");
const other = fixtures.find((path) => path.endsWith("05_yolo2_like_d64"))!;
let model: Model;
beforeAll(async () => {
  cpSync(trainedModel, source, { recursive: true });
  model = await loadModel(source, { threads: 1 });
  const tokenizer = { tokenizer: model.tokenizer!, source };
  for (const seed of [1, 2]) {
    await writeCorpus(join(scratch, `corpus${seed}`), { sources: ["synthetic:40"], tokenizer, seed });
  }
});
afterAll(async () => {
  await model.dispose();
  rmSync(scratch, { recursive: true });
});

test("computed once, kept beside the model, and found again by what a circuit says of them", {
  timeout: 120_000,
}, async () => {
  const corpus = await openCorpus(join(scratch, "corpus1"));
  let computed = 0;
  const onProgress = () => computed++;
  const means = await meansOfCorpus(model, corpus, { tokens: 1000, onProgress });
  expect(computed).toBeGreaterThan(0);
  expect(means.reference).toMatchObject({ source: "corpus1" });
  expect(Math.abs(means.reference.tokens - 1000)).toBeLessThan(300);
  const kept = readdirSync(source).filter((name) => name.startsWith("means-"));
  expect(kept).toEqual([`means-${means.reference.sha256!.slice(0, 12)}.safetensors`]);

  computed = 0;
  expect(await meansOfCorpus(model, corpus, { tokens: 1000, onProgress })).toEqual(means);
  expect(computed).toBe(0);
  expect(await findMeans(model, means.reference)).toEqual(means);
  // The model is still found beside them.
  await (await loadModel(source, { threads: 1 })).dispose();

  const second = await meansOfCorpus(model, await openCorpus(join(scratch, "corpus2")), { tokens: 1000 });
  expect(second.reference.sha256).not.toBe(means.reference.sha256);
  const path = join(source, kept[0]);
  await expect(findMeans(model, second.reference, path)).rejects.toThrow(/means of another corpus/);
  await expect(findMeans(model, { source: "lost", sha256: "ab".repeat(32), tokens: 1 })).rejects.toThrow(
    /are not in/,
  );
  const stranger = await loadModel(other, { threads: 1 });
  await expect(findMeans(stranger, means.reference, path)).rejects.toThrow(/of another model/);
  await stranger.dispose();
});
