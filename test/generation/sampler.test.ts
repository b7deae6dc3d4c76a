import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SparseLensError } from "../../src/errors.js";
import { type GenerationOptions, normalizeGenerationOptions } from "../../src/generation/options.js";
import { Sampler } from "../../src/generation/sampler.js";

const settings = (options: GenerationOptions) =>
  normalizeGenerationOptions({ doSample: true, topK: 0, ...options }, {});
const logits = (...values: number[]) => Float32Array.from(values);
const probabilities = (...values: number[]) => logits(...values.map(Math.log));

function kept(options: GenerationOptions, values: Float32Array, prompt: number[] = []): number[] {
  return [...new Sampler(settings(options), prompt).distribution(values).tokens];
}

/**
 * The processors and warpers of `transformers`, as written there: on the whole vocabulary, with full sorts, masking with
 * -Infinity. Returns a probability for every token.
 */
function slowly(options: GenerationOptions, values: Float32Array, prompt: number[]): number[] {
  const { temperature, topK, topP, minP, repetitionPenalty } = settings(options);
  let scores = Array.from(values);
  for (const token of new Set(prompt)) {
    const penalty = Math.fround(repetitionPenalty);
    scores[token] = Math.fround(scores[token] < 0 ? scores[token] * penalty : scores[token] / penalty);
  }
  const softmax = (list: number[]) => {
    const most = Math.max(...list);
    const weights = list.map((score) => Math.exp(score - most));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => weight / total);
  };
  if (temperature !== 1) scores = scores.map((score) => Math.fround(score / Math.fround(temperature)));
  if (topK > 0) {
    const kth = scores.toSorted((a, b) => b - a)[Math.min(topK, scores.length) - 1];
    scores = scores.map((score) => (score < kth ? -Infinity : score));
  }
  if (topP < 1) {
    const ascending = scores.map((_, token) => token).sort((a, b) => scores[a] - scores[b] || a - b);
    const sorted = softmax(ascending.map((token) => scores[token]));
    let cumulative = 0;
    ascending.forEach((token, index) => {
      cumulative += sorted[index];
      if (cumulative <= 1 - topP && index < ascending.length - 1) scores[token] = -Infinity;
    });
  }
  if (minP > 0) {
    const current = softmax(scores);
    const floor = minP * Math.max(...current);
    scores = scores.map((score, token) => (current[token] < floor ? -Infinity : score));
  }
  return softmax(scores);
}

describe("greedy", () => {
  it("takes the largest logit, the first of several", () => {
    const greedy = new Sampler(normalizeGenerationOptions({}, {}));
    expect(greedy.next(logits(-3, 2, 2, 1))).toBe(1);
    expect(greedy.next(logits(-3, -2, -0.5, -1))).toBe(2);
    expect(greedy.distribution(logits(1, 0))).toEqual({
      tokens: Uint32Array.of(0),
      probabilities: Float64Array.of(1),
    });
  });

  it("counts its own tokens and the prompt's for the repetition penalty", () => {
    const greedy = new Sampler(normalizeGenerationOptions({ repetitionPenalty: 2 }, {}), [0, 0]);
    // 4 / 2 is less than 3, then 3 / 2 less than 2; tokens count once.
    expect(greedy.next(logits(4, 3, -1))).toBe(1);
    expect(greedy.next(logits(4, 3, -1))).toBe(0);
    // -1 * 2 for tokens 0 and 1, -1.5 for the one not seen.
    expect(greedy.next(logits(-1, -1, -1.5))).toBe(2);
    const rewarded = new Sampler(normalizeGenerationOptions({ repetitionPenalty: 0.5 }, {}), [2]);
    expect(rewarded.next(logits(1, 1.5, 1))).toBe(2);
  });
});

