import { expect, test } from "vitest";
import { bestTrial } from "../../src/circuits/mask-search.js";
import { removeGreedily } from "../../src/circuits/removal.js";

/** Parts cost their weight when they are gone; 7 and 8 matter only when both are. */
function lossOf(parts: readonly number[]): number {
  const weights = [0.5, 0.001, 0.3, 0.002, 0.004, 0.2, 0.03, 0, 0];
  const gone = weights.reduce((sum, weight, part) => sum + (parts.includes(part) ? 0 : weight), 0);
  return gone + (parts.includes(7) || parts.includes(8) ? 0 : 0.4);
}

test("what no longer matters is removed, until nothing can be removed alone", async () => {
  const all = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  const { kept, scores, loss } = await removeGreedily(all, 0.04, {
    lossesOf: async (sets) => sets.map(lossOf),
  });
  expect(loss).toBeLessThanOrEqual(0.04);
  expect(loss).toBeCloseTo(lossOf(kept), 12);
  expect(kept.length).toBe(4);
  expect(kept).toEqual(expect.arrayContaining([0, 2, 5]));
  kept.forEach((part, i) => {
    const without = lossOf(kept.filter((one) => one !== part));
    expect(without).toBeGreaterThan(0.04);
    expect(scores[i]).toBeCloseTo(without - loss, 12);
  });
  // Far fewer looks than parts times removals.
  const many = Array.from({ length: 200 }, (_, i) => i);
  let rounds = 0;
  const few = await removeGreedily(many, 0.1, {
    lossesOf: async (sets) => {
      if (sets.length > 1) rounds++;
      return sets.map((set) => (set.includes(3) ? 0 : 1));
    },
  });
  expect(few.kept).toEqual([3]);
  expect(rounds).toBeLessThan(6);
});

test("estimates save looks, and decide nothing", async () => {
  const many = Array.from({ length: 200 }, (_, i) => i);
  const truth = (set: readonly number[]) =>
    many.reduce((sum, i) => sum + (set.includes(i) ? 0 : i < 150 ? 0 : 1), 0);
  const run = async (estimate?: (parts: readonly number[]) => Promise<number[]>) => {
    let looks = 0;
    const removal = await removeGreedily(many, 0.5, {
      lossesOf: async (sets) => {
        looks += sets.length;
        return sets.map(truth);
      },
      estimate,
    });
    expect(removal.kept).toEqual(many.slice(150));
    expect(removal.scores).toEqual(new Array(50).fill(1));
    return looks;
  };
  const [without, right, wrong] = [
    await run(),
    await run(async (parts) => parts.map((part) => (part < 150 ? 0 : 1))),
    await run(async (parts) => parts.map((part) => -part)),
  ];
  expect(right).toBeLessThan(100);
  expect(right).toBeLessThan(without);
  expect(wrong).toBeGreaterThan(right);
});

test("the target is held on all prompts, whatever scores on some of them say", async () => {
  // To the scores 1 and 2 are idle; they are not, and 0 is.
  const losses = (weights: readonly number[]) => async (sets: readonly (readonly number[])[]) =>
    sets.map((set) => weights.reduce((sum, weight, part) => sum + (set.includes(part) ? 0 : weight), 0));
  const { kept, loss } = await removeGreedily([0, 1, 2, 3], 0.1, {
    lossesOf: losses([0.05, 0.3, 0.2, 0.4]),
    scoresOf: losses([0.06, 0, 0.01, 0.4]),
  });
  expect(kept).toEqual([1, 2, 3]);
  expect(loss).toBeCloseTo(0.05, 12);
});

test("nothing to remove, and a loss that is above the target already", async () => {
  expect(await removeGreedily<number>([], 1, { lossesOf: async (sets) => sets.map(() => 0.5) })).toEqual({
    kept: [],
    scores: [],
    loss: 0.5,
  });
  const stuck = await removeGreedily([1, 2], 0.1, { lossesOf: async (sets) => sets.map(() => 0.7) });
  expect(stuck.kept).toEqual([1, 2]);
});

test("the best trial: the fewest nodes that reach the target, else the nearest loss", () => {
  const trial = (k: number, loss: number, reached: boolean) => ({
    ...{ task: "t", settings: {} as never, order: [], seconds: 0 },
    outcomes: [{ target: 0.15, k, loss, reached }],
  });
  const pick = (...trials: ReturnType<typeof trial>[]) =>
    trials.indexOf(bestTrial(trials, 0.15).trial as never);
  expect(pick(trial(9, 0.1, true), trial(5, 0.14, true), trial(3, 0.2, false))).toBe(1);
  expect(pick(trial(5, 0.14, true), trial(5, 0.12, true))).toBe(1);
  expect(pick(trial(9, 0.3, false), trial(99, 0.2, false))).toBe(1);
});
