import fc from "fast-check";
import { expect, test } from "vitest";
import { Histogram } from "../../src/circuits/histogram.js";

const values = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 60 });

const histogramOf = (numbers: readonly number[]) => {
  const histogram = new Histogram();
  for (const value of numbers) histogram.add(value);
  return histogram;
};

test("every number is counted in the bin that it lies in, and nothing else is", () => {
  fc.assert(
    fc.property(values, fc.integer({ min: 2, max: 80 }), (numbers, most) => {
      const { width, first, counts } = histogramOf(numbers).bins(most);
      expect(Number.isInteger(Math.log2(width))).toBe(true);
      expect(counts.length).toBeLessThanOrEqual(most);
      expect([counts[0] > 0, counts.at(-1)! > 0]).toEqual([true, true]);
      const expected = counts.map(() => 0);
      for (const value of numbers) expected[Math.floor(value / width) - first]++;
      expect(counts).toEqual(expected);
    }),
  );
});

test("the order of the numbers does not matter", () => {
  const shuffled = values.chain((numbers) =>
    fc.tuple(fc.constant(numbers), fc.shuffledSubarray(numbers, { minLength: numbers.length })),
  );
  fc.assert(
    fc.property(shuffled, ([numbers, others]) => {
      expect(histogramOf(others).bins(16)).toEqual(histogramOf(numbers).bins(16));
    }),
  );
});

test("numbers of very different size, and none at all", () => {
  expect(histogramOf([]).bins(8)).toMatchObject({ counts: [] });
  const { width, first, counts } = histogramOf([1e-9, 2e-9, 1000, -1000]).bins(4);
  expect({ width, first, counts }).toEqual({ width: 512, first: -2, counts: [1, 0, 2, 1] });
  expect(histogramOf([Number.NaN, Number.POSITIVE_INFINITY, 1]).bins(2).counts).toEqual([1]);
});
