import { expect, test } from "vitest";
import { budgetOf } from "../../src/circuits/audit-search.js";
import { auditStability } from "../../src/circuits/audit-stability.js";
import type { Circuit } from "../../src/circuits/circuit.js";
import { MASK_TRAINING_DEFAULTS, SMALL_MODEL_SETTINGS } from "../../src/circuits/mask-optimizer.js";
import {
  chanceJaccard,
  countOverlap,
  countsByLocation,
  jaccard,
  meanOverPairs,
} from "../../src/circuits/node-overlap.js";
import { parseConfig } from "../../src/model/config.js";
import { describe } from "../../src/model/description.js";
import { NodeIndex } from "../../src/model/node-index.js";
import { Random } from "../../src/random.js";

const config = { block_size: 8, vocab_size: 10, n_layer: 1, n_head: 2, d_model: 8, d_mlp: 16 };
const index = new NodeIndex(describe(parseConfig(config, "test")));

test("overlaps of sets and of counts, by hand", () => {
  expect(jaccard([1, 2, 3], [2, 3, 4, 5])).toBeCloseTo(2 / 5);
  expect([jaccard([], []), jaccard([1], []), jaccard([7, 9], [9, 7])]).toEqual([1, 0, 1]);
  expect(countOverlap([3, 0, 2], [1, 1, 2])).toBeCloseTo(3 / 6);
  expect([countOverlap([0], [0]), countOverlap([2, 0], [0, 2])]).toEqual([1, 0]);
  expect(meanOverPairs([1, 2, 4], (a, b) => b - a)).toBeCloseTo(2);
  const { offset } = index.location("0.mlp.post_act");
  expect(countsByLocation(index, [0, 1, offset + 3])).toEqual([2, 0, 0, 0, 0, 0, 1, 0]);
});

test("the overlap by chance is that of random sets, on average", () => {
  const { offset } = index.location("0.mlp.post_act");
  const random = new Random(5);
  const draw = () => random.shuffle(Array.from({ length: 16 }, (_, channel) => offset + channel)).slice(0, 8);
  const [a, b] = [draw(), draw()];
  let sum = 0;
  for (let i = 0; i < 2000; i++) sum += jaccard(draw(), draw()) / 2000;
  expect(chanceJaccard(index, a, b)).toBeCloseTo(4 / 12);
  expect(sum).toBeCloseTo(chanceJaccard(index, a, b), 1);
});

test("stability: overlap, sizes, and searches that missed the target", () => {
  const search = (nodes: number[], reached = true) => ({ seed: 1, nodes, reached });
  const audit = (...searches: ReturnType<typeof search>[]) =>
    auditStability({ index, nodes: [0, 1, 2, 3] }, searches);
  const same = audit(search([0, 1, 2, 3]), search([0, 1, 2]));
  expect(same.held).toBe(true);
  expect(same.measures!.jaccard).toBeCloseTo((1 + 0.75 + 0.75) / 3);
  expect(same.measures!.common).toEqual(["0.attn.act_in:0", "0.attn.act_in:1", "0.attn.act_in:2"]);
  expect(audit(search([4, 5, 6, 7])).held).toBe(false);
  expect(audit(search([0, 1, 2, 3], false))).toMatchObject({
    held: false,
    summary: expect.stringContaining("1 missed the target"),
  });
  // About the same nodes, but too many more.
  expect(auditStability({ index, nodes: [0] }, [search([0, 1, 2])]).held).toBe(false);
});

test("the budget is that of the circuit's own search, or what prune would do", () => {
  const found = {
    method: "masks",
    ...{ settings: { steps: 7, k_coef: 0.5, note: "x" }, steps: ["bisection"], candidates: 5 },
  };
  expect(budgetOf({ found } as unknown as Circuit)).toEqual({
    ...{ settings: { ...MASK_TRAINING_DEFAULTS, steps: 7, k_coef: 0.5 }, trials: 5, hasRemoval: false },
  });
  expect(budgetOf({ found } as unknown as Circuit, 2).trials).toBe(2);
  const read = { ...found, method: "OpenAI", steps: [] };
  expect(budgetOf({ found: read } as unknown as Circuit)).toEqual({
    ...{ settings: SMALL_MODEL_SETTINGS, trials: 3, hasRemoval: true },
  });
});
