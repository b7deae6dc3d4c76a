import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  circuitAblation,
  findTask,
  loadModel,
  MASK_TRAINING_DEFAULTS,
  type Model,
  type PruneOptions,
  prepareSplits,
  prune,
  readCircuitFile,
} from "../../dist/node/index.js";
import { trainedModel } from "../support/trained-model.js";

const source = trainedModel;
const settings = { ...MASK_TRAINING_DEFAULTS, steps: 6, batch_pairs: 4, learning_rate: 0.05 };
const plan = {
  kind: "grid" as const,
  settings: [1e-3, 1e-2].map((k_coef) => ({ ...settings, k_coef })),
};

async function withModels<T>(threads: readonly number[], use: (models: Model[]) => Promise<T>): Promise<T> {
  const models = await Promise.all(
    threads.map((count) => loadModel(source, { threads: count, kernels: "simd" })),
  );
  try {
    return await use(models);
  } finally {
    await Promise.all(models.map((model) => model.dispose()));
  }
}

const run = (models: readonly Model[], directory: string, changes: Partial<PruneOptions> = {}) =>
  prune({
    ...{ models, directory, plan, name: "default", tasks: [findTask("else_elif")], targets: [0.5] },
    ...{ ablation: "zero", means: null, splits: { trainPairs: 8, selectPairs: 6, reportPairs: 6 } },
    removal: { nodes: false, edges: false },
    ...changes,
  });
const temporary = () => join(mkdtempSync(join(tmpdir(), "prune-")), "out");
const trialsOf = (directory: string) =>
  readFileSync(join(directory, "trials.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => ({ ...JSON.parse(line), seconds: 0 }));

test("the same circuit on one thread and on two, with one worker and with two; and it is what forward makes of it", {
  timeout: 300_000,
}, async () => {
  const [one, two] = [temporary(), temporary()];
  const [first] = await withModels([1], (models) => run(models, one));
  const [second] = await withModels([2, 1], (models) => run(models, two));
  expect({ ...second, files: [] }).toEqual({ ...first, files: [] });
  const byCost = (a: { settings: { k_coef: number } }, b: typeof a) => a.settings.k_coef - b.settings.k_coef;
  expect(trialsOf(two).sort(byCost)).toEqual(trialsOf(one).sort(byCost));
  const circuit = await readCircuitFile(first.files[0]);
  expect(circuit.nodes.length).toBe(first.nodes);
  expect(circuit.losses.report!.pairs).toBe(6);
  expect(circuit.found.candidates).toBe(2);

  // The loss that the file states is that of the model run as the circuit.
  await withModels([1], async ([model]) => {
    const { select } = prepareSplits(model, findTask("else_elif"), { selectPairs: 6, trainPairs: 8 });
    const ablation = await circuitAblation(model, circuit);
    let loss = 0;
    for (let i = 0; i < 12; i++) {
      const tokens = select.tokens.subarray(i * select.width, i * select.width + select.lengths[i]);
      const { logits } = await model.forward(tokens, { ablation, logits: "last" });
      const [right, wrong] = [0, 1].map((side) => logits.data[select.candidates[2 * i + side]]);
      loss += Math.log1p(Math.exp(wrong - right)) / 12;
    }
    expect(loss).toBeCloseTo(circuit.losses.select!.circuit, 4);
  });
});

test("an interrupted search goes on where it was, and what it has found is not searched again", {
  timeout: 300_000,
}, async () => {
  const directory = temporary();
  await withModels([1], async (models) => {
    const controller = new AbortController();
    const interrupted = run(models, directory, {
      signal: controller.signal,
      onEvent: (event) => event.type === "trial" && controller.abort(new Error("enough")),
    });
    await expect(interrupted).rejects.toThrow("enough");
    expect(trialsOf(directory).length).toBe(1);
    // As if the next had been killed while it was written.
    const path = join(directory, "trials.jsonl");
    writeFileSync(path, `${readFileSync(path, "utf8")}{"task":"else_`);
    const isNew: boolean[] = [];
    const count = (event: { type: string; isNew?: boolean }) =>
      event.type === "trial" && isNew.push(event.isNew!);
    const [result] = await run(models, directory, { onEvent: count });
    expect(isNew).toEqual([false, true]);
    const whole = temporary();
    const [expected] = await run(models, whole);
    expect({ ...result, files: [] }).toEqual({ ...expected, files: [] });
    expect(trialsOf(directory)).toEqual(trialsOf(whole));
    // Another target asks for no other training.
    isNew.length = 0;
    await run(models, directory, { targets: [0.6], onEvent: count });
    expect(JSON.parse(readFileSync(join(directory, "results.json"), "utf8")).circuits.length).toBe(2);
    await expect(run(models, directory, { finalResid: true })).rejects.toThrow(
      /"final_resid" is false there, not true/,
    );
  });
});
