import { expect, test } from "vitest";
import { prepareTask } from "../../src/tasks/batch.js";
import { findTask } from "../../src/tasks/registry.js";
import { scoreCandidates, scoreTask } from "../../src/tasks/score.js";
import { available, batchOptions, tokenizer } from "./support.js";

test("by hand", () => {
  // Two pairs: margins 1 and -2, then 0 and 3.
  const score = scoreCandidates([1, 0, 0, 2, 5, 5, 3, 0]);
  const loss = (margin: number) => Math.log(1 + Math.exp(-margin));
  expect(score.pairs).toBe(2);
  // Neither candidate is the larger of equals.
  expect(score.sides[0].accuracy).toBe(0.5);
  expect(score.sides[1].accuracy).toBe(0.5);
  expect(score.sides[0].loss).toBeCloseTo((loss(1) + Math.LN2) / 2, 12);
  expect(score.sides[1].loss).toBeCloseTo((loss(-2) + loss(3)) / 2, 12);
  expect(score.loss).toBeCloseTo((loss(1) + Math.LN2 + loss(-2) + loss(3)) / 4, 12);
});

test("large logits do not overflow", () => {
  const { loss, accuracy } = scoreCandidates([1000, -1000, -1000, 1000]);
  expect({ loss, accuracy }).toEqual({ loss: 1000, accuracy: 0.5 });
});

test("the candidates are found among all logits", () => {
  const batch = available(prepareTask(findTask("for_while"), tokenizer, { ...batchOptions, count: 3 }));
  const logits = new Float32Array(6 * tokenizer.vocabularySize);
  for (let i = 0; i < 6; i++) logits[i * tokenizer.vocabularySize + batch.candidates[2 * i]] = 2;
  expect(scoreTask(logits, batch)).toMatchObject({
    accuracy: 1,
    loss: expect.closeTo(Math.log1p(Math.exp(-2)), 12),
  });
  // A model that ignores the prompt is at chance in accuracy, and worse in loss unless it is undecided.
  for (let i = 0; i < 6; i++)
    logits.fill(0, i * tokenizer.vocabularySize, (i + 1) * tokenizer.vocabularySize);
  for (let i = 0; i < 6; i++) logits[i * tokenizer.vocabularySize + batch.candidates[0]] = 2;
  const blind = scoreTask(logits, batch);
  expect(blind.accuracy).toBe(0.5);
  expect(blind.loss).toBeGreaterThan(Math.LN2);
});
