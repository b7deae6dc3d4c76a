import { basename } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadModel, type Model } from "../../dist/node/index.js";
import { fixtures, readGolden } from "../support/fixtures.js";
import { checkParity } from "../support/parity.js";

// What users install, against what the released code computes.
const settings = [
  { weights: "final_model.pt", threads: 1, kernels: "simd" },
  { weights: "model.safetensors", threads: 2, kernels: "simd" },
  { weights: "final_model.pt", threads: 2, kernels: "auto" },
  { weights: "model.safetensors", threads: 1, kernels: "plain" },
  { weights: "model.safetensors", threads: 2, kernels: "plain" },
] as const;

for (const { weights, threads, kernels } of settings) {
  describe.concurrent(`${weights}, ${threads} threads, ${kernels} kernels`, () => {
    for (const path of fixtures) {
      it(basename(path), async () => {
        const model = await loadModel(`${path}/${weights}`, { threads, kernels });
        try {
          await checkParity(model, readGolden(path));
        } finally {
          await model.dispose();
        }
      });
    }
  });
}

describe("results do not depend on the number of threads", () => {
  const path = fixtures[fixtures.length - 1];
  const prompt = readGolden(path).numbers("seq1/tokens");
  const models: Model[] = [];
  beforeAll(async () => {
    for (const threads of [1, 2, 3]) models.push(await loadModel(path, { threads, kernels: "simd" }));
  });
  afterAll(() => Promise.all(models.map((model) => model.dispose())));

  it("bit for bit, in a batch and while generating", async () => {
    const batch = [prompt, prompt.slice(1), prompt.slice(0, 3), [5], prompt.slice(2)];
    const outputs = await Promise.all(models.map((model) => model.forward(batch, { record: "*" })));
    const texts = await Promise.all(
      models.map((model) =>
        model.generate(prompt, { maxNewTokens: 30, doSample: true, seed: 7, record: "1.mlp.post_act" }),
      ),
    );
    for (const output of outputs.slice(1)) {
      expect(output.logits).toEqual(outputs[0].logits);
      expect(output.activations).toEqual(outputs[0].activations);
    }
    for (const text of texts.slice(1)) {
      expect(text.tokens).toEqual(texts[0].tokens);
      expect(text.activations).toEqual(texts[0].activations);
    }
  });
});
