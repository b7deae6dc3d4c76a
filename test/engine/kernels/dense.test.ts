import fc from "fast-check";
import { expect, test } from "vitest";
import type { Kernels } from "../../../src/engine/kernels.js";
import { compress, store } from "./compressed.js";
import { compare, exact, expectClose, fast, plain, Random, runOn, type Sandbox } from "./sandbox.js";

const everyone = [exact, plain, ...fast];

/** Zeros in some share, and numbers that are easily mistaken for them. */
function sparseNumbers(random: Random, count: number, density: number): number[] {
  const special = [-0, Number.NaN, 1e-45, -1e-45, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  return random.normals(count).map((value) => {
    if (random.next() >= density) return random.next() < 0.1 ? -0 : 0;
    return random.next() < 0.1 ? special[random.below(special.length)] : value;
  });
}

const pieceCases = fc.record({
  rows: fc.integer({ min: 0, max: 34 }),
  pieces: fc.integer({ min: 1, max: 4 }),
  fours: fc.integer({ min: 1, max: 9 }),
  /** Pieces one behind the other in a row, or each piece of all rows before the next: blocks. */
  inBlocks: fc.boolean(),
  gap: fc.nat(5),
  density: fc.constantFrom(0, 0.02, 0.3, 0.9, 1),
  seed: fc.integer(),
});

test("compress_rows lists what is not zero, NaN included", () => {
  fc.assert(
    fc.property(pieceCases, ({ rows, pieces, fours, inBlocks, gap, density, seed }) => {
      const width = 4 * fours;
      const rowLength = (inBlocks ? width : pieces * width) + gap;
      const pieceLength = inBlocks ? rows * rowLength : width;
      const random = new Random(seed);
      const x = sparseNumbers(random, (inBlocks ? pieces : 1) * rows * rowLength, density);
      const matrix = Array.from({ length: rows }, (_, r) =>
        Array.from({ length: pieces }, (_, p) => {
          const start = r * rowLength + p * pieceLength;
          return x.slice(start, start + width);
        }).flat(),
      );
      const expected = compress(matrix);
      const count = expected.values.length;
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const bytes = sandbox.floatBytes;
        const input = sandbox.floats(x);
        const pointers = sandbox.u32(new Array(rows + 1).fill(7));
        const indices = sandbox.u16([], count + 3);
        const values = sandbox.floats([], count + 3);
        const writable = [
          { pointer: pointers, bytes: 4 * (rows + 1) },
          { pointer: indices, bytes: 2 * (count + 3) },
          sandbox.area(values, count + 3),
        ];
        sandbox.guarded(writable, () =>
          kernels.compress_rows(
            ...([pointers, indices, values, input, rows, rowLength * bytes] as const),
            ...([pieces, pieceLength * bytes, width] as const),
          ),
        );
        return {
          pointers: [...new Uint32Array(sandbox.memory.buffer, pointers, rows + 1)],
          indices: sandbox.readU16(indices, count),
          values: sandbox.readFloats(values, count),
        };
      };
      expect(runOn(exact, run)).toEqual(expected);
      const rounded = { ...expected, values: expected.values.map(Math.fround) };
      for (const subject of [plain, ...fast]) expect(runOn(subject, run), subject.name).toEqual(rounded);
    }),
    { numRuns: 200 },
  );
});

const matrices = fc.record({
  rows: fc.integer({ min: 1, max: 70 }),
  columns: fc.integer({ min: 1, max: 70 }),
  density: fc.constantFrom(0, 0.02, 0.1, 0.5, 1),
  seed: fc.integer(),
});

function drawMatrix(random: Random, rows: number, columns: number, density: number): number[][] {
  return Array.from({ length: rows }, () =>
    Array.from({ length: columns }, () => (random.next() < density ? random.normal() : 0)),
  );
}

