import fc from "fast-check";
import { expect, test } from "vitest";
import type { Kernels } from "../../../src/engine/kernels.js";
import { project } from "../../support/projection.js";
import { compress, place, store, toBlocks } from "./compressed.js";
import { compare, exact, expectClose, fast, plain, Random, runOn, type Sandbox } from "./sandbox.js";

const everyone = [exact, plain, ...fast];
const roundUp4 = (n: number) => (n + 3) & ~3;
const SPARED = 0x7fffffff;

interface Settings {
  scale: number;
  beta1: number;
  beta2: number;
  keep: number;
  rate: number;
  epsilon: number;
  correction: number;
}

interface Moments {
  w: number;
  g: number;
  m: number;
  v: number;
}

/** As the kernels want them; all exact in float32, so that every precision computes with the same. */
function settingsArray({ scale, beta1, beta2, keep, rate, epsilon, correction }: Settings): number[] {
  return [scale, beta1, 1 - beta1, beta2, 1 - beta2, keep, rate, epsilon, correction].map(Math.fround);
}

/** One weight's step of AdamW, and the size of what was added up in it. */
function adamw(settings: number[], { w, g, m, v }: Moments) {
  const [scale, b1, c1, b2, c2, keep, rate, epsilon, correction] = settings;
  const first = b1 * m + c1 * scale * g;
  const second = b2 * v + c2 * (scale * g) ** 2;
  const divisor = Math.sqrt(second) * correction + epsilon;
  const size = Math.abs(b1 * m) + Math.abs(c1 * scale * g);
  return {
    w: keep * w - (rate * first) / divisor,
    m: first,
    v: second,
    scales: { w: Math.abs(keep * w) + (Math.abs(rate) * size) / divisor, m: size, v: second },
  };
}

const settings = fc.record<Settings>({
  scale: fc.constantFrom(1, 0.37, 500),
  beta1: fc.constantFrom(0, 0.8, 0.9),
  beta2: fc.constantFrom(0, 0.95, 0.999),
  keep: fc.constantFrom(1, 0.999),
  rate: fc.constantFrom(1e-3, 0.08),
  epsilon: fc.constantFrom(1e-8, 0.1),
  correction: fc.constantFrom(1, 4.47),
});

function drawMoments(random: Random, count: number): Moments[] {
  const gradientSize = 10 ** -random.below(4);
  return Array.from({ length: count }, () => ({
    w: random.normal(),
    g: Math.fround(random.normal() * gradientSize),
    m: Math.fround(random.normal() * gradientSize),
    v: Math.fround((random.normal() * gradientSize) ** 2),
  }));
}

const column = (moments: readonly Moments[], key: keyof Moments) => moments.map((one) => one[key]);

test("adamw", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), settings, fc.integer(), (n, drawn, seed) => {
      const moments = drawMoments(new Random(seed), n);
      const array = settingsArray(drawn);
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const whole = roundUp4(n);
        const [w, m, v] = (["w", "m", "v"] as const).map((key) =>
          sandbox.floats(column(moments, key), whole),
        );
        const g = sandbox.floats(column(moments, "g"), whole);
        const numbers = sandbox.floats(array);
        const writable = [w, m, v].map((pointer) => sandbox.area(pointer, whole));
        sandbox.guarded(writable, () => kernels.adamw(w, g, m, v, n, numbers));
        return [w, m, v].map((pointer) => sandbox.readFloats(pointer, n));
      };
      const expected = moments.map((moment) => adamw(array, moment));
      (["w", "m", "v"] as const).forEach((key, i) => {
        const scale = expected.map(({ scales }) => scales[key]);
        expectClose(
          runOn(exact, run)[i],
          expected.map((after) => after[key]),
          1e-14,
          scale,
        );
        compare(run, (actual, reference) => expectClose(actual[i], reference[i], 1e-6, scale));
      });
    }),
  );
});

