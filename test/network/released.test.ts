import { describe, expect, it } from "vitest";
import { loadModel } from "../../dist/node/index.js";

// Downloads 47 MB once, into the cache: only when asked for.
const wanted = process.env.SPARSELENS_NETWORK_TESTS === "1";
const name = "csp_sweep1_1x_3.7Mnonzero_afrac0.250";

describe.skipIf(!wanted)("a released checkpoint (SPARSELENS_NETWORK_TESTS=1)", () => {
  it("completes Python", { timeout: 600_000 }, async () => {
    const model = await loadModel(`blob:${name}`);
    try {
      expect(model.config).toMatchObject({ n_layer: 8, d_model: 256, n_head: 16 });
      expect(model.tokenizer?.vocabularySize).toBe(2048);
      // What any model of Python knows: brackets close, loops have a variable, functions return.
      const next = async (prompt: string) => (await model.generate(prompt, { maxNewTokens: 4 })).text;
      expect(await next("for i in range(")).toMatch(/^[\w, ()]+\)?:?/);
      expect(await next("x = [1, 2, 3")).toMatch(/[\],]/);
      expect(await next('print("hello')).toMatch(/"/);
      const tokens = model.tokenizer!.encode("def add(a, b):\n    return a + b\n");
      const { loss } = await model.forward(tokens, { targets: [...tokens.slice(1), -1], logits: "none" });
      // A model that has learned nothing is at ln 2048 = 7.6 nats.
      expect(loss).toBeLessThan(3);
    } finally {
      await model.dispose();
    }
  });
});
