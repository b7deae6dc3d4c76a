import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import {
  ablationConstants,
  computeMeans,
  findTask,
  loadModel,
  MaskedModel,
  NodeIndex,
  orderByAttribution,
  prepareSplits,
} from "../../dist/node/index.js";

const source = fileURLToPath(new URL("../../models/default", import.meta.url));

test("attribution orders nodes by gradient × (activation − mean), token by token", {
  timeout: 120_000,
}, async () => {
  const model = await loadModel(source, { threads: 1, precision: "float64", kernels: "plain" });
  try {
    const splits = prepareSplits(model, findTask("else_elif"), { trainPairs: 2, selectPairs: 1 });
    const { train } = splits;
    const prompts = Array.from({ length: 4 }, (_, i) =>
      Array.from(train.tokens.subarray(i * train.width, i * train.width + train.lengths[i])),
    );
    const means = await computeMeans(model, prompts, { source: "prompts", sha256: null });
    const index = new NodeIndex(model.description);
    const constants = ablationConstants(index, "mean", means);
    const masked = new MaskedModel(model, index, constants);

    /** Task loss of a prompt, and the node's activations. */
    const run = async (prompt: number, point: string, moved?: { channel: number; at: number; by: number }) => {
      const { logits, activations } = await model.forward(prompts[prompt], {
        ...{ logits: "last", record: point },
        interventions: {
          [point]: ({ data, shape }) => {
            if (moved) data[moved.at * shape[1] + moved.channel] += moved.by;
            return undefined;
          },
        },
      });
      const [right, wrong] = [0, 1].map((side) => logits.data[train.candidates[2 * prompt + side]]);
      return { loss: Math.log1p(Math.exp(wrong - right)), data: activations.get(point)!.data };
    };
    /** By how much the loss grows, to first order, when a node goes to its mean. */
    const plain = async (node: number) => {
      const { name, width, offset } = index.locationOf(node);
      const channel = node - offset;
      let score = 0;
      for (let prompt = 0; prompt < 4; prompt++) {
        const { data } = await run(prompt, name);
        for (let at = 0; at < prompts[prompt].length; at++) {
          const step = 1e-3;
          const up = await run(prompt, name, { channel, at, by: step });
          const down = await run(prompt, name, { channel, at, by: -step });
          const gradient = (up.loss - down.loss) / (2 * step);
          score += (gradient * (data[at * width + channel] - constants[node])) / 4;
        }
      }
      return score;
    };
    const gradient = await masked.gradient(train, new Float32Array(index.count).fill(1));
    // Nodes that matter most, of both signs, whose activations are not cut off where they are moved.
    const { offset, width } = index.location("1.mlp.resid_delta");
    const nodes = Array.from({ length: width }, (_, channel) => offset + channel)
      .sort((a, b) => Math.abs(gradient[b]) - Math.abs(gradient[a]))
      .slice(0, 6);
    const scores = new Map<number, number>();
    for (const node of nodes) scores.set(node, await plain(node));
    const largest = Math.max(...[...scores.values()].map(Math.abs));
    expect(largest).toBeGreaterThan(1e-3);
    for (const [node, score] of scores) {
      expect(Math.abs(gradient[node] - score), index.nameOf(node)).toBeLessThan(0.02 * largest);
    }
    // What lowers the loss when it comes back stands first; by size, whatever moves it most.
    const ordered = (by: (score: number) => number) =>
      [...scores].sort((a, b) => by(b[1]) - by(a[1])).map(([node]) => node);
    const gain = (await orderByAttribution(masked, splits)).nodes.filter((node) => scores.has(node));
    expect(gain).toEqual(ordered((score) => -score));
    const size = (await orderByAttribution(masked, splits, "size")).nodes.filter((node) => scores.has(node));
    expect(size).toEqual(ordered(Math.abs));
  } finally {
    await model.dispose();
  }
});
