import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { expect, test } from "vitest";
import type { BinarizedNodes } from "../../src/circuits/binarized-memory.js";
import { type MaskCall, type MaskGradientResult, MaskPrograms } from "../../src/circuits/mask-program.js";
import { describe } from "../../src/model/description.js";
import { NodeIndex } from "../../src/model/node-index.js";
import { Random } from "../../src/random.js";
import { scoreCandidates } from "../../src/tasks/score.js";
import { fixtures, readGolden } from "../support/fixtures.js";
import { placeFixture } from "../support/placed-model.js";
import { finish } from "../support/training.js";

// Where AbsTopK keeps everything: what it keeps jumps, and finite differences with it.
const smooth = fixtures.filter(
  (path) => (JSON.parse(readFileSync(`${path}/beeg_config.json`, "utf8")).afrac ?? null) === null,
);

test.each(smooth.slice(0, 3).map((path) => [basename(path), path]))(
  "gradients by the steps of binarised nodes are finite differences (%s)",
  async (_, path) => {
    const golden = readGolden(path);
    const { thread, config, weights, end } = await placeFixture(path, "plain", 8);
    const index = new NodeIndex(describe(config));
    const tokens = golden.rows("contrast/tokens");
    const prompts = golden.rows("contrast/target_alt").map(([right, wrong], i) => ({
      ...{ tokens: tokens[i], candidates: [right, wrong] as const },
    }));
    const programs = new MaskPrograms(thread, weights, end);
    const random = new Random(1);
    // A node at each location of the last layer, the first or the last channel.
    const nodes = index.locations
      .filter(({ name }) => name.startsWith(`${config.n_layer - 1}.`))
      .flatMap(({ offset, width }, i) => [offset + (i % 2) * (width - 1)]);
    const draw = (scale: number) => Float32Array.from(nodes, () => scale * random.normal());
    const start: BinarizedNodes = {
      ...{ nodes, left: draw(0.5), right: draw(0.5), threshold: draw(0.1), mix: 0.6 },
      temperature: Float32Array.from(nodes, () => 0.4),
    };
    const run = (binarized: BinarizedNodes) =>
      finish(
        programs.run({
          ...{ type: "mask-gradient", prompts, locations: index.locations, binarized },
          constants: new Float32Array(index.count),
          masks: new Float32Array(index.count).fill(1),
        } as MaskCall) as Generator<unknown, MaskGradientResult, never>,
      );
    const lossOf = (binarized: BinarizedNodes) => scoreCandidates(run(binarized).candidateLogits[0]).loss;
    const { binarizedGradient } = run(start);
    const step = 2 ** -7;
    let largest = 0;
    for (const name of ["left", "right", "threshold"] as const) {
      for (const i of nodes.keys()) {
        const moved = (by: number) => ({
          ...start,
          [name]: start[name].map((x, j) => (i === j ? x + by : x)),
        });
        const expected = (lossOf(moved(step)) - lossOf(moved(-step))) / (2 * step);
        const actual = binarizedGradient![name][i];
        largest = Math.max(largest, Math.abs(expected));
        expect(Math.abs(actual - expected), `${name} of ${index.nameOf(nodes[i])}`).toBeLessThan(
          1e-4 + 0.02 * Math.abs(expected),
        );
      }
    }
    expect(largest).toBeGreaterThan(1e-3);
  },
);
