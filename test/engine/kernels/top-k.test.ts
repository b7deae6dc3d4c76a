import fc from "fast-check";
import { expect, test } from "vitest";
import type { Kernels } from "../../../src/engine/kernels.js";
import { compare, exact, fast, plain, Random, runOn, type Sandbox } from "./sandbox.js";

const vectors = fc
  .record({
    n: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 41, max: 600 })),
    kind: fc.constantFrom("normal", "ties", "signs", "zeros", "sparse", "huge range", "outlier", "denormal"),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    edge: fc.constantFrom("none", "zero", "negative", "one", "all but one", "all", "more"),
    seed: fc.integer(),
  })
  .map(({ n, kind, share, edge, seed }) => {
    const edges = {
      none: Math.floor(share * n),
      zero: 0,
      negative: -3,
      one: 1,
      "all but one": n - 1,
      all: n,
      more: n + 5,
    };
    return { n, k: edges[edge], kind, seed };
  });

function draw(kind: string, random: Random): number {
  const normal = random.normal();
  switch (kind) {
    case "ties":
      return Math.round(normal * 2) / 2 || 0;
    case "signs":
      return Math.sign(normal);
    case "zeros":
      return normal > 0 ? 0 : -0;
    case "sparse":
      return random.next() < 0.1 ? normal : 0;
    case "huge range":
      return Math.fround(normal * 10 ** (random.below(70) - 35));
    case "outlier":
      return random.next() < 0.02 ? Math.fround(normal * 1e30) : normal;
    case "denormal":
      return random.below(5) * 2 ** -149;
    default:
      return normal;
  }
}

/** By definition: sort by magnitude, then by index, and keep the first k that are not zero. */
function bySorting(x: number[], k: number): number[] {
  const order = x.map((_, i) => i).sort((a, b) => Math.abs(x[b]) - Math.abs(x[a]) || a - b);
  const kept = new Set(order.slice(0, Math.max(k, 0)));
  return x.map((value, i) => (kept.has(i) ? value + 0 : 0));
}

const indicesOfNonzeros = (x: number[]) => x.flatMap((value, i) => (value === 0 ? [] : [i]));
/** -0 is a zero like any other. */
const unsigned = (x: number[]) => x.map((value) => value + 0);
const padding = (n: number) => new Array<number>(-n & 15).fill(0);

function vector(x: number[], act: (kernels: Kernels, x: number, active: number) => number) {
  return (kernels: Kernels, sandbox: Sandbox) => {
    const pointer = sandbox.floats([...x, ...padding(x.length)]);
    const active = sandbox.u16([], (x.length + 3 + 3) & ~3);
    const list = { pointer: active, bytes: 2 * ((x.length + 3 + 3) & ~3) };
    const area = sandbox.area(pointer, x.length + padding(x.length).length);
    const count = sandbox.guarded([area, list], () => act(kernels, pointer, active));
    const all = unsigned(sandbox.readFloats(pointer, area.bytes / sandbox.floatBytes));
    return {
      kept: all.slice(0, x.length),
      padding: all.slice(x.length),
      list: sandbox.readU16(active, count),
    };
  };
}

test("abs_top_k keeps the k largest, of equal ones the first, and lists them", () => {
  fc.assert(
    fc.property(vectors, ({ n, k, kind, seed }) => {
      const random = new Random(seed);
      const x = Array.from({ length: n }, () => draw(kind, random));
      const kept = bySorting(x, k);
      const expected = { kept: unsigned(kept), padding: padding(n), list: indicesOfNonzeros(kept) };
      const run = vector(x, (kernels, pointer, active) => kernels.abs_top_k(pointer, n, k, active));
      for (const subject of [exact, plain, ...fast])
        expect(runOn(subject, run), subject.name).toEqual(expected);
    }),
    { numRuns: 400 },
  );
});

test("abs_top_k at the size of a large model's MLP", () => {
  const random = new Random(7);
  const x = random.normals(8192);
  const run = vector(x, (kernels, pointer, active) => kernels.abs_top_k(pointer, 8192, 2048, active));
  const kept = bySorting(x, 2048);
  for (const subject of [plain, ...fast]) {
    expect(runOn(subject, run)).toEqual({ kept, padding: [], list: indicesOfNonzeros(kept) });
  }
});

