import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadModel, type Model, type Sequences, viewActivations } from "../../dist/node/index.js";
import { Random } from "../../src/random.js";
import { fixtures } from "../support/fixtures.js";

const path = fixtures.find((name) => name.endsWith("05_yolo2_like_d64"))!;
const nodes = ["0.mlp.post_act:3", "0.mlp.post_act:50", "1.attn.q:7", "final_resid:4"];

const random = new Random(5);
const documents = Array.from({ length: 301 }, () =>
  Int32Array.from({ length: 1 + random.integer(22) }, () => random.integer(80)),
);
const sequences: Sequences = { length: documents.length, at: (index) => documents[index] };

let model: Model;
beforeAll(async () => {
  model = await loadModel(path, { threads: 1 });
});
afterAll(() => model.dispose());

/** `[documents][T]`: the activations of a node, computed document by document. */
async function activationsOf(node: string): Promise<number[][]> {
  const [point, channel] = node.split(":");
  const all: number[][] = [];
  for (const tokens of documents) {
    const { activations } = await model.forward(tokens, { record: point, logits: "none" });
    const { data, shape } = activations.get(point)!;
    all.push(Array.from({ length: shape[0] }, (_, t) => data[t * shape[1] + Number(channel)]));
  }
  return all;
}

describe.each(nodes)("%s", (node) => {
  let expected: number[][];
  beforeAll(async () => {
    expected = await activationsOf(node);
  });
  const view = async () => (await viewActivations(model, nodes, sequences)).get(node)!;

  test("its statistics are those of all its activations", async () => {
    const all = expected.flat();
    const found = await view();
    const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
    const variance = all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length;
    expect(found).toMatchObject({
      documents: 301,
      tokens: all.length,
      zeros: all.filter((a) => a === 0).length,
    });
    expect(found.mean).toBeCloseTo(mean, 5);
    expect(found.standardDeviation).toBeCloseTo(Math.sqrt(variance), 5);
    expect(found.minimum).toBeCloseTo(Math.min(...all), 5);
    expect(found.maximum).toBeCloseTo(Math.max(...all), 5);
    const counted = found.histogram.counts.reduce((sum, count) => sum + count, 0);
    expect(counted).toBe(all.length - found.zeros);
  });

  test("its documents are those about the quantiles, each with what it stands for", async () => {
    const { quantiles } = await view();
    expect(quantiles.map(({ quantile }) => quantile)).toEqual([0.001, 0.01, 0.1, 0.5]);
    const sides = {
      bottom: expected.map((activations) => Math.min(...activations)).toSorted((a, b) => a - b),
      top: expected.map((activations) => Math.max(...activations)).toSorted((a, b) => b - a),
    };
    // 0.1 % of 301 documents is the very first, 1 % the fourth, 10 % the 31st, half the 151st.
    const starts = [0, 1, 28, 148];
    for (const [i, one] of quantiles.entries()) {
      for (const side of ["bottom", "top"] as const) {
        const found = one[side].map(({ activations, position }) => activations[position]);
        expect(found).toHaveLength(5);
        for (const [j, value] of found.entries()) expect(value).toBeCloseTo(sides[side][starts[i] + j], 4);
        for (const { document, tokens, activations, position } of one[side]) {
          expect(tokens).toEqual(documents[document]);
          expect(activations).toHaveLength(tokens.length);
          for (const [t, value] of activations.entries()) expect(value).toBeCloseTo(expected[document][t], 4);
          const best = side === "top" ? Math.max(...activations) : Math.min(...activations);
          expect(position).toBe(activations.indexOf(best));
        }
      }
    }
  });
});

test("the same every time", async () => {
  expect(await viewActivations(model, nodes, sequences)).toEqual(
    await viewActivations(model, nodes, sequences),
  );
});

test("fewer documents than are asked for, other quantiles", async () => {
  const few: Sequences = { length: 3, at: (index) => documents[index] };
  const view = (await viewActivations(model, [nodes[0]], few, { quantiles: [0, 1] })).get(nodes[0])!;
  expect(view.quantiles.map(({ bottom, top }) => [bottom.length, top.length])).toEqual([
    [3, 3],
    [3, 3],
  ]);
});

test("what cannot be looked at", async () => {
  await expect(viewActivations(model, ["0.mlp.post_act:112"], sequences)).rejects.toThrow(
    "channels 0 to 111",
  );
  await expect(viewActivations(model, [nodes[0]], { length: 0, at: () => [] })).rejects.toThrow(
    "no documents",
  );
  const signal = AbortSignal.abort(new Error("enough"));
  await expect(viewActivations(model, [nodes[0]], sequences, { signal })).rejects.toThrow("enough");
});
