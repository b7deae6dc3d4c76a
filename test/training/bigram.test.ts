import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bigramTable, countBigrams } from "../../src/training/bigram.js";

const corpus = fc.integer({ min: 1, max: 12 }).chain((vocabularySize) =>
  fc.record({
    vocabularySize: fc.constant(vocabularySize),
    tokens: fc.array(fc.nat(vocabularySize - 1), { maxLength: 60 }),
  }),
);

/** count[a][b], the plain way. */
function plainCounts(tokens: number[], vocabularySize: number): number[][] {
  const count = Array.from({ length: vocabularySize }, () => new Array<number>(vocabularySize).fill(0));
  for (let i = 1; i < tokens.length; i++) count[tokens[i - 1]][tokens[i]]++;
  return count;
}

describe("counts", () => {
  test("of every pair, rows in order and columns ascending", () => {
    fc.assert(
      fc.property(corpus, ({ tokens, vocabularySize }) => {
        const { rowPointers, columnIndices, counts } = countBigrams(Uint16Array.from(tokens), vocabularySize);
        const dense = plainCounts(tokens, vocabularySize);
        const entries = dense.map((row) => [...row.entries()].filter(([, count]) => count > 0));
        expect([...rowPointers]).toEqual([
          0,
          ...entries.map((_, a) => entries.slice(0, a + 1).flat().length),
        ]);
        expect([...columnIndices]).toEqual(entries.flat().map(([column]) => column));
        expect([...counts]).toEqual(entries.flat().map(([, count]) => count));
      }),
    );
  });

  test("of a million tokens, with every id that 16 bits hold", () => {
    const tokens = Uint16Array.from({ length: 1_000_000 }, (_, i) => (Math.imul(i, 40503) >>> 3) & 0xffff);
    const { counts, rowPointers } = countBigrams(tokens, 65536);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(999_999);
    expect(rowPointers.at(-1)).toBe(counts.length);
  });

  test("a token outside the vocabulary is named", () => {
    expect(() => countBigrams(Uint16Array.of(1, 2, 9), 9)).toThrow(
      "Token 9 at position 2 is not in a vocabulary of 9",
    );
  });
});

describe("the table", () => {
  test("is the formula's, to the nearest float32", () => {
    fc.assert(
      fc.property(corpus, ({ tokens, vocabularySize }) => {
        const table = bigramTable(countBigrams(Uint16Array.from(tokens), vocabularySize));
        const count = plainCounts(tokens, vocabularySize);
        const pairs = Math.max(0, tokens.length - 1);
        const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
        for (let a = 0; a < vocabularySize; a++) {
          for (let b = 0; b < vocabularySize; b++) {
            const share = (sum(count.map((row) => row[b])) + 1) / (pairs + vocabularySize);
            const expected = Math.log((count[a][b] + share) / (sum(count[a]) + 1));
            expect(Math.abs(table[a * vocabularySize + b] - expected)).toBeLessThanOrEqual(
              2 ** -24 * Math.abs(expected) + 1e-15,
            );
          }
        }
      }),
    );
  });

  test("is a distribution in each row, and the unigram distribution where nothing was seen", () => {
    const table = bigramTable(countBigrams(Uint16Array.of(0, 1, 1, 2, 1, 0, 1), 4));
    const rows = [0, 1, 2, 3].map((a) => [...table.subarray(4 * a, 4 * a + 4)].map(Math.exp));
    for (const row of rows) expect(row.reduce((sum, p) => sum + p)).toBeCloseTo(1, 6);
    expect(rows[3].map((p) => Math.round(p * 10))).toEqual([2, 5, 2, 1]);
  });

  test("of older models ends at -12", () => {
    const counts = countBigrams(new Uint16Array(1_000_000), 3);
    const older = bigramTable({ ...counts, formula: "unigram-smoothed-log" });
    expect([...older.subarray(1, 3)]).toEqual([-12, -12]);
    expect(older[0]).toBe(bigramTable(counts)[0]);
  });

  test("falls with what never followed", () => {
    const tokens = new Uint16Array(1_000_000);
    const table = bigramTable(countBigrams(tokens, 3));
    const never = Math.fround(Math.log(1 / 1_000_002 / 1e6));
    expect([...table.subarray(0, 3)]).toEqual([
      Math.fround(Math.log((999_999 + 1e6 / 1_000_002) / 1e6)),
      never,
      never,
    ]);
  });

  test("has the same bits everywhere", () => {
    const tokens = Uint16Array.from({ length: 20_000 }, (_, i) => (Math.imul(i, i + 7) >>> 4) % 61);
    const bits = new Uint32Array(bigramTable(countBigrams(tokens, 61)).buffer);
    const hash = bits.reduce((state, word) => Math.imul(state ^ word, 16777619) >>> 0, 2166136261);
    // As computed in Python, operation by operation.
    expect(hash).toBe(2169426098);
  });
});
