import fc from "fast-check";
import { expect, test } from "vitest";
import type { Kernels } from "../../../src/engine/kernels.js";
import { type Compressed, compress, store } from "./compressed.js";
import { compare, exact, expectClose, fast, Random, runOn, type Sandbox } from "./sandbox.js";

interface Case {
  rows: number;
  columns: number;
  density: number;
  seed: number;
}

const cases = fc.record<Case>({
  rows: fc.integer({ min: 1, max: 70 }),
  columns: fc.integer({ min: 1, max: 70 }),
  density: fc.constantFrom(0, 0.02, 0.1, 0.5, 1),
  seed: fc.integer(),
});

/** A dense matrix, row by row, and what multiplies it. */
function draw({ rows, columns, density, seed }: Case) {
  const random = new Random(seed);
  const matrix = Array.from({ length: rows }, () =>
    Array.from({ length: columns }, () => (random.next() < density ? random.normal() : 0)),
  );
  return { random, matrix, transposed: matrix[0].map((_, j) => matrix.map((row) => row[j])) };
}

/** Columns in one piece each: values, row indices, padding. */
function storeColumns(sandbox: Sandbox, { pointers, indices, values }: Compressed): [number, number] {
  const { floatBytes } = sandbox;
  const offsets = [0];
  for (let j = 0; j + 1 < pointers.length; j++) {
    const bytes = (pointers[j + 1] - pointers[j]) * (floatBytes + 2);
    offsets.push(offsets[j] + Math.ceil(bytes / floatBytes) * floatBytes);
  }
  const size = offsets[offsets.length - 1] / floatBytes;
  const columns = sandbox.floats([], size);
  for (let j = 0; j + 1 < pointers.length; j++) {
    const [first, last] = [pointers[j], pointers[j + 1]];
    sandbox.writeFloats(columns + offsets[j], values.slice(first, last));
    sandbox.writeU16(columns + offsets[j] + (last - first) * floatBytes, indices.slice(first, last));
  }
  return [sandbox.u32(offsets), columns];
}

const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const absolute = (values: number[]) => values.map(Math.abs);

/** Runs the case in every precision; `exactly` is the result and `scale` the size of what was summed for it. */
function check(
  run: (kernels: Kernels, sandbox: Sandbox) => number[],
  exactly: number[],
  scale: number[],
): void {
  expectClose(runOn(exact, run), exactly, 1e-14, scale);
  compare(run, (actual, expected) => expectClose(actual, expected, 2e-6, scale));
}

test("the WebAssembly kernels are there to be compared", () => {
  expect(fast.map(({ name }) => name)).toContain("simd");
});

test("csc_accumulate adds the active columns", () => {
  fc.assert(
    fc.property(cases, (drawn) => {
      const { random, matrix, transposed } = draw(drawn);
      const { rows, columns } = drawn;
      const x = random.normals(columns);
      const y = random.normals(rows);
      const active = x.map((_, j) => j).filter(() => random.next() < 0.5);
      const masked = x.map((value, j) => (active.includes(j) ? value : 0));
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const output = sandbox.floats(y);
        const weights = storeColumns(sandbox, compress(transposed));
        const list = sandbox.u16(active);
        const input = sandbox.floats(x);
        sandbox.guarded([sandbox.area(output, rows)], () =>
          kernels.csc_accumulate(output, ...weights, list, active.length, input),
        );
        return sandbox.readFloats(output, rows);
      };
      check(
        run,
        matrix.map((row, i) => y[i] + dot(row, masked)),
        matrix.map((row, i) => Math.abs(y[i]) + dot(absolute(row), absolute(masked))),
      );
    }),
  );
});

test("csr_accumulate adds the rows of its range", () => {
  fc.assert(
    fc.property(cases, (drawn) => {
      const { random, matrix } = draw(drawn);
      const { rows, columns } = drawn;
      const x = random.normals(columns);
      const y = random.normals(rows);
      const end = random.below(rows + 1);
      const start = random.below(end + 1);
      const within = (i: number) => i >= start && i < end;
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const output = sandbox.floats(y);
        const weights = store(sandbox, compress(matrix));
        const input = sandbox.floats(x);
        const writable = {
          pointer: output + start * sandbox.floatBytes,
          bytes: (end - start) * sandbox.floatBytes,
        };
        sandbox.guarded([writable], () => kernels.csr_accumulate(output, ...weights, input, start, end));
        return sandbox.readFloats(output, rows);
      };
      check(
        run,
        matrix.map((row, i) => y[i] + (within(i) ? dot(row, x) : 0)),
        matrix.map((row, i) => Math.abs(y[i]) + dot(absolute(row), absolute(x))),
      );
    }),
  );
});

