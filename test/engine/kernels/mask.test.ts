import fc from "fast-check";
import { expect, test } from "vitest";
import type { Kernels } from "../../../src/engine/kernels.js";
import { compress, store } from "./compressed.js";
import { compare, exact, expectClose, largestOf, Random, runOn, type Sandbox } from "./sandbox.js";

const widths = fc.integer({ min: 1, max: 40 });

interface Case {
  readonly n: number;
  readonly x: number[];
  readonly like: number[];
  readonly dx: number[];
  readonly masks: number[];
  readonly constants: number[];
}

function draw(n: number, seed: number): Case {
  const random = new Random(seed);
  const masks = Array.from({ length: n }, () => [0, 1, Math.fround(random.next())][random.below(3)]);
  return {
    ...{ n, x: random.normals(32 * n), like: random.normals(32 * n), dx: random.normals(32 * n) },
    ...{ masks, constants: random.normals(n) },
  };
}

test("mask_panel mixes each channel with its constant", () => {
  fc.assert(
    fc.property(widths, fc.integer(), fc.boolean(), (n, seed, keeps) => {
      const { x, masks, constants } = draw(n, seed);
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const [to, m, c] = [x, masks, constants].map((values) => sandbox.floats(values));
        const original = keeps ? sandbox.floats(new Array(32 * n).fill(7)) : 0;
        const written = [sandbox.area(to, 32 * n), ...(keeps ? [sandbox.area(original, 32 * n)] : [])];
        sandbox.guarded(written, () => kernels.mask_panel(to, original, m, c, n));
        if (keeps) expect(sandbox.readFloats(original, 32 * n)).toEqual(x);
        return sandbox.readFloats(to, 32 * n);
      };
      const expected = x.map((value, i) => {
        const f = Math.floor(i / 32);
        return masks[f] * value + (1 - masks[f]) * constants[f];
      });
      expectClose(runOn(exact, run), expected, 1e-12, 1 + largestOf(expected));
      compare(run, (actual, reference) => {
        expectClose(actual, reference, 3e-7, 1 + largestOf(expected));
        // A mask of one or zero leaves no trace of what it hides.
        x.forEach((value, i) => {
          const f = Math.floor(i / 32);
          if (masks[f] === 1) expect(actual[i]).toBe(value);
          if (masks[f] === 0) expect(actual[i]).toBe(constants[f]);
        });
      });
    }),
  );
});

test("csr_select_columns leaves out what is masked, and adds up what stands in its place", () => {
  fc.assert(
    fc.property(widths, widths, fc.integer(), fc.boolean(), (rows, n, seed, hasBias) => {
      const { masks, constants } = draw(n, seed);
      const random = new Random(seed + 1);
      const matrix = Array.from({ length: rows }, () =>
        Array.from({ length: n }, () => (random.next() < 0.4 ? Math.fround(random.normal()) : 0)),
      );
      const bias = random.normals(rows);
      const whole = compress(matrix);
      const kept = compress(matrix.map((row) => row.map((value, j) => (masks[j] === 0 ? 0 : value))));
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const [pointers, indices, values] = store(sandbox, whole);
        const room = store(sandbox, whole);
        const [b, m, c, sums] = [bias, masks, constants, bias].map((floats) => sandbox.floats(floats));
        kernels.csr_select_columns(
          ...([...room, sums, pointers, indices, values, hasBias ? b : 0, m, c, rows] as const),
        );
        const count = kept.values.length;
        expect([...new Uint32Array(sandbox.memory.buffer, room[0], rows + 1)]).toEqual(kept.pointers);
        expect([...new Uint16Array(sandbox.memory.buffer, room[1], count)]).toEqual(kept.indices);
        return [...sandbox.readFloats(room[2], count), ...sandbox.readFloats(sums, rows)];
      };
      const expected = [
        ...kept.values,
        ...matrix.map((row, i) =>
          row.reduce(
            (sum, value, j) => sum + (masks[j] === 0 ? value * constants[j] : 0),
            hasBias ? bias[i] : 0,
          ),
        ),
      ];
      expectClose(runOn(exact, run), expected, 1e-12, 1 + largestOf(expected));
      compare(run, (actual, reference) => expectClose(actual, reference, 1e-6, 1 + largestOf(expected)));
    }),
  );
});

