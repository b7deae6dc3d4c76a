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
import { trainedModel } from "../support/trained-model.js";

const source = trainedModel;

test("attribution orders nodes by gradient × (activation − mean), token by token", {
  timeout: 120_000,
}, async () => {
  const model = await loadModel(source, { threads: 1, kernels: "simd" });
  try {
    const splits = prepareSplits(model, findTask("for_while"), { trainPairs: 1, selectPairs: 1 });
    const { train } = splits;
    const prompts = Array.from({ length: 2 }, (_, i) =>
      Array.from(train.tokens.subarray(i * train.width, i * train.width + train.lengths[i])),
    );
    const means = await computeMeans(model, prompts, { source: "prompts", sha256: null });
    const index = new NodeIndex(model.description);
    const constants = ablationConstants(index, "mean", means);
    const masked = new MaskedModel(model, index, constants);

    /** By how much the loss grows, to first order, when a node goes to its mean: a finite difference at each token. */
    const plain = async (node: number) => {
      const { name, width, offset } = index.locationOf(node);
      const channel = node - offset;
      const step = 1e-2;
      let score = 0;
      for (const [i, prompt] of prompts.entries()) {
        // Sequence 2t is moved up at token t, sequence 2t + 1 down.
        const copies = Array.from({ length: 2 * prompt.length }, () => prompt);
        const { logits } = await model.forward(copies, {
          logits: "last",
          interventions: {
            [name]: ({ data }, { sequence }) => {
              data[(sequence >> 1) * width + channel] += sequence % 2 === 0 ? step : -step;
              return undefined;
            },
          },
        });
        const losses = logits.map(({ data }) => {
          const [right, wrong] = [0, 1].map((side) => data[train.candidates[2 * i + side]]);
          return Math.log1p(Math.exp(wrong - right));
        });
        const { activations } = await model.forward(prompt, { logits: "none", record: name });
        const { data } = activations.get(name)!;
        for (let at = 0; at < prompt.length; at++) {
          const gradient = (losses[2 * at] - losses[2 * at + 1]) / (2 * step);
          score += (gradient * (data[at * width + channel] - constants[node])) / prompts.length;
        }
      }
      return score;
    };
    const gradient = await masked.gradient(train, new Float32Array(index.count).fill(1));
    // Nodes that matter most, of both signs, whose activations are not cut off where they are moved.
    const { offset, width } = index.location("1.mlp.resid_delta");
    const nodes = Array.from({ length: width }, (_, channel) => offset + channel)
      .sort((a, b) => Math.abs(gradient[b]) - Math.abs(gradient[a]))
      .slice(0, 4);
    const scores = new Map<number, number>();
    for (const node of nodes) scores.set(node, await plain(node));
    const largest = Math.max(...[...scores.values()].map(Math.abs));
    expect(largest).toBeGreaterThan(1e-3);
    for (const [node, score] of scores) {
      expect(Math.abs(gradient[node] - score), index.nameOf(node)).toBeLessThan(0.03 * largest);
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