test("csr_multiply_panel multiplies a panel, with and without bias", () => {
  fc.assert(
    fc.property(cases, fc.boolean(), (drawn, withBias) => {
      const { random, matrix } = draw(drawn);
      const { rows, columns } = drawn;
      const x = random.normals(columns * 32);
      const bias = random.normals(rows);
      const end = random.below(rows + 1);
      const start = random.below(end + 1);
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const output = sandbox.floats([], rows * 32);
        const weights = store(sandbox, compress(matrix));
        const offset = sandbox.floats(bias);
        const input = sandbox.floats(x);
        const bytes = 32 * sandbox.floatBytes;
        const writable = { pointer: output + start * bytes, bytes: (end - start) * bytes };
        sandbox.guarded([writable], () =>
          kernels.csr_multiply_panel(output, ...weights, withBias ? offset : 0, input, start, end),
        );
        return sandbox.readFloats(writable.pointer, (end - start) * 32);
      };
      const inRange = matrix.slice(start, end);
      const token = (lane: number) => x.filter((_, i) => i % 32 === lane);
      const tokens = Array.from({ length: 32 }, (_, lane) => token(lane));
      const base = (i: number) => (withBias ? bias[start + i] : 0);
      check(
        run,
        inRange.flatMap((row, i) => tokens.map((values) => base(i) + dot(row, values))),
        inRange.flatMap((row, i) =>
          tokens.map((values) => Math.abs(base(i)) + dot(absolute(row), absolute(values))),
        ),
      );
    }),
    { numRuns: 60 },
  );
});

test("csr_accumulate_panel adds to a panel", () => {
  fc.assert(
    fc.property(cases, (drawn) => {
      const { random, matrix } = draw(drawn);
      const { rows, columns } = drawn;
      const x = random.normals(columns * 32);
      const y = random.normals(rows * 32);
      const end = random.below(rows + 1);
      const start = random.below(end + 1);
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const output = sandbox.floats(y);
        const weights = store(sandbox, compress(matrix));
        const input = sandbox.floats(x);
        const bytes = 32 * sandbox.floatBytes;
        const writable = { pointer: output + start * bytes, bytes: (end - start) * bytes };
        sandbox.guarded([writable], () =>
          kernels.csr_accumulate_panel(output, ...weights, input, start, end),
        );
        return sandbox.readFloats(output, rows * 32);
      };
      const tokens = Array.from({ length: 32 }, (_, lane) => x.filter((_, i) => i % 32 === lane));
      const added = (i: number) => (i >= start && i < end ? matrix[i] : []);
      check(
        run,
        y.map((value, at) => value + dot(added(Math.floor(at / 32)), tokens[at % 32])),
        y.map(
          (value, at) =>
            Math.abs(value) + dot(absolute(added(Math.floor(at / 32))), absolute(tokens[at % 32])),
        ),
      );
    }),
  );
});

test("csr_scatter_panel is csr_accumulate_panel with the transposed matrix, bit for bit", () => {
  fc.assert(
    fc.property(cases, (drawn) => {
      const { random, matrix } = draw(drawn);
      const { rows, columns } = drawn;
      const x = random.normals(rows * 32);
      const y = random.normals(columns * 32);
      const transposed = Array.from({ length: columns }, (_, j) => matrix.map((row) => row[j]));
      const cut = random.below(rows + 1);
      const scatter = (kernels: Kernels, sandbox: Sandbox) => {
        const output = sandbox.floats(y);
        const weights = store(sandbox, compress(matrix));
        const input = sandbox.floats(x);
        const writable = { pointer: output, bytes: columns * 32 * sandbox.floatBytes };
        sandbox.guarded([writable], () => {
          kernels.csr_scatter_panel(output, ...weights, input, 0, cut);
          kernels.csr_scatter_panel(output, ...weights, input, cut, rows);
        });
        return sandbox.readFloats(output, columns * 32);
      };
      const gather = (kernels: Kernels, sandbox: Sandbox) => {
        const output = sandbox.floats(y);
        const weights = store(sandbox, compress(transposed));
        kernels.csr_accumulate_panel(output, ...weights, sandbox.floats(x), 0, columns);
        return sandbox.readFloats(output, columns * 32);
      };
      for (const subject of [exact, ...fast])
        expect(runOn(subject, scatter), subject.name).toEqual(runOn(subject, gather));
    }),
  );
});

test("csr_add_row adds one row, entries a stride apart", () => {
  fc.assert(
    fc.property(cases, fc.constantFrom(1, 2, 32, 33), (drawn, stride) => {
      const { random, matrix } = draw(drawn);
      const { rows, columns } = drawn;
      const y = random.normals((columns - 1) * stride + 1);
      const row = random.below(rows);
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const output = sandbox.floats(y);
        const weights = store(sandbox, compress(matrix));
        const cells = matrix[row].map((_, j) => sandbox.area(output + j * stride * sandbox.floatBytes, 1));
        sandbox.guarded(cells, () => kernels.csr_add_row(output, stride, ...weights, row));
        return sandbox.readFloats(output, y.length);
      };
      const expected = y.slice();
      matrix[row].forEach((value, j) => {
        expected[j * stride] += value;
      });
      check(
        run,
        expected,
        expected.map(() => 4),
      );
    }),
  );
});