test("transpose_csr gives the compressed rows of the transposed matrix, stored zeros included", () => {
  fc.assert(
    fc.property(matrices, ({ rows, columns, density, seed }) => {
      const random = new Random(seed);
      const matrix = drawMatrix(random, rows, columns, density);
      const transposed = Array.from({ length: columns }, (_, j) => matrix.map((row) => row[j]));
      const isZeroed = (value: number) => Math.floor(Math.abs(value) * 1000) % 7 === 0;
      const withZeros = (values: number[]) => values.map((value) => (isZeroed(value) ? 0 : value));
      const [source, target] = [compress(matrix), compress(transposed)];
      const count = source.values.length;
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const from = store(sandbox, { ...source, values: withZeros(source.values) });
        const pointers = sandbox.u32(new Array(columns + 1).fill(7));
        const indices = sandbox.u16([], count);
        const values = sandbox.floats([], count);
        const writable = [
          { pointer: pointers, bytes: 4 * (columns + 1) },
          { pointer: indices, bytes: 2 * count },
          sandbox.area(values, count),
        ];
        sandbox.guarded(writable, () =>
          kernels.transpose_csr(pointers, indices, values, ...from, rows, columns),
        );
        return {
          pointers: [...new Uint32Array(sandbox.memory.buffer, pointers, columns + 1)],
          indices: sandbox.readU16(indices, count),
          values: sandbox.readFloats(values, count),
        };
      };
      const expected = { ...target, values: withZeros(target.values) };
      for (const subject of everyone) expect(runOn(subject, run), subject.name).toEqual(expected);
    }),
  );
});

test("transpose_tile, all sizes, from anywhere in its rows, with and without bias", () => {
  const random = new Random(1);
  for (let rows = 1; rows <= 32; rows++) {
    for (let columns = 1; columns <= 32; columns++) {
      const offset = random.below(33 - columns);
      const withBias = random.next() < 0.5;
      const isInside = (i: number) => i % 32 >= offset && i % 32 < offset + columns;
      const x = random.normals(rows * 32).map((value, i) => (isInside(i) ? value : Number.NaN));
      const bias = random.normals(columns);
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const input = sandbox.floats(x);
        const added = sandbox.floats(bias);
        const output = sandbox.floats([], columns * 32);
        const source = input + offset * sandbox.floatBytes;
        sandbox.guarded([sandbox.area(output, columns * 32)], () =>
          kernels.transpose_tile(output, source, withBias ? added : 0, rows, columns),
        );
        return sandbox.readFloats(output, columns * 32);
      };
      const expected = Array.from({ length: columns * 32 }, (_, at) => {
        const [c, r] = [Math.floor(at / 32), at % 32];
        return r < rows ? x[r * 32 + offset + c] + (withBias ? bias[c] : 0) : 0;
      });
      expectClose(runOn(exact, run), expected, 0);
      for (const subject of [plain, ...fast]) expectClose(runOn(subject, run), expected.map(Math.fround), 0);
    }
  }
});

