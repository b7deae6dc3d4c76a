import fc from "fast-check";
import { expect, test } from "vitest";
import type { Kernels } from "../../../src/engine/kernels.js";
import { differences, dot } from "./gradient.js";
import {
  compare,
  exact,
  expectClose,
  fast,
  largestOf,
  plain,
  Random,
  runOn,
  type Sandbox,
} from "./sandbox.js";

const everyone = [exact, plain, ...fast];
const sizes = fc.integer({ min: 1, max: 130 });
const roundUp4 = (n: number) => (n + 3) & ~3;

test.each([
  { name: "mask_nonzeros" as const, keeps: (y: number) => y !== 0 },
  { name: "relu_backward" as const, keeps: (y: number) => y > 0 },
])("$name", ({ name, keeps }) => {
  fc.assert(
    fc.property(sizes, fc.integer(), (n, seed) => {
      const random = new Random(seed);
      const special = [0, -0, Number.NaN, 1e-45, -1e-45, Number.POSITIVE_INFINITY];
      const y = random.normals(roundUp4(n)).map((v) => (random.next() < 0.4 ? special[random.below(6)] : v));
      const dx = random.normals(n);
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const output = sandbox.floats(y);
        const gradient = sandbox.floats(dx, roundUp4(n));
        sandbox.guarded([sandbox.area(gradient, roundUp4(n))], () => kernels[name](gradient, output, n));
        return sandbox.readFloats(gradient, n);
      };
      const expected = dx.map((value, i) => (keeps(y[i]) ? value : 0));
      for (const subject of everyone) expect(runOn(subject, run), subject.name).toEqual(expected);
    }),
  );
});

/** Through what gelu_with_derivative writes beside its result, which is gelu's. */
function geluBackward(dx: number[], x: number[]) {
  return (kernels: Kernels, sandbox: Sandbox) => {
    const { length } = x;
    const padded = roundUp4(length);
    const [input, alone] = [x, x].map((values) => sandbox.floats(values, padded));
    const [derivative, gradient] = [new Array(length).fill(7), dx].map((values) =>
      sandbox.floats(values, padded),
    );
    sandbox.guarded([sandbox.area(input, padded), sandbox.area(derivative, padded)], () =>
      kernels.gelu_with_derivative(input, derivative, length),
    );
    kernels.gelu(alone, length);
    expect(sandbox.readFloats(input, length)).toEqual(sandbox.readFloats(alone, length));
    sandbox.guarded([sandbox.area(gradient, padded)], () => kernels.multiply(gradient, derivative, length));
    return sandbox.readFloats(gradient, length);
  };
}

test("multiplying with what gelu_with_derivative keeps is the backward pass of gelu", () => {
  fc.assert(
    fc.property(sizes, fc.constantFrom(0.01, 1, 4), fc.integer(), (n, size, seed) => {
      const random = new Random(seed);
      const x = random.normals(n).map((value) => Math.fround(value * size));
      const dx = random.normals(n);
      const gelu = (kernels: Kernels, sandbox: Sandbox, input: number[]) => {
        const pointer = sandbox.floats(input);
        kernels.gelu(pointer, input.length);
        return sandbox.readFloats(pointer, input.length);
      };
      const [above, below] = [1e-5, -1e-5].map((step) =>
        runOn(exact, (kernels, sandbox) =>
          gelu(
            kernels,
            sandbox,
            x.map((value) => value + step),
          ),
        ),
      );
      const expected = dx.map((value, i) => (value * (above[i] - below[i])) / 2e-5);
      const run = geluBackward(dx, x);
      expectClose(runOn(exact, run), expected, 1e-9, 1 + largestOf(dx));
      compare(run, (actual, reference) => expectClose(actual, reference, 5e-7, 1 + largestOf(dx)));
    }),
    { numRuns: 60 },
  );
});

test("the derivative of gelu far out: one, zero, and no denormals", () => {
  const x = [0, 30, 1e30, -30, -1e30, -12.6, -13];
  const run = geluBackward(new Array(x.length).fill(1e-7), x);
  for (const subject of fast) {
    const tiny = Math.fround(1e-7);
    expect(runOn(subject, run).map(Math.abs), subject.name).toEqual([
      Math.fround(tiny / 2),
      tiny,
      tiny,
      0,
      0,
      0,
      0,
    ]);
  }
});

