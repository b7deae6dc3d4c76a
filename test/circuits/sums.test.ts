import { expect, test } from "vitest";
import { describe } from "../../src/model/description.js";
import { forwardProgram } from "../../src/runtime/forward-program.js";
import { type SumsResult, sumsProgram } from "../../src/runtime/sums-program.js";
import { fixtures, readGolden } from "../support/fixtures.js";
import { placeFixture } from "../support/placed-model.js";
import { finish } from "../support/training.js";

test.each(["plain", "simd"] as const)(
  "sums of activations are those of all tokens and no others (%s)",
  async (kernels) => {
    const path = fixtures.find((one) => one.endsWith("05_yolo2_like_d64"))!;
    const { thread, config, weights, end } = await placeFixture(path, kernels);
    const golden = readGolden(path);
    // Lengths that leave gaps in panels, and one that fills them.
    const [short, , long] = [0, 1, 2].map((i) => golden.numbers(`seq${i}/tokens`));
    const sequences = [short, long, long.slice(0, 5), long.slice(0, 32)].map((tokens) => ({ tokens }));
    const points = describe(config).hookPoints.map(({ name, width }) => ({ name, width }));
    const { sums, tokens } = finish(
      sumsProgram(thread, weights, end, { type: "sums", sequences, points }) as Generator<
        unknown,
        SumsResult,
        never
      >,
    );
    const hooks = points.map(({ name, width }) => ({ point: name, width, record: true, replacements: [] }));
    const forward = forwardProgram(thread, weights, end, {
      type: "forward",
      sequences,
      logits: "none",
      hooks,
    });
    let step = forward.next();
    while (!step.done) step = forward.next([]);
    expect(tokens).toBe(sequences.reduce((sum, one) => sum + one.tokens.length, 0));
    for (const { name, width } of points) {
      const expected = new Float64Array(width);
      for (const rows of step.value.activations.get(name)!) {
        rows.forEach((value, i) => {
          expected[i % width] += value;
        });
      }
      const scale = Math.max(1, ...expected.map(Math.abs));
      sums.get(name)!.forEach((sum, channel) => {
        expect(Math.abs(sum - expected[channel]), `${name}:${channel}`).toBeLessThan(1e-5 * scale);
      });
    }
    // The means of the golden batch.
    const rows = golden.rows("batch/tokens").map((row) => ({ tokens: row }));
    const batch = finish(
      sumsProgram(thread, weights, end, { type: "sums", sequences: rows, points }) as Generator<
        unknown,
        SumsResult,
        never
      >,
    );
    for (const { name } of points) {
      const expected = golden.numbers(`mean/${name}`);
      batch.sums.get(name)!.forEach((sum, channel) => {
        expect(sum / batch.tokens).toBeCloseTo(expected[channel], 4);
      });
    }
  },
);
