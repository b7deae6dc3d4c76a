import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadModel } from "../../dist/node/index.js";
import type { Model } from "../../src/model.js";
import { prepareTask, promptOf } from "../../src/tasks/batch.js";
import { evaluateCorpus, evaluateTasks } from "../../src/tasks/evaluate.js";
import { findTask } from "../../src/tasks/registry.js";
import { scoreTask } from "../../src/tasks/score.js";
import { trainedModel } from "../support/trained-model.js";
import { available } from "./support.js";

describe("on a small trained model", () => {
  let model: Model;
  beforeAll(async () => {
    model = (await loadModel(trainedModel, { threads: 1, kernels: "simd" })) as unknown as Model;
  });
  afterAll(() => model.dispose());

  test("a task's score is that of its prompts one by one", async () => {
    const task = findTask("while_return_true");
    const [evaluation] = await evaluateTasks(model, { tasks: [task], pairs: 5, seed: 3 });
    const batch = available(
      prepareTask(task, model.tokenizer!, {
        ...{ split: "report", seed: 3, count: 5, maxTokens: model.config.block_size },
      }),
    );
    const logits: number[] = [];
    for (let i = 0; i < 10; i++) {
      const output = await model.forward(promptOf(batch, i), { logits: "last" });
      logits.push(...output.logits.data);
    }
    expect(evaluation.score!.loss).toBeCloseTo(scoreTask(logits, batch).loss, 5);
    expect(evaluation.score!.pairs).toBe(5);
    // This model knows it.
    expect(evaluation.score!.accuracy).toBe(1);
    expect(evaluation.score!.loss).toBeLessThan(0.1);
    expect(evaluation).toMatchObject({ templates: "standard", endsAlike: true, aligned: 1, refused: 0 });
  });

  test("both sets of templates; more prompts than one call takes", async () => {
    const evaluations = await evaluateTasks(model, {
      ...{ tasks: [findTask("for_while"), findTask("else_elif")], pairs: 40 },
      templates: ["standard", "unseen"],
    });
    expect(evaluations.map(({ task, templates }) => `${task} ${templates}`)).toEqual([
      ...["for_while standard", "for_while unseen", "else_elif standard", "else_elif unseen"],
    ]);
    expect(evaluations.map(({ endsAlike }) => endsAlike)).toEqual([true, true, false, false]);
    for (const { score } of evaluations) expect(score!.pairs).toBe(40);
  });

  test("cross-entropy in windows that cover every token but the first", async () => {
    const tokens = Uint16Array.from({ length: 3 * 128 + 20 }, (_, i) => (i * 37) % 768);
    const { loss, tokens: count } = await evaluateCorpus(model, tokens);
    expect(count).toBe(tokens.length - 1);
    let total = 0;
    for (let start = 0; start < tokens.length - 1; start += 128) {
      const input = tokens.subarray(start, Math.min(start + 128, tokens.length - 1));
      const { logits } = await model.forward(input);
      for (let t = 0; t < input.length; t++) {
        const row = [...logits.data.subarray(t * 768, (t + 1) * 768)];
        const largest = Math.max(...row);
        const sum = row.reduce((part, logit) => part + Math.exp(logit - largest), 0);
        total += largest + Math.log(sum) - row[tokens[start + t + 1]];
      }
    }
    expect(loss).toBeCloseTo(total / count, 4);
    const part = await evaluateCorpus(model, tokens, { maxTokens: 256 });
    expect(part.tokens).toBe(256);
    expect((await evaluateCorpus(model, tokens, { maxTokens: 50 })).tokens).toBe(50);
    await expect(evaluateCorpus(model, Uint16Array.of(1))).rejects.toThrow("nothing to predict");
  });
});

test("a model without a tokenizer has no tasks", async () => {
  const model = (await loadModel("test/fixtures/05_yolo2_like_d64", { threads: 1 })) as unknown as Model;
  try {
    await expect(evaluateTasks(model, { tasks: [] })).rejects.toThrow("came without a tokenizer");
  } finally {
    await model.dispose();
  }
});