const normCases = fc.record({
  n: fc.integer({ min: 1, max: 40 }),
  centred: fc.boolean(),
  withWeight: fc.boolean(),
  wanted: fc.boolean(),
  size: fc.constantFrom(0, 0.1, 1, 1e3),
  seed: fc.integer(),
});

test("backward of LayerNorm and RMSNorm: by finite differences, and its twin", () => {
  const eps = 1e-5;
  fc.assert(
    fc.property(normCases, ({ n, centred, withWeight, wanted, size, seed }) => {
      const random = new Random(seed);
      const x = random.normals(n * 32).map((value) => Math.fround((value + 0.3) * size));
      const weight = random.normals(n);
      const bias = random.normals(n);
      const gap = random.below(33); // this lane and those behind it are a gap
      const dy = random.normals(n * 32).map((value, i) => (i % 32 >= gap ? 0 : value));
      const before = random.normals(n * 32);

      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const input = sandbox.floats(x);
        const gradient = sandbox.floats(dy);
        const dx = sandbox.floats(before);
        const w = withWeight ? sandbox.floats(weight) : 0;
        const dweight = wanted ? sandbox.floats([], n) : 0;
        const dbias = wanted && centred ? sandbox.floats([], n) : 0;
        const writable = [sandbox.area(dx, n * 32)];
        if (dweight !== 0) writable.push(sandbox.area(dweight, n));
        if (dbias !== 0) writable.push(sandbox.area(dbias, n));
        sandbox.guarded(writable, () => {
          if (centred) kernels.layer_norm_backward_panel(dx, gradient, input, w, dweight, dbias, n, eps);
          else kernels.rms_norm_backward_panel(dx, gradient, input, w, dweight, n, eps);
        });
        return {
          dx: sandbox.readFloats(dx, n * 32),
          dweight: dweight === 0 ? [] : sandbox.readFloats(dweight, n),
          dbias: dbias === 0 ? [] : sandbox.readFloats(dbias, n),
        };
      };

      // The loss dy · y of one token, and of all.
      const forward = (input: number[], w: number[], b: number[]) =>
        runOn(exact, (kernels, sandbox) => {
          const pointer = sandbox.floats(input);
          const [weights, biases] = [withWeight ? sandbox.floats(w) : 0, sandbox.floats(b)];
          if (centred) kernels.layer_norm_panel(pointer, pointer, weights, biases, n, eps);
          else kernels.rms_norm_panel(pointer, pointer, weights, n, eps);
          return sandbox.readFloats(pointer, n * 32);
        });
      const result = runOn(exact, run);
      // One direction for x, since all entries would take long, and each entry of the weight.
      const direction = random.normals(n * 32);
      const step = 1e-6 * Math.max(size, 1e-3);
      const moved = (sign: number) =>
        dot(
          forward(
            x.map((value, i) => value + sign * step * direction[i]),
            weight,
            bias,
          ),
          dy,
        );
      const along = dot(
        result.dx.map((value, i) => value - before[i]),
        direction,
      );
      const steepness = (1 + largestOf(weight)) * n * 32 * Math.min(1 / Math.sqrt(eps), 10 / (size || 1e-9));
      expectClose([along], [(moved(1) - moved(-1)) / (2 * step)], 1e-6 * steepness);
      if (wanted && withWeight) {
        const byWeight = differences(weight, (w) => dot(forward(x, w, bias), dy), 1e-3);
        expectClose(result.dweight, byWeight, 1e-9, 1000);
      }
      if (result.dbias.length > 0) {
        expectClose(
          result.dbias,
          bias.map((_, i) => dot(dy.slice(32 * i, 32 * i + 32), new Array(32).fill(1))),
          1e-12,
          32,
        );
      }

      // x - mean rounds like x, however small the deviation is.
      const deviation = (lane: number) => {
        const token = x.filter((_, i) => i % 32 === lane);
        const mean = centred ? token.reduce((sum, value) => sum + value, 0) / n : 0;
        return Math.sqrt(token.reduce((sum, value) => sum + (value - mean) ** 2, 0) / n + eps);
      };
      const conditions = Array.from({ length: 32 }, (_, lane) => 1 + largestOf(x) / deviation(lane));
      const factors = conditions.map(
        (condition, lane) => (condition ** 3 * (1 + largestOf(weight))) / deviation(lane),
      );
      compare(run, (actual, reference) => {
        expectClose(
          actual.dx,
          reference.dx,
          2e-6,
          x.map((_, i) => 5 + 5 * factors[i % 32]),
        );
        expectClose(actual.dweight, reference.dweight, 1e-5, 10 * largestOf(conditions) ** 2);
        expectClose(actual.dbias, reference.dbias, 1e-5, 10);
      });
    }),
    { numRuns: 60 },
  );
});

