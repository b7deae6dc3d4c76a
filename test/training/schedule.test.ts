import { expect, test } from "vitest";
import { parseTrainingConfig, type TrainingConfig } from "../../src/training/config.js";
import { planStep } from "../../src/training/schedule.js";

const STEPS = 200;
const PEAK = 0.01;

/** A run of 200 steps. */
function schedule(keys: Record<string, unknown>) {
  const config: TrainingConfig = parseTrainingConfig(
    {
      ...{ vocab_size: 20, d_model: 64, n_layer: 1, block_size: 4, batch_size: 2, tokens: 8 * STEPS + 7 },
      ...{ learning_rate: PEAK, density: 1 / 4, warmup: 0, decay: "none", sharkfin: false },
      ...{ anneal_start: 0, anneal_end: 0.5, ...keys },
    },
    "test",
  );
  return Array.from({ length: STEPS }, (_, i) => planStep(config, i + 1));
}

const rates = (keys: Record<string, unknown>) => schedule(keys).map(({ learning_rate }) => learning_rate);

function expectAll(actual: number[], expected: (step: number) => number): void {
  actual.forEach((value, i) => {
    expect(value, `step ${i + 1}`).toBeCloseTo(expected(i + 1), 12);
  });
}

test("steps are numbered from 1", () => {
  expect(schedule({}).map(({ step }) => step)).toEqual(Array.from({ length: STEPS }, (_, i) => i + 1));
});

test("the learning rate is constant without warm-up, decay and sharkfin", () => {
  expectAll(rates({}), () => PEAK);
});

test("warm-up rises linearly from 0 to the peak", () => {
  expectAll(rates({ warmup: 0.1 }), (step) => PEAK * Math.min(1, step / 20));
  // Less than a step is none.
  expectAll(rates({ warmup: 0.001 }), () => PEAK);
  expectAll(rates({ warmup: 1 }), (step) => (PEAK * step) / STEPS);
});

test("decay falls linearly from the end of the warm-up, to 0 behind the last step", () => {
  expectAll(rates({ decay: "linear" }), (step) => PEAK * (1 - (step - 1) / STEPS));
  expectAll(
    rates({ decay: "linear", warmup: 0.1 }),
    (step) => PEAK * (step <= 20 ? step / 20 : 1 - (step - 21) / 180),
  );
  for (const warmup of [0, 0.013, 0.5, 0.999, 1]) {
    expect(Math.min(...rates({ decay: "linear", warmup })), `warmup ${warmup}`).toBeGreaterThan(0);
  }
});

test("the density falls linearly between its two ends", () => {
  const densities = (keys: Record<string, unknown>) => schedule(keys).map(({ density }) => density);
  const fallen = (from: number, to: number) => (step: number) =>
    1 - 0.75 * Math.min(1, Math.max(0, (step - from) / (to - from)));
  for (const [anneal_start, anneal_end] of [
    [0, 0.5],
    [0.01, 0.8],
    [0.2, 1],
  ]) {
    const all = densities({ anneal_start, anneal_end });
    for (const kind of ["weight", "embedding", "bias"] as const) {
      expectAll(
        all.map((density) => density[kind]),
        fallen(anneal_start * STEPS, anneal_end * STEPS),
      );
    }
  }
});

test("without annealing all weights go at once", () => {
  const at = (anneal: number) =>
    schedule({ anneal_start: anneal, anneal_end: anneal }).map(({ density }) => density.weight);
  expectAll(at(0), () => 1 / 4);
  expectAll(at(0.3), (step) => (step < 60 ? 1 : 1 / 4));
});

test("the last step has the final density, exactly", () => {
  for (const density of [1 / 32, 0.1, 0.3333333, 1]) {
    for (const anneal_end of [0, 0.37, 1]) {
      const keys = { density, anneal_end, minimum_nonzeros: 0 };
      expect(schedule(keys).at(-1)?.density).toEqual({
        weight: density,
        embedding: density,
        bias: density,
      });
    }
  }
});

test("abrupt: embeddings and biases are dense up to the middle, sparse behind it", () => {
  const plans = schedule({ embedding_anneal: "abrupt", anneal_end: 0.8 });
  const gradual = schedule({ anneal_end: 0.8 });
  plans.forEach(({ step, density }, i) => {
    expect(density.weight).toBe(gradual[i].density.weight);
    expect(density.embedding).toBe(step < 100 ? 1 : 1 / 4);
    expect(density.bias).toBe(density.embedding);
  });
});

test("the sharkfin is relative to the peak at the final density", () => {
  const keys = { warmup: 0.1, decay: "linear" };
  const plain = rates(keys);
  schedule({ ...keys, sharkfin: true }).forEach(({ learning_rate, density }, i) => {
    expect(learning_rate).toBeCloseTo(plain[i] * Math.sqrt(1 / 4 / density.weight), 12);
  });
  // Half of the peak while the model is dense, all of it once it is sparse.
  const fin = rates({ sharkfin: true, anneal_start: 0.1 });
  expect(fin[0]).toBeCloseTo(PEAK / 2, 12);
  expect(fin[STEPS - 1]).toBeCloseTo(PEAK, 12);
  expectAll(rates({ sharkfin: true, density: 1, minimum_nonzeros: 0 }), () => PEAK);
});

test("exact: gradients of all weights in every step", () => {
  for (const { gradients } of schedule({})) expect(gradients).toBe("all");
});

test("periodic: gradients of all weights in every n-th step, and in the last", () => {
  for (const regrow_every of [1, 7, 8, 1000]) {
    schedule({ projection: "periodic", regrow_every }).forEach(({ step, gradients }) => {
      const isFull = step % regrow_every === 0 || step === STEPS;
      expect(gradients, `step ${step}`).toBe(isFull ? "all" : "nonzero");
    });
  }
});