test("adamw: moments that are all but zero become zero", () => {
  const array = settingsArray({
    ...{ scale: 1, beta1: 0.5, beta2: 0.5, keep: 0.5, rate: 1, epsilon: 1, correction: 1 },
  });
  const m = [1.9e-30, -1.9e-30, 2.1e-30, -2.1e-30, 1e-38, -1e-45, 0, 0];
  const v = [1.9e-30, 2.1e-30, 1e-38, 1e-45, 0, 0, 4, 0];
  const w = [1, 1, 1, 1, 1, 1, -1, 0];
  const g = w.map(() => 0);
  for (const subject of everyone) {
    const [weight, first, second] = runOn(subject, (kernels, sandbox) => {
      const numbers = sandbox.floats(array);
      const [w0, g0, m0, v0] = [w, g, m, v].map((values) => sandbox.floats(values));
      kernels.adamw(w0, g0, m0, v0, 8, numbers);
      return [w0, m0, v0].map((pointer) => sandbox.readFloats(pointer, 8));
    });
    const rounded = (values: number[]) => (subject === exact ? values : values.map(Math.fround));
    const isKept = (value: number) => Math.abs(value) > 2e-30;
    expectClose(first, rounded(m.map((value) => (isKept(value) ? value / 2 : 0))), 1e-36);
    expectClose(second, rounded(v.map((value) => (isKept(value) ? value / 2 : 0))), 1e-36);
    expect(first.map((value) => value === 0)).toEqual(m.map((value) => !isKept(value)));
    expect(second.map((value) => value === 0)).toEqual(v.map((value) => !isKept(value)));
    expectClose(weight, [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, -0.5, 0], 1e-7);
  }
});

const matrices = fc.record({
  rows: fc.integer({ min: 1, max: 40 }),
  columns: fc.integer({ min: 1, max: 70 }),
  density: fc.constantFrom(0, 0.02, 0.2, 1),
  seed: fc.integer(),
});

function drawMatrix(random: Random, rows: number, columns: number, density: number): number[][] {
  return Array.from({ length: rows }, () =>
    Array.from({ length: columns }, () => (random.next() < density ? random.normal() : 0)),
  );
}

test("gather_nonzeros lists the weights of nonzeros, scatter_nonzeros writes them back, and nothing elsewhere", () => {
  fc.assert(
    fc.property(matrices, ({ rows, columns, density, seed }) => {
      const random = new Random(seed);
      const listed = compress(drawMatrix(random, rows, columns, density));
      const places = listed.pointers
        .slice(1)
        .flatMap((end, i) =>
          listed.indices.slice(listed.pointers[i], end).map((column) => place(rows, i, column)),
        );
      const size = rows * Math.ceil(columns / 32) * 32;
      const weights = random.normals(size).map(Math.fround);
      for (const subject of everyone) {
        runOn(subject, (kernels, sandbox) => {
          const bytes = sandbox.floatBytes;
          const [pointers, indices] = store(sandbox, listed);
          const [w, other] = [sandbox.floats(weights), sandbox.floats([], size)];
          const values = sandbox.floats([], places.length);
          sandbox.guarded([sandbox.area(values, places.length)], () =>
            kernels.gather_nonzeros(values, w, pointers, indices, rows),
          );
          expect(sandbox.readFloats(values, places.length)).toEqual(places.map((at) => weights[at]));
          const writable = places.map((at) => sandbox.area(other + at * bytes, 1));
          sandbox.guarded(writable, () => kernels.scatter_nonzeros(other, values, pointers, indices, rows));
          const after = sandbox.readFloats(other, size);
          expect(places.map((at) => after[at])).toEqual(places.map((at) => weights[at]));
          return null;
        });
      }
    }),
    { numRuns: 60 },
  );
});

test("replace_zeros leaves no zero, of either sign, and nothing else changed", () => {
  const weights = [0, -0, 1, -1, 1e-30, -1e-38, 0.5, 0];
  for (const subject of everyone) {
    const after = runOn(subject, (kernels, sandbox) => {
      const w = sandbox.floats(weights);
      sandbox.guarded([sandbox.area(w, 8)], () => kernels.replace_zeros(w, 7));
      return sandbox.readFloats(w, 8);
    });
    const rounded = subject === exact ? weights : weights.map(Math.fround);
    const tiny = subject === exact ? 1e-30 : Math.fround(1e-30);
    expect(after, subject.name).toEqual(rounded.map((value) => (value === 0 ? tiny : value)));
  }
});