const lossCases = fc.record({
  n: fc.integer({ min: 1, max: 70 }),
  size: fc.constantFrom(0, 1, 10, 1e4),
  scale: fc.constantFrom(1, 1 / 4096),
  seed: fc.integer(),
});

function crossEntropy(logits: number[], targets: number[], scale: number) {
  return (kernels: Kernels, sandbox: Sandbox) => {
    const pointer = sandbox.floats(logits);
    const wanted = sandbox.u32(targets);
    const losses = sandbox.floats([], 32);
    sandbox.guarded([sandbox.area(pointer, logits.length), sandbox.area(losses, 32)], () =>
      kernels.cross_entropy_panel(pointer, logits.length / 32, wanted, losses, scale),
    );
    return { gradient: sandbox.readFloats(pointer, logits.length), losses: sandbox.readFloats(losses, 32) };
  };
}

test("cross_entropy_panel: -log softmax, and its gradient in place", () => {
  fc.assert(
    fc.property(lossCases, ({ n, size, scale, seed }) => {
      const random = new Random(seed);
      const logits = random.normals(n * 32).map((value) => Math.fround(value * size));
      const targets = Array.from({ length: 32 }, () => (random.next() < 0.2 ? -1 : random.below(n)));
      const expectedLosses = targets.map((target, lane) => {
        if (target < 0) return 0;
        const own = logits.filter((_, i) => i % 32 === lane);
        const largest = Math.max(...own);
        return Math.log(own.reduce((sum, v) => sum + Math.exp(v - largest), 0)) + largest - own[target];
      });
      const run = crossEntropy(logits, targets, scale);
      const { gradient, losses } = runOn(exact, run);
      expectClose(losses, expectedLosses, 1e-14, 1 + largestOf(logits));
      if (size > 0 && size < 1e3) {
        const direction = random.normals(n * 32);
        const [above, below] = [1e-5, -1e-5].map((step) => {
          const shifted = logits.map((value, i) => value + step * direction[i]);
          return runOn(exact, crossEntropy(shifted, targets, scale)).losses.reduce(
            (sum, loss) => sum + loss,
            0,
          );
        });
        expectClose([dot(gradient, direction)], [(scale * (above - below)) / 2e-5], 1e-7 * n);
      }
      compare(run, (actual, reference) => {
        expectClose(actual.gradient, reference.gradient, 2e-6 * scale);
        expectClose(
          actual.losses,
          reference.losses,
          1e-6, // of rounding the sum of exponentials, which is at least 1
          reference.losses.map((loss) => 1 + loss),
        );
      });
    }),
    { numRuns: 100 },
  );
});

test("cross_entropy_panel: no denormals, nothing from lanes without a target, NaN is told", () => {
  const targets = Array.from({ length: 32 }, (_, lane) => (lane % 2 === 0 ? 0 : -1));
  const depths = [0, -20, -45, -60, -79, -85, -1e4, -1e30];
  const run = crossEntropy(
    depths.flatMap((depth) => Array.from({ length: 32 }, (_, lane) => (lane % 2 === 0 ? depth : 3e38))),
    targets,
    1 / 4096,
  );
  for (const subject of fast) {
    const { gradient, losses } = runOn(subject, run);
    for (const value of gradient) expect(value === 0 || Math.abs(value) > 1e-30).toBe(true);
    targets.forEach((target, lane) => {
      const own = gradient.filter((_, i) => i % 32 === lane);
      if (target < 0) expect([losses[lane], ...own].map(Math.abs)).toEqual(new Array(9).fill(0));
      else expect(own.slice(2).map(Math.abs)).toEqual(new Array(6).fill(0));
    });
  }
  for (const subject of everyone) {
    const { losses } = runOn(subject, crossEntropy(new Array(96).fill(0).with(32, Number.NaN), targets, 1));
    expect(losses[0], subject.name).toBeNaN();
    expect(losses[2]).toBeCloseTo(Math.log(3), 6);
  }
});

