import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, describe, expect, test } from "vitest";
import { requireLocalFiles } from "../../src/io/local-files.js";
import { describe as describeModel } from "../../src/model/description.js";
import { Random } from "../../src/random.js";
import { countBigrams } from "../../src/training/bigram.js";
import { parseTrainingConfig } from "../../src/training/config.js";
import { bigramEntropy, DivergenceMonitor } from "../../src/training/divergence.js";
import { countReached, countWeights, kurtosis, measureWeights, StepLog } from "../../src/training/metrics.js";

const scratch = mkdtempSync(`${tmpdir()}/sparselens-metrics-`);
afterAll(() => rmSync(scratch, { recursive: true }));
const files = requireLocalFiles("The test");

test("tasks that reach the target", () => {
  const line = { step: 1, test_xent: 2, mean_task_accuracy: 1, mean_task_loss: 0 } as never;
  const tasks = {
    ...{ "task_accuracy/both": 0.97, "task_loss/both": 0.1 },
    ...{ "task_accuracy/unsure": 1, "task_loss/unsure": 0.11 },
    ...{ "task_accuracy/wrong": 0.96, "task_loss/wrong": 0.05 },
  };
  expect(countReached({ ...(line as object), ...tasks } as never)).toEqual({ reached: 1, tasks: 3 });
  expect(countReached(line)).toBeNull();
});

describe("kurtosis", () => {
  const of = (values: number[], channels: number) =>
    kurtosis({ data: Float32Array.from(values), shape: [values.length / channels, channels] });

  test("of known distributions", () => {
    const random = new Random(1);
    const normal = Array.from({ length: 40_000 }, () => 5 + 2 * random.normal());
    expect(of(normal, 10_000)).toBeCloseTo(3, 0);
    const uniform = Array.from({ length: 40_000 }, () => random.next());
    expect(of(uniform, 10_000)).toBeCloseTo(1.8, 1);
    expect(of([1, -1, 1, -1], 4)).toBe(1);
    // One channel of n stands out: n - 2 + 1 / (n - 1).
    expect(of([0, 0, 0, 7], 4)).toBeCloseTo(2 + 1 / 3, 6);
  });

  test("averages over tokens; a constant token has none", () => {
    expect(of([1, -1, 1, -1, 0, 0, 0, 7], 4)).toBeCloseTo((1 + 2 + 1 / 3) / 2, 6);
    expect(of([2, 2, 2, 2], 4)).toBe(0);
  });
});

test("L0 and alive neurons", () => {
  const shape = { vocab_size: 5, n_layer: 2, d_model: 4, d_head: 2, d_mlp: 6, block_size: 3, afrac: null };
  const config = parseTrainingConfig(
    { ...shape, tokens: 100, batch_size: 1, density: 1, minimum_nonzeros: 0 },
    "test",
  );
  const weights = new Map(
    describeModel(config.model)
      .parameters.filter(({ optional }) => !optional)
      .map(({ name, shape }) => {
        const data = new Float32Array(shape.reduce((product, n) => product * n, 1));
        // Norms, sinks and the bigram table do not count.
        if (/ln_|sink|bigram/.test(name)) data.fill(1);
        return [name, { shape, data }] as const;
      }),
  );
  weights.get("transformer.wte.weight")!.data.fill(2, 0, 3);
  weights.get("lm_head.weight")!.data[7] = -1;
  weights.get("transformer.h.1.attn.c_attn.bias")!.data[0] = 1e-30;
  const c_fc = weights.get("transformer.h.1.mlp.c_fc.weight")!.data;
  c_fc[0] = c_fc[3] = c_fc[5 * 4 + 1] = Number.MIN_VALUE + 1;
  expect(measureWeights(weights, config)).toEqual({
    ...{ L0: 8, L0_non_embed: 4 },
    ...{ "num_alive_neurons/c_fc/layer_0": 0, "num_alive_neurons/c_fc/layer_1": 2 },
  });
});

test.each([
  {},
  { bigram: "learned", positions: "learned", bias: false },
  { tied_unembed: true, rms_norm: false },
])("countWeights: what L0 is when no weight is zero: %j", (keys) => {
  const config = parseTrainingConfig(
    { vocab_size: 20, d_model: 32, n_layer: 2, density: 1, ...keys },
    "test",
  );
  const weights = new Map(
    describeModel(config.model).parameters.flatMap(({ name, shape, optional }) => {
      if (optional) return [];
      const data = new Float32Array(shape.reduce((product, n) => product * n, 1));
      return [[name, { shape, data: data.fill(config.positions === "none" && /wpe/.test(name) ? 0 : 1) }]];
    }),
  );
  expect(countWeights(config)).toBe(measureWeights(weights, config).L0);
});

describe("StepLog", () => {
  const open = (path: string, step: number) => StepLog.open<{ step: number; x: number }>(files, path, step);

  test("goes on behind the lines up to a step", async () => {
    const path = `${scratch}/log`;
    const log = await open(path, 0);
    expect(log.lastStep).toBe(-1);
    for (const step of [2, 4, 6]) await log.append({ step, x: step / 3 });
    const again = await open(path, 5);
    expect(again.last).toEqual({ step: 4, x: 4 / 3 });
    expect(readFileSync(path, "utf8").split("\n")).toHaveLength(3);
    await again.append({ step: 6, x: 1 }, { step: 6, x: 2 });
    expect((await open(path, 6)).last).toEqual({ step: 6, x: 2 });
    expect(existsSync(`${path}.partial`)).toBe(false);
  });

  test("a line that is not whole is dropped; one that is none of a run is an error", async () => {
    const path = `${scratch}/torn`;
    writeFileSync(path, '{"step":1,"x":0}\n{"step":2,"x"');
    expect((await open(path, 9)).lastStep).toBe(1);
    expect(readFileSync(path, "utf8")).toBe('{"step":1,"x":0}\n');
    writeFileSync(path, '{"step":1,"x":0}\nhello\n{"step":2,"x":0}\n');
    await expect(open(path, 9)).rejects.toThrow(/torn has a line that is not of a training run: hello/);
  });
});

describe("divergence", () => {
  /** The step at which a loss is found to diverge. */
  function divergesAt(loss: (step: number) => number, grace = 200): number | undefined {
    const monitor = new DivergenceMonitor(2, grace);
    for (let step = 1; step <= 2000; step++) if (monitor.add(step, loss(step))) return step;
    return undefined;
  }

  test("a loss that stays a nat above the baseline", () => {
    expect(divergesAt(() => 3.2)).toBe(400);
    expect(divergesAt(() => 3.2, 1000)).toBe(1200);
    expect(divergesAt((step) => (step < 1000 ? 1.5 : 9))).toBeLessThan(1320);
    expect(divergesAt(() => 2.9)).toBeUndefined();
  });

  test("bumps are no divergence", () => {
    expect(divergesAt((step) => (step % 400 < 150 ? 5 : 1.5))).toBeUndefined();
    expect(divergesAt((step) => (step < 300 ? 7 : 2.5))).toBeUndefined();
  });

  test("the entropy of a token given the one before", () => {
    // After 0 always 1; after 1 either, equally often.
    const tokens = Uint16Array.from([0, 1, 1, 0, 1, 1, 0, 1, 1, 0]);
    expect(bigramEntropy(countBigrams(tokens, 3))).toBeCloseTo((6 / 9) * Math.LN2, 10);
  });
});
