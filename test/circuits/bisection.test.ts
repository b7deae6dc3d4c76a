import { expect, test } from "vitest";
import { bisect, ranked } from "../../src/circuits/bisection.js";

test("the smallest k of a falling loss, in about log2 evaluations", async () => {
  for (let wanted = 0; wanted <= 100; wanted++) {
    let evaluations = 0;
    const found = await bisect(100, 0.15, async (k) => {
      evaluations++;
      return k >= wanted ? 0.1 : 0.2;
    });
    expect(found).toEqual({ k: wanted, loss: 0.1, reached: true });
    expect(evaluations).toBeLessThan(10);
  }
});

test("where loss does not fall with k, what is found reaches the target and one less does not", async () => {
  const loss = (k: number) => ((k * 7919) % 13 < 6 || k === 64 ? 0.1 : 0.3);
  const { k, reached } = await bisect(64, 0.15, async (count) => loss(count));
  expect(reached).toBe(true);
  expect(loss(k)).toBe(0.1);
  expect(k === 0 || loss(k - 1) > 0.15).toBe(true);
});

test("a target out of reach is said so, and a loss that is no number does not reach it", async () => {
  expect(await bisect(5, 0.15, async (k) => 1 / (k + 1))).toEqual({ k: 5, loss: 1 / 6, reached: false });
  expect(await bisect(0, 0.15, async () => 0.7)).toEqual({ k: 0, loss: 0.7, reached: false });
  expect((await bisect(5, 0.15, async () => Number.NaN)).reached).toBe(false);
});

test("ranked: from the largest down, equals in their order", () => {
  expect(ranked([0.5, 2, -1, 2, 0.5])).toEqual([1, 3, 0, 4, 2]);
});