const names = ["normal", "ties", "signs", "zeros", "sparse", "huge range", "outlier", "denormal"];
/** Of each token of a panel, which kind of numbers it has. */
const lanes = fc.array(fc.nat(names.length - 1), { minLength: 32, maxLength: 32 });

function drawPanel(n: number, kinds: readonly number[], random: Random): number[] {
  return Array.from({ length: n }, () => kinds.map((kind) => draw(names[kind], random))).flat();
}

test("abs_top_k_panel does the same for each token", () => {
  fc.assert(
    fc.property(vectors, lanes, ({ n, k, seed }, kinds) => {
      const random = new Random(seed);
      const panel = drawPanel(n, kinds, random);
      const expected = new Array<number>(n * 32);
      for (let lane = 0; lane < 32; lane++) {
        const token = panel.filter((_, i) => i % 32 === lane);
        bySorting(token, k).forEach((value, i) => {
          expected[i * 32 + lane] = value + 0;
        });
      }
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const pointer = sandbox.floats(panel);
        sandbox.guarded([sandbox.area(pointer, n * 32)], () => kernels.abs_top_k_panel(pointer, n, k));
        return unsigned(sandbox.readFloats(pointer, n * 32));
      };
      for (const subject of [exact, plain, ...fast])
        expect(runOn(subject, run), subject.name).toEqual(expected);
    }),
    { numRuns: 60 },
  );
});

test("abs_top_k_some_panel does it for the features that are asked for, and leaves the others", () => {
  fc.assert(
    fc.property(vectors, lanes, ({ n, k, seed }, kinds) => {
      const random = new Random(seed);
      const panel = drawPanel(n, kinds, random);
      const masks = Array.from({ length: n }, () => [0, 0, 1, 0.5][random.below(4)]);
      const expected = panel.map((value) => value + 0);
      for (let lane = 0; lane < 32; lane++) {
        bySorting(
          panel.filter((_, i) => i % 32 === lane),
          k,
        ).forEach((value, i) => {
          if (masks[i] !== 0) expected[i * 32 + lane] = value + 0;
        });
      }
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const [pointer, asked] = [sandbox.floats(panel), sandbox.floats(masks)];
        sandbox.guarded([sandbox.area(pointer, n * 32)], () =>
          kernels.abs_top_k_some_panel(pointer, n, k, asked),
        );
        return unsigned(sandbox.readFloats(pointer, n * 32));
      };
      for (const subject of [exact, plain, ...fast])
        expect(runOn(subject, run), subject.name).toEqual(expected);
    }),
    { numRuns: 60 },
  );
});

test("list_nonzeros lists and changes nothing", () => {
  fc.assert(
    fc.property(vectors, ({ n, kind, seed }) => {
      const random = new Random(seed);
      const x = Array.from({ length: n }, () => draw(kind, random));
      const run = vector(x, (kernels, pointer, active) => kernels.list_nonzeros(pointer, n, active));
      const expected = { kept: unsigned(x), padding: padding(n), list: indicesOfNonzeros(x) };
      for (const subject of [exact, plain, ...fast])
        expect(runOn(subject, run), subject.name).toEqual(expected);
    }),
  );
});

test("NaN and infinity count as largest, in every kernel alike", () => {
  fc.assert(
    fc.property(vectors, ({ n, k, seed }) => {
      const random = new Random(seed);
      const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      const x = Array.from({ length: n }, () =>
        random.next() < 0.2 ? special[random.below(3)] : random.normal(),
      );
      const single = vector(x, (kernels, pointer, active) => kernels.abs_top_k(pointer, n, k, active));
      compare(single, (actual, expected) => expect(actual).toEqual(expected));
      const panel = (kernels: Kernels, sandbox: Sandbox) => {
        const pointer = sandbox.floats(x.flatMap((value) => new Array<number>(32).fill(value)));
        kernels.abs_top_k_panel(pointer, n, k);
        return sandbox.readFloats(pointer, n * 32);
      };
      compare(panel, (actual, expected) => expect(actual).toEqual(expected));
    }),
    { numRuns: 40 },
  );
});