const rowCases = fc.record({
  width: fc.integer({ min: 1, max: 23 }),
  more: fc.nat(5),
  tableRows: fc.integer({ min: 1, max: 40 }),
  seed: fc.integer(),
});

test("add_rows_panel looks rows up, scatter_rows_panel gives back, in order of lanes", () => {
  fc.assert(
    fc.property(rowCases, ({ width, more, tableRows, seed }) => {
      const random = new Random(seed);
      const stride = width + more;
      const table = random.normals(tableRows * stride);
      const panel = random.normals(width * 32);
      const rows = Array.from({ length: 32 }, () => (random.next() < 0.3 ? -1 : random.below(tableRows)));
      const rowEnd = 1 + random.below(tableRows);
      const rowStart = random.below(rowEnd);
      const add = (kernels: Kernels, sandbox: Sandbox) => {
        const [to, from, list] = [sandbox.floats(panel), sandbox.floats(table), sandbox.u32(rows)];
        sandbox.guarded([sandbox.area(to, width * 32)], () =>
          kernels.add_rows_panel(to, width, from, stride, list),
        );
        return sandbox.readFloats(to, width * 32);
      };
      const scatter = (kernels: Kernels, sandbox: Sandbox) => {
        const [from, to, list] = [sandbox.floats(panel), sandbox.floats(table), sandbox.u32(rows)];
        const first = to + rowStart * stride * sandbox.floatBytes;
        sandbox.guarded([sandbox.area(first, (rowEnd - rowStart) * stride)], () =>
          kernels.scatter_rows_panel(to, stride, list, from, width, rowStart, rowEnd),
        );
        return sandbox.readFloats(to, table.length);
      };
      const added = panel.slice();
      const scattered = table.slice();
      rows.forEach((row, lane) => {
        for (let f = 0; f < width; f++) {
          if (row >= 0) added[f * 32 + lane] += table[row * stride + f];
          if (row >= rowStart && row < rowEnd) {
            const place = row * stride + f;
            scattered[place] = Math.fround(scattered[place] + panel[f * 32 + lane]);
          }
        }
      });
      expect(runOn(exact, add)).toEqual(added);
      expectClose(runOn(exact, scatter), scattered, 1e-5);
      for (const subject of [plain, ...fast]) {
        expect(runOn(subject, add), subject.name).toEqual(added.map(Math.fround));
        expect(runOn(subject, scatter), subject.name).toEqual(scattered);
      }
    }),
  );
});

test("sum_rows_panel", () => {
  fc.assert(
    fc.property(sizes, fc.integer(), (n, seed) => {
      const random = new Random(seed);
      const [panel, before] = [random.normals(n * 32), random.normals(n)];
      const rowEnd = 1 + random.below(n);
      const rowStart = random.below(rowEnd);
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const [from, to] = [sandbox.floats(panel), sandbox.floats(before)];
        const first = to + rowStart * sandbox.floatBytes;
        sandbox.guarded([sandbox.area(first, rowEnd - rowStart)], () =>
          kernels.sum_rows_panel(to, from, rowStart, rowEnd),
        );
        return sandbox.readFloats(to, n);
      };
      const expected = before.map((value, f) =>
        f < rowStart || f >= rowEnd
          ? value
          : value + panel.slice(f * 32, f * 32 + 32).reduce((a, b) => a + b, 0),
      );
      expectClose(runOn(exact, run), expected, 1e-13);
      compare(run, (actual, reference) => expectClose(actual, reference, 1e-6, 32));
    }),
  );
});

test("sum_of_squares is exact to float64, also where squares leave float32", () => {
  fc.assert(
    fc.property(sizes, fc.constantFrom(1, 1e-25, 1e25), fc.integer(), (n, size, seed) => {
      const x = new Random(seed).normals(n).map((value) => Math.fround(value * size));
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const pointer = sandbox.floats(x);
        return sandbox.guarded([], () => kernels.sum_of_squares(pointer, n));
      };
      const expected = dot(x, x);
      for (const subject of everyone) expectClose([runOn(subject, run)], [expected], 1e-14, expected);
    }),
  );
});
