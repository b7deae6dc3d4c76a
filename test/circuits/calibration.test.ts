import { expect, test } from "vitest";
import { calibrated, fitCalibration } from "../../src/circuits/calibration.js";
import { minimize } from "../../src/circuits/lbfgs.js";
import { Random } from "../../src/random.js";
import { scoreCandidates } from "../../src/tasks/score.js";

test("L-BFGS finds the bottom of Rosenbrock's valley, and of a badly scaled bowl", () => {
  const rosenbrock = ([x, y]: readonly number[]) => ({
    value: (1 - x) ** 2 + 100 * (y - x * x) ** 2,
    gradient: [-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)],
  });
  const { x, value } = minimize(rosenbrock, [-1.2, 1], { steps: 60 });
  expect(value).toBeLessThan(1e-10);
  expect(x[0]).toBeCloseTo(1, 4);
  const bowl = (point: readonly number[]) => ({
    value: point.reduce((sum, xi, i) => sum + 10 ** i * (xi - i) ** 2, 0),
    gradient: point.map((xi, i) => 2 * 10 ** i * (xi - i)),
  });
  minimize(bowl, [5, 5, 5, 5], { steps: 40 }).x.forEach((xi, i) => {
    expect(xi).toBeCloseTo(i, 3);
  });
  // Already there, or nowhere to go.
  expect(minimize(() => ({ value: 1, gradient: [0] }), [3])).toEqual({ x: [3], value: 1 });
});

/** Margins of prompts whose logit difference is biased by `bias` towards the first answer. */
function biased(bias: number, noise: number): number[] {
  const random = new Random(4);
  return Array.from({ length: 200 }, (_, i) => {
    const sign = i % 2 === 0 ? 1 : -1;
    const difference = sign + bias + noise * random.normal();
    const [first, second] = [difference + 3, 3];
    return sign > 0 ? [first, second] : [second, first];
  }).flat();
}

test("calibration removes a bias and finds the scale", () => {
  const logits = biased(1.5, 0.5);
  const before = scoreCandidates(logits);
  const fit = fitCalibration(logits);
  const after = scoreCandidates(calibrated(logits, fit));
  expect(before.accuracy).toBeLessThan(0.7);
  expect(after.accuracy).toBeGreaterThan(0.93);
  expect(after.loss).toBeLessThan(before.loss / 2);
  // Two normal distributions of deviation 1/2 around ±1 + 1.5: log odds are 8 · (difference − 1.5).
  expect(fit.scale).toBeGreaterThan(4.5);
  expect(fit.shift / fit.scale).toBeCloseTo(-1.5, 0);
  // No neighbour does better.
  for (const [scale, shift] of [
    [0.1, 0],
    [-0.1, 0],
    [0, 0.1],
    [0, -0.1],
  ]) {
    const other = { scale: fit.scale + scale, shift: fit.shift + shift };
    expect(scoreCandidates(calibrated(logits, other)).loss).toBeGreaterThanOrEqual(after.loss - 1e-6);
  }
});

test("scale 1 and shift 0 change nothing", () => {
  const logits = biased(0.3, 1);
  const same = scoreCandidates(calibrated(logits, { scale: 1, shift: 0 }));
  expect(same.loss).toBeCloseTo(scoreCandidates(logits).loss, 6);
});
