import fc from "fast-check";
import { expect, test } from "vitest";
import type { Kernels } from "../../../src/engine/kernels.js";
import { complementaryErrorFunction } from "../../../src/engine/reference/error-function.js";
import { compare, exact, expectClose, fast, plain, Random, runOn, type Sandbox } from "./sandbox.js";

const everyone = [exact, plain, ...fast];
const sizes = fc.integer({ min: 1, max: 130 });
const padTo = (multiple: number, x: number[]) => [
  ...x,
  ...new Array<number>(-x.length & (multiple - 1)).fill(0),
];

/** Runs an in-place kernel on a vector padded with zeros to a multiple of 16. */
function inPlace(x: number[], act: (kernels: Kernels, x: number) => void) {
  return (kernels: Kernels, sandbox: Sandbox) => {
    const padded = padTo(16, x);
    const pointer = sandbox.floats(padded);
    sandbox.guarded([sandbox.area(pointer, padTo(4, x).length)], () => act(kernels, pointer));
    expect(sandbox.readFloats(pointer, padded.length).slice(x.length)).toEqual(padded.slice(x.length));
    return sandbox.readFloats(pointer, x.length);
  };
}

test("erfc agrees with 40-digit arithmetic", () => {
  // Computed with mpmath.
  const table = [
    [0, 1],
    [1e-8, 0.9999999887162083],
    [0.1, 0.887537083981715],
    [0.5, 0.4795001221869535],
    [1, 0.15729920705028513],
    [1.5, 0.033894853524689274],
    [2, 0.004677734981047266],
    [2.4999, 0.0004071699003334514],
    [-0.3, 1.3286267594591274],
    [-2, 1.9953222650189528],
    [-6, 2],
  ];
  for (const [x, expected] of table) {
    expect(Math.abs(complementaryErrorFunction(x) - expected), `erfc(${x})`).toBeLessThan(1e-15);
  }
  const tail = [
    [2.5, 0.0004069520174449589],
    [3, 2.209049699858544e-5],
    [4, 1.541725790028002e-8],
    [5, 1.537459794428035e-12],
    [8, 1.1224297172982926e-29],
    [15, 7.212994172451207e-100],
    [26, 5.663192408856143e-296],
  ];
  for (const [x, expected] of tail) {
    expect(Math.abs(complementaryErrorFunction(x) / expected - 1), `erfc(${x})`).toBeLessThan(2e-15);
  }
  expect(complementaryErrorFunction(Number.POSITIVE_INFINITY)).toBe(0);
  expect(complementaryErrorFunction(Number.NEGATIVE_INFINITY)).toBe(2);
  expect(complementaryErrorFunction(Number.NaN)).toBeNaN();
});

/** x Φ(x), the normal density integrated by Simpson's rule. */
function geluByQuadrature(x: number): number {
  const steps = 2000;
  const h = x / steps;
  let sum = 0;
  for (let i = 0; i <= steps; i++) {
    const weight = i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2;
    sum += weight * Math.exp(-((i * h) ** 2) / 2);
  }
  return x * (0.5 + (sum * h) / 3 / Math.sqrt(2 * Math.PI));
}

test("gelu is x Φ(x)", () => {
  fc.assert(
    fc.property(sizes, fc.constantFrom(0.01, 1, 4), fc.integer(), (n, size, seed) => {
      const x = new Random(seed).normals(n).map((value) => Math.fround(value * size));
      const run = inPlace(x, (kernels, pointer) => kernels.gelu(pointer, n));
      const scale = x.map((value) => Math.max(1, Math.abs(value)));
      expectClose(runOn(exact, run), x.map(geluByQuadrature), 1e-12, scale);
      compare(run, (actual, expected) => expectClose(actual, expected, 3e-7, scale));
    }),
    { numRuns: 60 },
  );
});

test("gelu far out: itself, zero, NaN", () => {
  const x = [0, 30, 1e30, Number.POSITIVE_INFINITY, -30, -1e30, Number.NaN];
  const run = inPlace(x, (kernels, pointer) => kernels.gelu(pointer, x.length));
  for (const subject of everyone) {
    const [zero, ...others] = runOn(subject, run);
    expect(zero + 0).toBe(0);
    const positive = subject === exact ? 1e30 : Math.fround(1e30);
    expect(others.slice(0, 3), subject.name).toEqual([30, positive, Number.POSITIVE_INFINITY]);
    expect(Math.abs(others[3])).toBeLessThan(1e-30);
    expect(others[4] + 0).toBe(0);
    expect(others[5]).toBeNaN();
  }
});

