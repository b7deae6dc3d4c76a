import { basename } from "node:path";
import { expect, describe as group, test } from "vitest";
import {
  type EvaluateMasksResult,
  type MaskCall,
  type MaskGradientResult,
  MaskPrograms,
} from "../../src/circuits/mask-program.js";
import { describe } from "../../src/model/description.js";
import { NodeIndex } from "../../src/model/node-index.js";
import { scoreCandidates } from "../../src/tasks/score.js";
import { fixtures, readGolden } from "../support/fixtures.js";
import type { Golden } from "../support/golden.js";
import { placeFixture } from "../support/placed-model.js";
import { finish } from "../support/training.js";

/** Largest difference from the released code's gradient, relative to the largest at the same location. */
const TOLERANCE = 1e-4;

function promptsOf(golden: Golden) {
  const tokens = golden.rows("contrast/tokens");
  return golden.rows("contrast/target_alt").map(([right, wrong], i) => ({
    tokens: tokens[i],
    candidates: [right, wrong] as const,
  }));
}

/** Values by hook point, one behind the other in the order of the nodes. */
function gather(index: NodeIndex, values: (location: string) => ArrayLike<number>): Float32Array {
  const all = new Float32Array(index.count);
  for (const { name, offset } of index.locations) all.set(values(name), offset);
  return all;
}

for (const path of fixtures) {
  group(basename(path), () => {
    const golden = readGolden(path);
    const prompts = promptsOf(golden);

    test.each([
      { name: "ones_zeroabl", kernels: "plain" as const },
      { name: "ones_zeroabl", kernels: "simd" as const },
      { name: "soft_meanabl", kernels: "plain" as const },
      { name: "soft_meanabl", kernels: "simd" as const },
    ])(
      "the gradients by masks are those of the released code ($name, $kernels)",
      async ({ name, kernels }) => {
        const { thread, config, weights, end } = await placeFixture(path, kernels);
        const wanted = golden.names(`maskgrad/${name}/grad/`);
        const isNode = (location: string) => wanted.includes(`maskgrad/${name}/grad/${location}`);
        const index = new NodeIndex(describe(config), { finalResid: isNode("final_resid") });
        expect(index.locations.map((location) => location.name).sort()).toEqual(
          wanted.map((one) => one.slice(`maskgrad/${name}/grad/`.length)).sort(),
        );
        const soft = name === "soft_meanabl";
        const masks = soft
          ? gather(index, (location) => golden.numbers(`maskgrad/${name}/mask/${location}`))
          : new Float32Array(index.count).fill(1);
        const constants = soft
          ? gather(index, (location) => golden.numbers(`mean/${location}`))
          : new Float32Array(index.count);
        const programs = new MaskPrograms(thread, weights, end);
        const run = (call: Partial<MaskCall>) =>
          finish(
            programs.run({
              prompts,
              locations: index.locations,
              constants,
              ...call,
            } as MaskCall) as Generator<unknown, unknown, never>,
          );
        const result = run({ type: "mask-gradient", masks }) as MaskGradientResult;
        const loss = soft ? golden.numbers(`maskgrad/${name}/loss`) : golden.numbers("contrast/loss");
        expect(Math.abs(scoreCandidates(result.candidateLogits[0]).loss - loss[0])).toBeLessThan(2e-5);
        let largest = 0;
        for (const { name: location, width, offset } of index.locations) {
          const expected = golden.numbers(`maskgrad/${name}/grad/${location}`);
          const actual = result.maskGradient.subarray(offset, offset + width);
          const scale = Math.max(...expected.map(Math.abs));
          largest = Math.max(largest, scale);
          const wrong = expected.filter(
            (value, i) => !(Math.abs(value - actual[i]) <= TOLERANCE * scale + 1e-9),
          );
          expect(wrong.length, location).toBe(0);
        }
        expect(largest).toBeGreaterThan(1e-4);

        // The forward pass that keeps nothing says the same.
        const evaluated = run({ type: "evaluate-masks", masks: [masks, masks] }) as EvaluateMasksResult;
        expect(evaluated.candidateLogits).toEqual([result.candidateLogits[0], result.candidateLogits[0]]);
      },
    );
  });
}