test("csr_gradient_panel and sum_parts add up the gradients of the nonzeros of rows, panel by panel", () => {
  fc.assert(
    fc.property(matrices, fc.integer({ min: 1, max: 4 }), fc.nat(2), (drawn, panels, spare) => {
      const { rows, columns, density, seed } = drawn;
      const random = new Random(seed);
      const { pointers, indices, values } = compress(drawMatrix(random, rows, columns, density));
      const end = random.below(rows + 1);
      const start = random.below(end + 1);
      const [first, last] = [pointers[start], pointers[end]];
      const before = random.normals(4 * values.length);
      // Features of one panel of dy and of x; more than are read.
      const [outputs, inputs] = [rows + spare, columns + 2 * spare];
      const dy = random.normals(panels * outputs * 32).map((value) => (random.next() < 0.5 ? 0 : value));
      const x = random.normals(panels * inputs * 32);
      const middle = start + random.below(end - start + 1);
      const runCutAt = (middle: number) => (kernels: Kernels, sandbox: Sandbox) => {
        const bytes = sandbox.floatBytes;
        const parts = sandbox.floats(before);
        const gradients = sandbox.floats([], last - first);
        const [ends, listed] = store(sandbox, { pointers, indices, values });
        const [from, input] = [sandbox.floats(dy), sandbox.floats(x)];
        const writable = [
          sandbox.area(parts + 4 * first * bytes, 4 * (last - first)),
          sandbox.area(gradients, last - first),
        ];
        sandbox.guarded(writable, () => {
          for (const [rowStart, rowEnd] of [
            [start, middle],
            [middle, end],
          ]) {
            for (let panel = 0; panel < panels; panel++) {
              kernels.csr_gradient_panel(
                ...([parts, ends, listed, from + panel * outputs * 32 * bytes] as const),
                ...([input + panel * inputs * 32 * bytes, rowStart, rowEnd] as const),
              );
            }
          }
          kernels.sum_parts(gradients, parts + 4 * first * bytes, last - first);
        });
        return sandbox.readFloats(gradients, last - first);
      };
      const expected: number[] = [];
      const scale: number[] = [];
      for (let i = start; i < end; i++) {
        for (let e = pointers[i]; e < pointers[i + 1]; e++) {
          const own = before.slice(4 * e, 4 * e + 4);
          let sum = own.reduce((total, part) => total + part, 0);
          let size = own.reduce((total, part) => total + Math.abs(part), 0);
          for (let token = 0; token < panels * 32; token++) {
            const [panel, lane] = [Math.floor(token / 32), token % 32];
            const output = dy[(panel * outputs + i) * 32 + lane];
            const product = output * x[(panel * inputs + indices[e]) * 32 + lane];
            sum += product;
            size += Math.abs(product);
          }
          expected.push(sum);
          scale.push(size);
        }
      }
      expectClose(runOn(exact, runCutAt(middle)), expected, 1e-14, scale);
      compare(runCutAt(middle), (actual, reference) => expectClose(actual, reference, 1e-6, scale));
      // How the rows are cut changes no bit.
      for (const subject of fast)
        expect(runOn(subject, runCutAt(middle))).toEqual(runOn(subject, runCutAt(end)));
    }),
  );
});

const fullCases = fc.record({
  rows: fc.integer({ min: 1, max: 19 }),
  n: fc.integer({ min: 1, max: 40 }),
  /** Entries of a row side by side, or those of a column. */
  byRow: fc.boolean(),
  seed: fc.integer(),
});

test("multiply_full_panel adds a matrix times a panel, whichever way the matrix lies", () => {
  fc.assert(
    fc.property(fullCases, ({ rows, n, byRow, seed }) => {
      const random = new Random(seed);
      const a = random.normals(rows * n);
      const x = random.normals(n * 32);
      const y = random.normals(rows * 32);
      const expected = y.map((value, cell) => {
        const [i, lane] = [Math.floor(cell / 32), cell % 32];
        let sum = value;
        for (let j = 0; j < n; j++) sum += a[byRow ? i * n + j : j * rows + i] * x[j * 32 + lane];
        return sum;
      });
      for (const subject of everyone) {
        const actual = runOn(subject, (kernels, sandbox) => {
          const bytes = sandbox.floatBytes;
          const target = sandbox.floats(y);
          const [matrix, panel] = [sandbox.floats(a), sandbox.floats(x)];
          const steps = byRow ? [n * bytes, bytes] : [bytes, rows * bytes];
          sandbox.guarded([sandbox.area(target, rows * 32)], () =>
            kernels.multiply_full_panel(target, matrix, steps[0], steps[1], panel, rows, n),
          );
          return sandbox.readFloats(target, rows * 32);
        });
        expectClose(actual, expected, subject === exact ? 1e-13 : 1e-5, 1 + n);
      }
    }),
    { numRuns: 200 },
  );
});

test.each([0, 1, 5])("begin_panel repeats %i biases, or zeros", (rows) => {
  const bias = new Random(rows).normals(rows);
  for (const subject of everyone) {
    for (const given of [true, false]) {
      const actual = runOn(subject, (kernels, sandbox) => {
        const target = sandbox.floats([], rows * 32);
        const source = sandbox.floats(bias);
        sandbox.guarded([sandbox.area(target, rows * 32)], () =>
          kernels.begin_panel(target, given ? source : 0, rows),
        );
        return sandbox.readFloats(target, rows * 32);
      });
      expect(actual).toEqual(Array.from({ length: rows * 32 }, (_, i) => (given ? bias[i >> 5] : 0)));
    }
  }
});
