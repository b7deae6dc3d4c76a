import fc from "fast-check";
import { expect, test } from "vitest";
import { prepareTask } from "../../src/tasks/batch.js";
import { taskFromJsonLines } from "../../src/tasks/json-lines.js";
import { type Pair, SPLITS } from "../../src/tasks/task.js";
import { available, batchOptions, take, tokenizer } from "./support.js";

const pair = (i: number): Pair => ({ prompts: [`for x${i}`, `while x${i}`], answers: [" in", ":"] });
const lines = (count: number) => Array.from({ length: count }, (_, i) => JSON.stringify(pair(i)));
const parse = (...given: string[]) => taskFromJsonLines(given.join("\n"), "own", "own.jsonl");

test("the pairs of a file are in three splits, each once", () => {
  const task = parse(...lines(20), "", "  ");
  const drawn = SPLITS.map((split) => take(task, 100, { split }));
  expect(drawn.map((pairs) => pairs.length)).toEqual([10, 5, 5]);
  expect(new Set(drawn.flat().map(({ prompts }) => prompts[0])).size).toBe(20);
  expect(parse(...lines(20).reverse()).endsAlike).toBe(true);
  const other = parse(...lines(20).reverse());
  for (const [i, split] of SPLITS.entries()) {
    const sorted = (pairs: Pair[]) => pairs.map(({ prompts }) => prompts[0]).sort();
    expect(sorted(take(other, 100, { split }))).toEqual(sorted(drawn[i]));
  }
  expect(take(task, 100, { seed: 2 })).not.toEqual(drawn[0]);
  const batch = available(prepareTask(task, tokenizer, { ...batchOptions, count: 100 }));
  expect(batch.count).toBe(10);
});

test("pairs that share a prompt stay together", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(12), fc.nat(12)), { minLength: 3, maxLength: 30 }), (given) => {
      const pairs = given
        .filter(([a, b]) => a !== b)
        .map(([a, b]) => ({ prompts: [`p${a}`, `p${b}`], answers: ["a", "b"] }));
      // Of what hangs together there must be three parts.
      pairs.push(...[100, 102, 104].map((n) => ({ prompts: [`p${n}`, `p${n + 1}`], answers: ["a", "b"] })));
      const task = parse(...pairs.map((one) => JSON.stringify(one)));
      const seen = new Map<string, string>();
      let count = 0;
      for (const split of SPLITS) {
        const drawn = take(task, 1000, { split });
        expect(drawn.length).toBeGreaterThan(0);
        count += drawn.length;
        for (const prompt of drawn.flatMap(({ prompts }) => prompts)) {
          expect(seen.get(prompt) ?? split).toBe(split);
          seen.set(prompt, split);
        }
      }
      expect(count).toBe(pairs.length);
    }),
  );
});

test("lines may name their splits", () => {
  const named = SPLITS.map((split, i) => JSON.stringify({ ...pair(i), split }));
  const task = parse(...named);
  for (const [i, split] of SPLITS.entries()) expect(take(task, 9, { split })).toEqual([pair(i)]);
});

test("prompts that end differently are marked", () => {
  const odd = JSON.stringify({ prompts: ["if x:\n    else", "if x:\n    elif"], answers: [":", " y"] });
  expect(parse(...lines(4)).endsAlike).toBe(true);
  expect(parse(...lines(4), odd).endsAlike).toBe(false);
});

test.each([
  [[""], "own.jsonl holds no pairs"],
  [['{"prompts"'], "own.jsonl, line 1 is not JSON"],
  [["[]"], 'own.jsonl, line 1: expected an object with "prompts" and "answers"'],
  [[lines(1)[0], "", "{}"], "own.jsonl, line 3: prompts must be two texts"],
  [['{"prompts": ["a"], "answers": ["b", "c"]}'], "line 1: prompts must be two texts"],
  [['{"prompts": ["a", "b"], "answers": ["b", 3]}'], "line 1: answers must be two texts"],
  [['{"prompts": ["a", "b"], "answers": ["", "c"]}'], "line 1: answers must be two texts"],
  [['{"prompts": ["a", "b"], "answers": ["c", "c"]}'], "line 1: the two answers are the same"],
  [['{"prompts": ["a", "a"], "answers": ["b", "c"]}'], "line 1: the two prompts are the same"],
  [['{"prompts": ["a", "b"], "answers": ["b", "c"], "answer": 1}'], "line 1: unknown key answer"],
  [[JSON.stringify({ ...pair(1), split: "test" })], 'line 1: split is "test"'],
  [[JSON.stringify({ ...pair(1), split: "train" }), lines(1)[0]], "line 2: split is missing"],
  [
    [JSON.stringify({ ...pair(1), split: "train" }), JSON.stringify({ ...pair(1), split: "report" })],
    "line 2: shares a prompt with line 1",
  ],
  [lines(2), "own.jsonl holds too few pairs"],
])("%j: %s", (given, message) => {
  expect(() => parse(...given)).toThrow(message);
});
