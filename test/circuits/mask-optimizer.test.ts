import { expect, test } from "vitest";
import {
  MASK_TRAINING_DEFAULTS,
  MaskOptimizer,
  maskLearningRate,
} from "../../src/circuits/mask-optimizer.js";
import { Random } from "../../src/random.js";

const settings = { ...MASK_TRAINING_DEFAULTS, steps: 100 };
const optimizer = (changes = {}, nodes = 3) =>
  new MaskOptimizer(nodes, { ...settings, ...changes }, new Random(1));

test("the learning rate rises for the first 5 %, then falls to nothing linearly", () => {
  const rates = Array.from({ length: 100 }, (_, step) => maskLearningRate(step, settings));
  expect(rates.slice(0, 6).map((rate) => Number(rate.toFixed(3)))).toEqual([0.2, 0.4, 0.6, 0.8, 1, 1]);
  expect(rates[99]).toBeCloseTo(1 / 95, 10);
  expect(maskLearningRate(0, { ...settings, warmup_fraction: 0 })).toBe(1);
});

test("τ begins around the bias, and masks are its Heaviside steps", () => {
  const many = optimizer({}, 10000);
  const mean = many.tau.reduce((sum, tau) => sum + tau, 0) / 10000;
  expect(mean).toBeCloseTo(0.1, 3);
  const deviation = Math.sqrt(many.tau.reduce((sum, tau) => sum + (tau - mean) ** 2, 0) / 10000);
  expect(deviation).toBeCloseTo(0.01, 3);
  const one = optimizer();
  one.tau.set([0.5, -0.25, 0]);
  const masks = [9, 9, 9];
  one.writeMasks(masks);
  expect(masks).toEqual([1, 0, 0]);
  expect(one.kept).toBe(1);
});

test("a step is AdamW's, of the surrogate gradient with k_coef, and stays in [-1, 1]", () => {
  const one = optimizer({ weight_decay: 0.1, learning_rate: 0.01, warmup_fraction: 0, gradient_clip: 1e9 });
  one.tau.set([0.4, -0.3, 0.9999]);
  one.update([0.5, -2, -1]);
  // Adam's first step is of the learning rate's size, against the sign of the gradient.
  expect(one.tau[0]).toBeCloseTo(0.4 - 0.01 - 0.01 * 0.1 * 0.4, 6);
  expect(one.tau[1]).toBeCloseTo(-0.3 + 0.01 + 0.01 * 0.1 * 0.3, 6);
  expect(one.tau[2]).toBe(1);
  // Without a task, k_coef pushes all nodes out; without either, nothing moves.
  const pushed = optimizer({ weight_decay: 0 });
  const before = [...pushed.tau];
  pushed.update([0, 0, 0]);
  expect(pushed.tau.every((tau, i) => tau < before[i])).toBe(true);
  const still = optimizer({ weight_decay: 0, k_coef: 0 });
  const initial = [...still.tau];
  still.update([0, 0, 0]);
  expect([...still.tau]).toEqual(initial);
});

test("the surrogate is the sigmoid's derivative at τ / temperature, and the gradient's norm is clipped", () => {
  // Adam forgets the size of one gradient, but not the ratio of two.
  const run = (changes: object, gradients: number[]) => {
    const one = optimizer(
      { weight_decay: 0, k_coef: 0, learning_rate: 0.01, warmup_fraction: 0, ...changes },
      1,
    );
    one.tau[0] = 0.5;
    for (const gradient of gradients) one.update([gradient]);
    return one.tau[0];
  };
  const adam = (gradients: number[]) => {
    let [tau, m, v] = [0.5, 0, 0];
    gradients.forEach((g, step) => {
      m = 0.9 * m + 0.1 * g;
      v = 0.95 * v + 0.05 * g * g;
      const rate = 0.01 * maskLearningRate(step, { ...settings, warmup_fraction: 0 });
      tau -= (rate * (m / (1 - 0.9 ** (step + 1)))) / (Math.sqrt(v / (1 - 0.95 ** (step + 1))) + 1e-8);
    });
    return tau;
  };
  const slope = (tau: number, temperature: number) => {
    const sigmoid = 1 / (1 + Math.exp(-tau / temperature));
    return (sigmoid * (1 - sigmoid)) / temperature;
  };
  const first = run({}, [1]);
  expect(run({ gradient_clip: 1e9 }, [1, 0.1])).toBeCloseTo(adam([slope(0.5, 1), 0.1 * slope(first, 1)]), 10);
  expect(run({ temperature: 0.2 }, [1, 0.1])).toBeCloseTo(
    adam([slope(0.5, 0.2), 0.1 * slope(first, 0.2)]),
    10,
  );
  expect(run({ gradient_clip: 0.02 }, [1, 0.01])).toBeCloseTo(adam([0.02, 0.01 * slope(first, 1)]), 10);
});