test("relu", () => {
  fc.assert(
    fc.property(sizes, fc.integer(), (n, seed) => {
      const random = new Random(seed);
      const special = [0, -0, Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
      const x = random.normals(n).map((value) => (random.next() < 0.1 ? special[random.below(5)] : value));
      const run = inPlace(x, (kernels, pointer) => kernels.relu(pointer, n));
      const expected = x.map((value) => (value <= 0 ? 0 : value));
      for (const subject of everyone) expect(runOn(subject, run), subject.name).toEqual(expected);
    }),
  );
});

test("add, also of a vector to itself", () => {
  fc.assert(
    fc.property(sizes, fc.boolean(), fc.integer(), (n, itself, seed) => {
      const random = new Random(seed);
      const [y, x] = [random.normals(n), random.normals(n)];
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const target = sandbox.floats(y);
        const source = itself ? target : sandbox.floats(x);
        sandbox.guarded([sandbox.area(target, n)], () => kernels.add(target, source, n));
        return sandbox.readFloats(target, n);
      };
      const sum = y.map((value, i) => value + (itself ? value : x[i]));
      expect(runOn(exact, run)).toEqual(sum);
      for (const subject of [plain, ...fast]) expect(runOn(subject, run)).toEqual(sum.map(Math.fround));
    }),
  );
});

test("sum", () => {
  fc.assert(
    fc.property(sizes, fc.integer(), (n, seed) => {
      const random = new Random(seed);
      const [a, b] = [random.normals(n).map(Math.fround), random.normals(n).map(Math.fround)];
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const target = sandbox.floats([], n);
        const [first, second] = [sandbox.floats(a), sandbox.floats(b)];
        sandbox.guarded([sandbox.area(target, n)], () => kernels.sum(target, first, second, n));
        return sandbox.readFloats(target, n);
      };
      const sums = a.map((value, i) => value + b[i]);
      expect(runOn(exact, run)).toEqual(sums);
      for (const subject of [plain, ...fast]) expect(runOn(subject, run)).toEqual(sums.map(Math.fround));
    }),
  );
});

test("copy and zero, byte by byte and with overlap", () => {
  fc.assert(
    fc.property(fc.nat(100), fc.nat(100), fc.nat(100), fc.integer(), (from, to, bytes, seed) => {
      const random = new Random(seed);
      const halves = Array.from({ length: 100 }, () => random.below(65536));
      const moved = new Uint8Array(new Uint16Array(halves).buffer);
      moved.copyWithin(to, from, from + bytes);
      const cleared = moved.slice().fill(0, to, to + bytes);
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const base = sandbox.u16(halves);
        const writable = [{ pointer: base + to, bytes }];
        const read = () => new Uint8Array(sandbox.memory.buffer, base, 200).slice();
        sandbox.guarded(writable, () => kernels.copy(base + to, base + from, bytes));
        const first = read();
        sandbox.guarded(writable, () => kernels.zero(base + to, bytes));
        return [first, read()];
      };
      for (const subject of everyone) expect(runOn(subject, run), subject.name).toEqual([moved, cleared]);
    }),
  );
});

test("log_sum_exp", () => {
  fc.assert(
    fc.property(
      sizes,
      fc.constantFrom(0.01, 1, 50),
      fc.constantFrom(0, 1000, -1000),
      fc.integer(),
      (n, size, shift, seed) => {
        const random = new Random(seed);
        const x = random
          .normals(n)
          .map((value) =>
            random.next() < 0.1 ? Number.NEGATIVE_INFINITY : Math.fround(value * size + shift),
          );
        const run = (kernels: Kernels, sandbox: Sandbox) => {
          const pointer = sandbox.floats(x);
          return sandbox.guarded([], () => kernels.log_sum_exp(pointer, n));
        };
        const base = x.find(Number.isFinite);
        if (base === undefined) {
          for (const subject of everyone) expect(runOn(subject, run)).toBe(Number.NEGATIVE_INFINITY);
          return;
        }
        const sorted = x.slice().sort((a, b) => a - b);
        const largest = sorted[n - 1];
        const expected =
          largest + Math.log(sorted.reduce((sum, value) => sum + Math.exp(value - largest), 0));
        const scale = 1 + Math.abs(largest);
        expectClose([runOn(exact, run)], [expected], 1e-14, scale);
        compare(run, (actual, reference) => expectClose([actual], [reference], 3e-7, scale + Math.log(n)));
      },
    ),
  );
});

test("log_sum_exp of something that is not a number is not a number", () => {
  for (const n of [1, 4, 7]) {
    for (let bad = 0; bad < n; bad++) {
      const x = Array.from({ length: n }, (_, i) => (i === bad ? Number.NaN : i));
      const run = (kernels: Kernels, sandbox: Sandbox) => kernels.log_sum_exp(sandbox.floats(x), n);
      for (const subject of everyone) expect(runOn(subject, run), subject.name).toBeNaN();
    }
  }
});

test("stream_sum adds up everything", () => {
  fc.assert(
    fc.property(fc.nat(10), fc.integer(), (blocks, seed) => {
      const x = new Random(seed).normals(16 * blocks);
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const pointer = sandbox.floats(x);
        return sandbox.guarded([], () => kernels.stream_sum(pointer, x.length * sandbox.floatBytes));
      };
      const expected = x.reduce((sum, value) => sum + value, 0);
      const scale = 1 + x.reduce((sum, value) => sum + Math.abs(value), 0);
      expectClose([runOn(exact, run)], [expected], 1e-15, scale);
      compare(run, (actual, reference) => expectClose([actual], [reference], 1e-6, scale));
    }),
    { numRuns: 50 },
  );
});