describe("filters", () => {
  it("top-k keeps what equals the k-th", () => {
    expect(kept({ topK: 3 }, logits(3, 2, 1, 1, 1, 0))).toEqual([0, 1, 2, 3, 4]);
    expect(kept({ topK: 2 }, logits(3, 2, 1, 1, 1, 0))).toEqual([0, 1]);
    expect(kept({ topK: 50 }, logits(3, 2, 1))).toEqual([0, 1, 2]);
    expect(kept({ topK: 1 }, logits(0, 5, 5))).toEqual([1, 2]);
  });

  it("top-p keeps the fewest tokens that reach it, and always one", () => {
    const values = probabilities(0.1, 0.5, 0.15, 0.25);
    expect(kept({ topP: 0 }, values)).toEqual([1]);
    expect(kept({ topP: 0.4 }, values)).toEqual([1]);
    expect(kept({ topP: 0.6 }, values)).toEqual([1, 3]);
    expect(kept({ topP: 0.8 }, values)).toEqual([1, 2, 3]);
    expect(kept({ topP: 0.95 }, values)).toEqual([0, 1, 2, 3]);
  });

  it("top-p stops where it is reached exactly, and drops low ids first among equals", () => {
    expect(kept({ topP: 0.25 }, logits(1, 1, 1, 1, 1, 1, 1, 1))).toEqual([6, 7]);
    expect(kept({ topP: 0.5 }, logits(1, 1, 1, 1))).toEqual([2, 3]);
  });

  it("min-p is relative to the most probable token", () => {
    const values = probabilities(0.5, 0.26, 0.24, 0.001);
    expect(kept({ minP: 0.5 }, values)).toEqual([0, 1]);
    expect(kept({ minP: 1 }, values)).toEqual([0]);
    expect(kept({ minP: 0.4 }, values)).toEqual([0, 1, 2]);
  });

  it("act in the order temperature, top-k, top-p, min-p", () => {
    // Before temperature 0.5 the first token has 0.4, after it 0.16 / 0.3 = 0.53.
    const values = probabilities(0.4, 0.3, 0.2, 0.1);
    expect(kept({ topP: 0.5 }, values)).toEqual([0, 1]);
    expect(kept({ topP: 0.5, temperature: 0.5 }, values)).toEqual([0]);
    // Of two tokens the first has 0.57.
    expect(kept({ topP: 0.5, topK: 2 }, values)).toEqual([0]);
    expect(kept({ repetitionPenalty: 3, topK: 1 }, logits(3, 2, 1), [0])).toEqual([1]);
  });

  it("leave out what is impossible", () => {
    expect(kept({ topK: 3 }, logits(-Infinity, 1, -Infinity))).toEqual([1]);
    expect(kept({}, logits(-Infinity, 1, 0))).toEqual([1, 2]);
  });

  it("divide in float32, as tensors do", () => {
    // Distinct logits that the division makes equal: the third then survives top-k with the second.
    const values = logits(100, 12.5308094, 12.5308104, 1);
    expect(values[1]).toBeLessThan(values[2]);
    expect(kept({ topK: 2 }, values)).toEqual([0, 2]);
    expect(kept({ topK: 2, temperature: 0.7 }, values)).toEqual([0, 1, 2]);
  });

  it("agree with a slow implementation on any logits", () => {
    const value = fc.oneof(
      fc.float({ min: -12, max: 12, noNaN: true }),
      fc.integer({ min: -3, max: 3 }),
      fc.constant(-Infinity),
    );
    const options = fc.record({
      temperature: fc.constantFrom(1, 0.5, 0.8, 1.7),
      topK: fc.constantFrom(0, 1, 2, 5, 50),
      topP: fc.constantFrom(0, 0.3, 0.5, 0.9, 0.95, 1),
      minP: fc.constantFrom(0, 0.02, 0.3, 1),
      repetitionPenalty: fc.constantFrom(1, 1.3, 0.7),
    });
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 2, maxLength: 40 }),
        options,
        fc.array(fc.nat(1)),
        (list, given, prompt) => {
          const values = Float32Array.from(list);
          fc.pre(values.some((score) => score > -Infinity));
          const before = values.slice();
          const { tokens, probabilities: found } = new Sampler(settings(given), prompt).distribution(values);
          expect(values).toEqual(before);
          const expected = slowly(given, values, prompt);
          // Where a bound is met to rounding, either answer is right.
          fc.pre(!meetsTopP(given, values, prompt) && !meetsMinP(given, values, prompt));
          expect([...tokens]).toEqual([...expected.keys()].filter((token) => expected[token] > 0));
          tokens.forEach((token, index) => {
            expect(found[index]).toBeCloseTo(expected[token], 12);
          });
        },
      ),
      { numRuns: 2000 },
    );
  });

  /** Whether some set of most probable tokens has topP of the probability, to rounding. */
  function meetsTopP(given: GenerationOptions, values: Float32Array, prompt: number[]): boolean {
    if (given.topP === 0 || given.topP === 1) return false;
    const ascending = slowly({ ...given, topP: 1, minP: 0 }, values, prompt).sort((a, b) => a - b);
    let sum = 0;
    return ascending.some((probability) => {
      sum += probability;
      return Math.abs(sum - (1 - given.topP!)) < 1e-12;
    });
  }

  /** Whether some token has minP of the largest probability, to rounding but not exactly. */
  function meetsMinP(given: GenerationOptions, values: Float32Array, prompt: number[]): boolean {
    const all = slowly({ ...given, topP: 1, topK: 0, minP: 0 }, values, prompt);
    const most = Math.max(...all);
    return all.some((probability, token) => {
      const distance = Math.abs(probability / most - given.minP!);
      return distance < 1e-12 && values[token] !== values[all.indexOf(most)];
    });
  }

  it("agree with it on a large vocabulary", () => {
    let state = 1;
    const values = Float32Array.from({ length: 50_000 }, () => {
      state = (state * 48271) % 2147483647;
      return Math.fround((state / 2147483647) * 14 - 7);
    });
    for (const options of [
      { topK: 50 },
      { topP: 0.9 },
      { topK: 1000, topP: 0.5, minP: 0.1, temperature: 0.8 },
    ]) {
      const expected = slowly(options, values, []);
      expect(kept(options, values)).toEqual([...expected.keys()].filter((token) => expected[token] > 0));
    }
  });
});

