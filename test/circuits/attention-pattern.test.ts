import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadModel, type Model } from "../../dist/node/index.js";
import { attentionPattern } from "../../src/circuits/attention-pattern.js";
import type { Model as SourceModel } from "../../src/model.js";

describe.each([
  { name: "05_yolo2_like_d64", about: "with sinks" },
  { name: "01_ln_gelu_tied", about: "without sinks" },
])("attention patterns $about", ({ name }) => {
  let model: Model;
  beforeAll(async () => {
    model = await loadModel(new URL(`../fixtures/${name}`, import.meta.url).pathname, { threads: 1 });
  });
  afterAll(() => model?.dispose());

  it("mix the values into what the model has as attn.y", async () => {
    const tokens = [3, 1, 4, 1, 5, 9, 2, 6, 5];
    const { n_head, d_head } = model.config;
    const { activations } = await model.forward(tokens, { record: ["0.attn.v", "0.attn.y"] });
    const [v, y] = [activations.get("0.attn.v")!, activations.get("0.attn.y")!];
    for (let head = 0; head < n_head; head++) {
      const pattern = await attentionPattern(model as unknown as SourceModel, tokens, { layer: 0, head });
      for (let i = 0; i < tokens.length; i++) {
        for (let c = head * d_head; c < (head + 1) * d_head; c++) {
          let mixed = 0;
          for (let j = 0; j <= i; j++)
            mixed += pattern.weights[i * tokens.length + j] * v.data[j * v.shape[1] + c];
          expect(mixed).toBeCloseTo(y.data[i * y.shape[1] + c], 4);
        }
        const row = pattern.weights.subarray(i * tokens.length, (i + 1) * tokens.length);
        expect(row.reduce((sum, weight) => sum + weight, pattern.sink[i])).toBeCloseTo(1, 5);
        expect(pattern.sink[i] > 0).toBe(model.config.sink);
      }
    }
  });

  it("say what a channel adds to the scores: all channels of a head together make them", async () => {
    const tokens = [3, 1, 4, 1, 5];
    const { d_head } = model.config;
    const shares: Float32Array[] = [];
    for (let channel = 0; channel < d_head; channel++) {
      shares.push(
        (await attentionPattern(model as unknown as SourceModel, tokens, { layer: 0, head: 0, channel }))
          .share!,
      );
    }
    const { weights } = await attentionPattern(model as unknown as SourceModel, tokens, {
      layer: 0,
      head: 0,
    });
    const score = (i: number, j: number) =>
      shares.reduce((sum, share) => sum + share[i * tokens.length + j], 0);
    // Of two keys the ratio of weights is that of the exponentials of their scores.
    const ratio = weights[4 * 5 + 1] / weights[4 * 5 + 3];
    expect(Math.log(ratio)).toBeCloseTo(score(4, 1) - score(4, 3), 4);
  });

  it("refuses a head that is not there", async () => {
    await expect(
      attentionPattern(model as unknown as SourceModel, [1], { layer: 0, head: 99 }),
    ).rejects.toThrow(/no head 99/);
  });
});
