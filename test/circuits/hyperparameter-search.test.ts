import { expect, test } from "vitest";
import { GaussianProcess } from "../../src/circuits/gaussian-process.js";
import {
  expectedImprovement,
  paretoFront,
  proposeTrials,
  type Trial,
} from "../../src/circuits/hyperparameter-search.js";
import { MASK_TRAINING_DEFAULTS } from "../../src/circuits/mask-optimizer.js";
import { MASK_DIMENSIONS, pointOf, settingsAt } from "../../src/circuits/search-space.js";
import { Random } from "../../src/random.js";

test("a Gaussian process goes through what it has seen, and doubts what it has not", () => {
  const xs = Array.from({ length: 12 }, (_, i) => [i / 2]);
  const process = GaussianProcess.fit(
    xs,
    xs.map(([x]) => 5 + 3 * Math.sin(x)),
  );
  for (const [x] of xs) expect(process.predict([x]).mean).toBeCloseTo(5 + 3 * Math.sin(x), 0);
  const between = process.predict([2.25]);
  expect(Math.abs(between.mean - (5 + 3 * Math.sin(2.25)))).toBeLessThan(0.2);
  expect(process.predict([60]).deviation).toBeGreaterThan(5 * between.deviation);
  expect(process.predict([60]).mean).toBeCloseTo(
    xs.reduce((sum, [x]) => sum + 5 + 3 * Math.sin(x), 0) / 12,
    3,
  );
  // Noise is told from signal: repeated points do not agree, and the mean lies between.
  const noisy = GaussianProcess.fit([[0], [0], [0], [0]], [1, 3, 1, 3]);
  expect(noisy.predict([0]).mean).toBeCloseTo(2, 5);
  expect(GaussianProcess.fit([[0, 0]], [7]).predict([0, 0]).mean).toBe(7);
});

test("expected improvement is that of draws", () => {
  const random = new Random(2);
  for (const [mean, deviation, bar] of [
    [0, 1, 0.5],
    [2, 0.5, 1],
    [-1, 0.3, 0],
  ]) {
    let sum = 0;
    for (let i = 0; i < 200000; i++) sum += Math.max(0, bar - (mean + deviation * random.normal()));
    expect(expectedImprovement({ mean, deviation }, bar)).toBeCloseTo(sum / 200000, 2);
  }
});

test("the front: nothing cheaper is better", () => {
  const trial = (cost: number, objective: number): Trial => ({ point: [], cost, objective });
  expect(paretoFront([trial(3, 1), trial(1, 5), trial(2, 6), trial(2, 3), trial(4, 2)])).toEqual([
    trial(1, 5),
    trial(2, 3),
    trial(3, 1),
  ]);
});

/** A valley with its bottom away from the centre; what lies further along the last dimension costs more. */
function valley(point: readonly number[], random: Random): Trial {
  const target = [2, -1.5, 0.5, 1];
  const objective = point.reduce((sum, x, i) => sum + (x - target[i]) ** 2, 0) + 0.1 * random.normal();
  return { point, objective, cost: Math.exp(0.5 * point[3]) };
}

function search(rounds: number, seed: number, propose = proposeTrials): Trial[] {
  const trials: Trial[] = [];
  const noise = new Random(seed);
  for (let round = 0; round < rounds; round++) {
    const points = propose(trials, { dimensions: 4, initialTrials: 8, batch: 4, seed });
    trials.push(...points.map((point) => valley(point, noise)));
  }
  return trials;
}

test("the search finds the valley's bottom, where random trials do not", () => {
  const best = (trials: readonly Trial[]) => Math.min(...trials.map(({ objective }) => objective));
  const drawn = (seed: number) => {
    const random = new Random(seed);
    return Array.from({ length: 48 }, () =>
      valley(
        Array.from({ length: 4 }, () => random.normal()),
        random,
      ),
    );
  };
  const seeds = [1, 2, 3, 4, 5];
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const found = mean(seeds.map((seed) => best(search(12, seed))));
  const random = mean(seeds.map((seed) => best(drawn(seed))));
  expect(found).toBeLessThan(0.5);
  expect(random).toBeGreaterThan(2 * found + 0.3);
});

test("the first trial is the centre; the same seed proposes the same, another something else", () => {
  const options = { dimensions: 4, initialTrials: 3, batch: 5, seed: 9 };
  const first = proposeTrials([], options);
  expect(first[0]).toEqual([0, 0, 0, 0]);
  expect(new Set(first.map(String)).size).toBe(5);
  expect(proposeTrials([], options)).toEqual(first);
  const trials = search(3, 7);
  expect(proposeTrials(trials, options)).toEqual(proposeTrials(trials, options));
  expect(proposeTrials(trials, options)).not.toEqual(proposeTrials(trials, { ...options, seed: 10 }));
  // Proposals of one batch differ.
  expect(new Set(proposeTrials(trials, options).map(String)).size).toBe(5);
});

test("the centre of the space is the paper's, and settings survive the way through it", () => {
  const centre = settingsAt(new Array(MASK_DIMENSIONS.length).fill(0), MASK_TRAINING_DEFAULTS);
  expect(centre).toEqual(MASK_TRAINING_DEFAULTS);
  const random = new Random(3);
  const point = MASK_DIMENSIONS.map(() => random.normal());
  const settings = settingsAt(point, MASK_TRAINING_DEFAULTS);
  expect(settings).not.toEqual(centre);
  expect(settingsAt(pointOf(settings), MASK_TRAINING_DEFAULTS)).toEqual(settings);
  for (const [i, x] of pointOf(settings).entries()) expect(x).toBeCloseTo(point[i], 1);
  // Far out it stays within bounds.
  const far = settingsAt(
    MASK_DIMENSIONS.map(() => 50),
    MASK_TRAINING_DEFAULTS,
  );
  expect(far.init_noise_bias).toBe(0.9);
  expect(far.steps).toBe(5000);
});
