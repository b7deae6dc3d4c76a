import fc from "fast-check";
import { test } from "vitest";
import type { Kernels } from "../../../src/engine/kernels.js";
import { compare, exact, expectClose, largestOf, Random, runOn, type Sandbox } from "./sandbox.js";

const cases = fc.record({
  n: fc.integer({ min: 1, max: 150 }),
  centred: fc.boolean(),
  withWeight: fc.boolean(),
  withBias: fc.boolean(),
  inPlace: fc.boolean(),
  size: fc.constantFrom(0, 1e-6, 1, 1e4),
  eps: fc.constantFrom(1e-5, 2 ** -23),
  seed: fc.integer(),
});

/** The result, and the size against which its rounding is judged: x - mean rounds like x, however small it is. */
function byDefinition(x: number[], weight: number[], bias: number[], eps: number, centred: boolean) {
  const mean = centred ? x.reduce((sum, value) => sum + value, 0) / x.length : 0;
  const variance = x.reduce((sum, value) => sum + (value - mean) * (value - mean), 0) / x.length;
  const deviation = Math.sqrt(variance + eps);
  const condition = 1 + largestOf(x) / deviation;
  return x.map((value, i) => ({
    value: ((value - mean) / deviation) * weight[i] + bias[i],
    size: condition * (1 + Math.abs(weight[i])) + Math.abs(bias[i]),
  }));
}

test.each([
  { name: "one vector", lanes: 1 },
  { name: "a panel", lanes: 32 },
])("LayerNorm and RMSNorm of $name", ({ lanes }) => {
  fc.assert(
    fc.property(cases, ({ n, centred, withWeight, withBias, inPlace, size, eps, seed }) => {
      const random = new Random(seed);
      const x = random.normals(n * lanes).map((value) => Math.fround((value + 0.5) * size));
      const weight = withWeight ? random.normals(n) : new Array<number>(n).fill(1);
      const bias = withBias && centred ? random.normals(n) : new Array<number>(n).fill(0);
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const input = sandbox.floats(x);
        const output = inPlace ? input : sandbox.floats([], x.length);
        const w = withWeight ? sandbox.floats(weight) : 0;
        const b = withBias ? sandbox.floats(bias) : 0;
        sandbox.guarded([sandbox.area(output, x.length)], () => {
          if (centred && lanes === 1) kernels.layer_norm(output, input, w, b, n, eps);
          else if (centred) kernels.layer_norm_panel(output, input, w, b, n, eps);
          else if (lanes === 1) kernels.rms_norm(output, input, w, n, eps);
          else kernels.rms_norm_panel(output, input, w, n, eps);
        });
        return sandbox.readFloats(output, x.length);
      };
      const expected = new Array<number>(x.length);
      const sizes = new Array<number>(x.length);
      for (let lane = 0; lane < lanes; lane++) {
        const token = x.filter((_, i) => i % lanes === lane);
        byDefinition(token, weight, bias, eps, centred).forEach(({ value, size }, i) => {
          expected[i * lanes + lane] = value;
          sizes[i * lanes + lane] = size;
        });
      }
      expectClose(runOn(exact, run), expected, 1e-14, sizes);
      compare(run, (actual, reference) => expectClose(actual, reference, 1e-6, sizes));
    }),
    { numRuns: 150 },
  );
});