const bitsOf = (value: number) => new Int32Array(new Float32Array([value]).buffer)[0];

function readRanks(sandbox: Sandbox, pointer: number, count: number): number[] {
  return [...new Int32Array(sandbox.memory.buffer, pointer, count)];
}

test("rank_magnitudes: ranks are in the order of the magnitudes", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 80 }), fc.integer(), (n, seed) => {
      const random = new Random(seed);
      const special = [0, -0, 1e-45, -1e-45, 3e38, Number.NEGATIVE_INFINITY, -1, 1];
      const w = random
        .normals(roundUp4(n))
        .map((value) => Math.fround(random.next() < 0.3 ? special[random.below(8)] : value));
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const weights = sandbox.floats(w);
        const ranks = sandbox.u32(new Array(roundUp4(n)).fill(7));
        sandbox.guarded([{ pointer: ranks, bytes: 4 * roundUp4(n) }], () =>
          kernels.rank_magnitudes(ranks, weights, n),
        );
        return readRanks(sandbox, ranks, n);
      };
      const ranks = w.slice(0, n).map((value) => bitsOf(Math.abs(value)));
      for (const subject of everyone) expect(runOn(subject, run), subject.name).toEqual(ranks);
      for (let i = 1; i < n; i++) {
        expect(Math.sign(ranks[i] - ranks[i - 1])).toBe(Math.sign(Math.abs(w[i]) - Math.abs(w[i - 1])) || 0);
      }
    }),
  );
});

/** Weights of which many are equal, or none. */
function drawWeights(random: Random, count: number, density: number, hasTies: boolean): number[] {
  return Array.from({ length: count }, () => {
    if (random.next() >= density) return 0;
    const sign = random.next() < 0.5 ? -1 : 1;
    return hasTies ? sign * (1 + random.below(3)) : random.normal() * 10 ** (random.below(7) - 3);
  }).map(Math.fround);
}

const floors = fc.record({
  rows: fc.integer({ min: 1, max: 20 }),
  columns: fc.integer({ min: 1, max: 70 }),
  density: fc.constantFrom(0, 0.05, 0.3, 1),
  hasTies: fc.boolean(),
  minimum: fc.nat(6),
  side: fc.constantFrom("row" as const, "column" as const),
  seed: fc.integer(),
});

const sliced = (values: number[], width: number) =>
  Array.from({ length: values.length / width }, (_, i) => values.slice(i * width, (i + 1) * width));

test("spare_rows and spare_columns: the j highest of each beside those that are spared, of equal ones the first", () => {
  fc.assert(
    fc.property(floors, ({ rows, columns, density, hasTies, minimum, side, seed }) => {
      const random = new Random(seed);
      const weights = drawWeights(random, rows * columns, density, hasTies);
      const matrix = sliced(
        weights.map((value) => (random.next() < 0.05 ? SPARED : bitsOf(Math.abs(value)))),
        columns,
      );
      const blocks = toBlocks(matrix);
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const ranks = sandbox.u32(blocks);
        const spare = side === "row" ? kernels.spare_rows : kernels.spare_columns;
        sandbox.guarded([{ pointer: ranks, bytes: 4 * blocks.length }], () =>
          spare(ranks, rows, columns, minimum),
        );
        return readRanks(sandbox, ranks, blocks.length);
      };
      const lines =
        side === "row"
          ? matrix.map((row, i) => row.map((rank, j) => ({ rank, at: place(rows, i, j) })))
          : matrix[0].map((_, j) => matrix.map((row, i) => ({ rank: row[j], at: place(rows, i, j) })));
      const expected = blocks.slice();
      for (const line of lines) {
        const highest = line
          .filter(({ rank }) => rank > 0 && rank !== SPARED)
          .sort((a, b) => b.rank - a.rank);
        for (const { at } of highest.slice(0, minimum)) expected[at] = SPARED;
      }
      for (const subject of everyone) expect(runOn(subject, run), subject.name).toEqual(expected);
    }),
  );
});