test("mask_backward_panel: the gradient by masks is added up, and that by what they were given is left", () => {
  fc.assert(
    fc.property(widths, fc.integer(), fc.integer({ min: 0, max: 40 }), (n, seed, start) => {
      const { x, dx, masks, constants } = draw(n, seed);
      const [first, last] = [Math.min(start, n), n];
      const before = new Random(seed + 1).normals(n);
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const [sums, g, p, m, c] = [before, dx, x, masks, constants].map((values) => sandbox.floats(values));
        sandbox.guarded([sandbox.area(sums, n), sandbox.area(g, 32 * n)], () =>
          kernels.mask_backward_panel(sums, g, p, m, c, first, last),
        );
        return [...sandbox.readFloats(sums, n), ...sandbox.readFloats(g, 32 * n)];
      };
      const expected = [
        ...before.map((sum, f) => {
          if (f < first) return sum;
          const lanes = Array.from({ length: 32 }, (_, lane) => 32 * f + lane);
          return lanes.reduce((total, i) => total + dx[i] * (x[i] - constants[f]), sum);
        }),
        ...dx.map((value, i) => (i < 32 * first ? value : value * masks[Math.floor(i / 32)])),
      ];
      expectClose(runOn(exact, run), expected, 1e-12, 1 + largestOf(expected));
      compare(run, (actual, reference) => expectClose(actual, reference, 1e-6, 1 + 4 * largestOf(expected)));
    }),
  );
});

test.each(["rms", "layer"] as const)("%s_norm_like_panel scales as its model would be", (kind) => {
  fc.assert(
    fc.property(widths, fc.integer(), fc.boolean(), (n, seed, weighted) => {
      const { x, like, masks, constants } = draw(n, seed);
      const eps = 1e-5;
      const norm = (kernels: Kernels, sandbox: Sandbox, model: number[]) => {
        const [to, from, other] = [new Array(32 * n).fill(0), x, model].map((values) =>
          sandbox.floats(values),
        );
        const weight = weighted ? sandbox.floats(masks) : 0;
        const bias = weighted ? sandbox.floats(constants) : 0;
        sandbox.guarded([sandbox.area(to, 32 * n)], () =>
          kind === "rms"
            ? kernels.rms_norm_like_panel(to, from, other, weight, n, eps)
            : kernels.layer_norm_like_panel(to, from, other, weight, bias, n, eps),
        );
        return sandbox.readFloats(to, 32 * n);
      };
      const own = (kernels: Kernels, sandbox: Sandbox) => {
        const [to, from] = [new Array(32 * n).fill(0), x].map((values) => sandbox.floats(values));
        const weight = weighted ? sandbox.floats(masks) : 0;
        const bias = weighted ? sandbox.floats(constants) : 0;
        if (kind === "rms") kernels.rms_norm_panel(to, from, weight, n, eps);
        else kernels.layer_norm_panel(to, from, weight, bias, n, eps);
        return sandbox.readFloats(to, 32 * n);
      };
      const expected = x.map((value, i) => {
        const lane = i % 32;
        const at = (values: number[]) => Array.from({ length: n }, (_, f) => values[32 * f + lane]);
        const mean = (values: number[]) => values.reduce((sum, one) => sum + one, 0) / n;
        const [centre, likeCentre] = kind === "rms" ? [0, 0] : [mean(at(x)), mean(at(like))];
        const variance = mean(at(like).map((one) => (one - likeCentre) ** 2));
        const f = Math.floor(i / 32);
        const scaled = (value - centre) / Math.sqrt(variance + eps);
        return weighted ? scaled * masks[f] + (kind === "rms" ? 0 : constants[f]) : scaled;
      });
      const scale = 1 + largestOf(expected);
      const run = (kernels: Kernels, sandbox: Sandbox) => norm(kernels, sandbox, like);
      expectClose(runOn(exact, run), expected, 1e-9, scale);
      compare(run, (actual, reference) => expectClose(actual, reference, 5e-6, scale));
      // Where the model is the token itself, it is the norm.
      const itself = (kernels: Kernels, sandbox: Sandbox) => norm(kernels, sandbox, x);
      expectClose(runOn(exact, itself), runOn(exact, own), 1e-9, 1 + largestOf(runOn(exact, own)));
    }),
  );
});