describe("sampling", () => {
  it("draws in proportion to the probabilities", () => {
    const shares = [0.05, 0.3, 0.02, 0.4, 0.13, 0.1];
    const sampler = new Sampler(settings({ seed: 3 }));
    const counts = shares.map(() => 0);
    const draws = 40_000;
    const values = probabilities(...shares);
    for (let draw = 0; draw < draws; draw++) counts[sampler.next(values)]++;
    const chiSquare = shares.reduce(
      (sum, share, token) => sum + (counts[token] - share * draws) ** 2 / (share * draws),
      0,
    );
    // Five degrees of freedom: 0.1 % lie above 20.5.
    expect(chiSquare).toBeLessThan(20.5);
  });

  it("draws survivors only, the same for the same seed, and not for another", () => {
    const value = fc.array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: 3, maxLength: 30 });
    fc.assert(
      fc.property(value, fc.maxSafeNat(), (list, seed) => {
        const values = Float32Array.from(list);
        const options = { seed, topK: 5, topP: 0.9, temperature: 0.8 };
        const draws = (from: Sampler) => Array.from({ length: 8 }, () => from.next(values));
        const drawn = draws(new Sampler(settings(options)));
        expect(draws(new Sampler(settings(options)))).toEqual(drawn);
        const possible = kept(options, values);
        for (const token of drawn) expect(possible).toContain(token);
      }),
    );
    const flat = new Float32Array(1000);
    const first = (seed: number) => {
      const sampler = new Sampler(settings({ seed }));
      return Array.from({ length: 4 }, () => sampler.next(flat));
    };
    expect(first(1)).not.toEqual(first(2));
  });

  it("looking at the distribution does not change what is drawn", () => {
    const values = probabilities(0.2, 0.3, 0.5);
    const [looked, plain] = [new Sampler(settings({})), new Sampler(settings({}))];
    for (let step = 0; step < 20; step++) {
      looked.distribution(values);
      expect(looked.next(values)).toBe(plain.next(values));
    }
  });

  it("never draws what has no probability, even where it underflows", () => {
    const sampler = new Sampler(settings({}));
    for (let draw = 0; draw < 200; draw++) expect(sampler.next(logits(-2000, 0, 0, -2000))).toBeOneOf([1, 2]);
  });

  it("refuses logits that leave nothing to choose", () => {
    const fresh = () => new Sampler(settings({}));
    expect(() => fresh().next(logits(1, Number.NaN))).toThrow(/token 1 is NaN/);
    expect(() => fresh().next(logits(-Infinity, -Infinity))).toThrow(/all logits are -Infinity/);
    expect(() => fresh().next(logits(0, Infinity))).toThrow(SparseLensError);
    expect(() => new Sampler(settings({ repetitionPenalty: 2 }), [5]).next(logits(0, 1))).toThrow(/token 5/);
  });
});
