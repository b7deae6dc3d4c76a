import { expect, test } from "vitest";
import { encodePair, prepareTask, promptOf } from "../../src/tasks/batch.js";
import { findTask } from "../../src/tasks/registry.js";
import type { Pair, Task } from "../../src/tasks/task.js";
import { Tokenizer } from "../../src/tokenizer/tokenizer.js";
import { available, batchOptions, tokenizer, unavailable } from "./support.js";

const anyLength = { maxTokens: 1000 };

function taskOf(...pairs: Pair[]): Task {
  return {
    ...{ name: "own", description: "", endsAlike: true, templates: ["standard"] },
    pairs: () => pairs,
  };
}

/** A token for each byte of ASCII. */
const bytes = Tokenizer.fromVocabulary({
  vocabulary: Object.fromEntries(
    Array.from({ length: 94 }, (_, i) => [String.fromCharCode(33 + i), i] as const).concat([
      ["Ġ", 94],
      ["Ċ", 95],
    ]),
  ),
  merges: "",
});

test("candidates are the first tokens that differ; what they share before belongs to the prompts", () => {
  const pair: Pair = { prompts: ["x = [1", "x = [[1"], answers: ["]\n", "]]\n"] };
  const whole = encodePair(pair, tokenizer, anyLength);
  expect(whole).toEqual({
    prompts: pair.prompts.map((prompt) => tokenizer.encode(prompt)),
    candidates: [tokenizer.encode("1]\n").at(-1), tokenizer.encode("1]]\n").at(-1)],
  });
  const split = encodePair(pair, bytes, anyLength);
  expect(split).toEqual({
    prompts: pair.prompts.map((prompt) => bytes.encode(`${prompt}]`)),
    candidates: [bytes.id("Ċ"), bytes.id("]")],
  });
});

test.each([
  [["print('a'", "print(\"a'"], [")", "\n"], "reach from the prompt into an answer"],
  [["x = 1", "y = 1"], [" + 2", " + 2 + 3"], "one answer is the beginning of the other"],
])("%j with %j is refused", (prompts, answers, reason) => {
  expect(encodePair({ prompts, answers } as unknown as Pair, tokenizer, anyLength)).toContain(reason);
});

test("prompts that are too long or hold unknown tokens are refused", () => {
  const pair: Pair = { prompts: ["for x", "while x"], answers: [" in", ":"] };
  expect(encodePair(pair, tokenizer, { maxTokens: 1 })).toBe("a prompt has more than 1 tokens");
  expect(encodePair(pair, tokenizer, { maxTokens: 2 })).toHaveProperty("candidates");
  expect(encodePair(pair, tokenizer, { maxTokens: 2, vocabularySize: 5 })).toBe(
    "a token is not among the model's 5",
  );
});

test("a batch holds the prompts side by side, the right candidate first", () => {
  const pairs: Pair[] = [
    { prompts: ["for x", "while x"], answers: [" in xs", ":\n"] },
    { prompts: ["for i, x in", "for i in"], answers: [" enumerate(", " range("] },
  ];
  const batch = available(prepareTask(taskOf(...pairs), tokenizer, { ...batchOptions, count: 5 }));
  expect(batch).toMatchObject({
    task: "own",
    split: "train",
    templates: "standard",
    count: 2,
    endsAlike: true,
  });
  expect([...batch.aligned]).toEqual([1, 0]);
  expect(batch.tokens).toHaveLength(4 * batch.width);
  const texts = Array.from({ length: 4 }, (_, i) => tokenizer.decode(promptOf(batch, i)));
  expect(texts).toEqual(["for x", "while x", "for i, x in", "for i in"]);
  const candidates = [...batch.candidates].map((token) => tokenizer.decode([token]));
  expect(candidates).toEqual([
    ...[" in", ":\n", ":\n", " in"],
    ...[" enumerate", " range", " range", " enumerate"],
  ]);
  const aligned = available(prepareTask(taskOf(...pairs), tokenizer, { ...batchOptions, alignedOnly: true }));
  expect(aligned.pairs).toEqual([pairs[0]]);
  expect([...aligned.refused]).toEqual([["its prompts differ in length", 1]]);
});

test("a task that cannot be expressed says why", () => {
  const quote = findTask("single_double_quote");
  expect(unavailable(prepareTask(quote, tokenizer, { ...batchOptions, maxTokens: 2 }))).toMatch(
    /^None of its pairs can be used: a prompt has more than 2 tokens \(\d+×\)\.$/,
  );
  expect(unavailable(prepareTask(taskOf(), tokenizer, batchOptions))).toBe("It has no train pairs.");
  expect(unavailable(prepareTask(taskOf(), tokenizer, { ...batchOptions, templates: "unseen" }))).toBe(
    "It has no unseen prompts.",
  );
});

test("every task can be expressed with a token for each byte", () => {
  const batch = available(prepareTask(findTask("with_as"), bytes, { ...batchOptions, maxTokens: 1000 }));
  const [right, wrong] = [...batch.candidates].map((token) => bytes.decode([token]));
  expect([right, wrong]).toEqual([" ", "\n"]);
});