const selections = fc.record({
  sixteens: fc.integer({ min: 1, max: 40 }),
  density: fc.constantFrom(0, 0.05, 0.5, 1),
  hasTies: fc.boolean(),
  /** k as a part of n; also less than none and more than all. */
  part: fc.oneof(fc.constantFrom(-0.1, 0, 1, 1.1), fc.double({ min: 0, max: 1, noNaN: true })),
  seed: fc.integer(),
});

test("keep_highest keeps the k highest, of equal ones the first, whatever the guess", () => {
  fc.assert(
    fc.property(selections, ({ sixteens, density, hasTies, part, seed }) => {
      const n = 16 * sixteens;
      const random = new Random(seed);
      const k = Math.round(part * n);
      const w = drawWeights(random, n, density, hasTies);
      const ranks = w.map((value) =>
        value !== 0 && random.next() < 0.05 ? SPARED : bitsOf(Math.abs(value)),
      );
      const order = ranks.map((_, i) => i).sort((a, b) => ranks[b] - ranks[a] || a - b);
      const kept = new Set(order.slice(0, Math.max(0, k)));
      const expected = w.map((value, i) => (kept.has(i) ? value : 0) + 0);
      const border = k > 0 && k < n ? ranks[order[k - 1]] : 0;
      const guesses = [
        ...[0, border, Math.max(1, border - 1000), Math.min(SPARED, border + 1000)],
        ...[border >> 1, 1, SPARED, -1, -(2 ** 31), 0x7f800000, random.below(2 ** 31)],
      ];
      for (const subject of everyone) {
        for (const guess of guesses) {
          const [actual, threshold] = runOn(subject, (kernels, sandbox) => {
            const weights = sandbox.floats(w);
            const ranked = sandbox.u32(ranks);
            const threshold = sandbox.guarded([sandbox.area(weights, n)], () =>
              kernels.keep_highest(weights, ranked, n, k, guess),
            );
            return [sandbox.readFloats(weights, n).map((value) => value + 0), threshold];
          });
          expect(actual, `${subject.name}, guess ${guess}`).toEqual(expected);
          // Between the rank of the last that is kept and that of the first that is not.
          const next = k > 0 && k < n ? ranks[order[k]] : 0;
          expect(threshold).toBeLessThanOrEqual(border);
          expect(threshold).toBeGreaterThanOrEqual(Math.min(next, border));
        }
      }
    }),
    { numRuns: 60 },
  );
});

test("ranks, floors and selection together are the projection by its definition", () => {
  fc.assert(
    fc.property(floors, fc.double({ min: 0, max: 1, noNaN: true }), (drawn, fraction) => {
      const { rows, columns, density, hasTies, minimum, side, seed } = drawn;
      const weights = drawWeights(new Random(seed), rows * columns, density, hasTies);
      const matrix = sliced(weights, columns);
      const lines = side === "row" ? matrix : matrix[0].map((_, j) => matrix.map((row) => row[j]));
      const nonzeros = (line: number[]) => line.filter((value) => value !== 0).length;
      const spared = lines.reduce((sum, line) => sum + Math.min(minimum, nonzeros(line)), 0);
      const kept = Math.max(1, spared, Math.floor(fraction * weights.length));
      const blocks = toBlocks(matrix);
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const n = Math.ceil(blocks.length / 16) * 16;
        const w = sandbox.floats(blocks);
        const ranks = sandbox.u32(new Array(n).fill(0));
        kernels.rank_magnitudes(ranks, w, n);
        const spare = side === "row" ? kernels.spare_rows : kernels.spare_columns;
        spare(ranks, rows, columns, minimum);
        kernels.keep_highest(w, ranks, n, kept, 0);
        return sandbox.readFloats(w, blocks.length).map((value) => value + 0);
      };
      const expected = toBlocks(sliced(project(weights, columns, kept, { side, minimum }), columns));
      for (const subject of everyone) expect(runOn(subject, run), subject.name).toEqual(expected);
    }),
    { numRuns: 200 },
  );
});
