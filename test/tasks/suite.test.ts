import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  numberAttributes,
  readFiles,
  readHandles,
  textAttributes,
  writeFiles,
  writeHandles,
} from "../../src/corpus/synthetic/words.js";
import { SparseLensError } from "../../src/errors.js";
import { prepareTask, promptOf } from "../../src/tasks/batch.js";
import { splitOf } from "../../src/tasks/generated-task.js";
import { findTask, tasks } from "../../src/tasks/registry.js";
import { SPLITS, TEMPLATE_SETS } from "../../src/tasks/task.js";
import { wordsOf } from "../../src/tasks/words.js";
import { syntaxErrors, undefinedNames } from "../support/python.js";
import { available, batchOptions, take, tokenizer } from "./support.js";

test("there are twenty, by name", () => {
  expect(new Set(tasks.map(({ name }) => name)).size).toBe(20);
  for (const task of tasks) expect(findTask(task.name)).toBe(task);
});

test("a name that is not known brings similar ones to mind", () => {
  expect(() => findTask("lambda_fun")).toThrow(/Did you mean lambda_func\?/);
  expect(() => findTask("bracket")).toThrow(/bracket_(brace|counting) or bracket_(brace|counting)\?/);
  expect(() => findTask("nonsense")).toThrow(SparseLensError);
  expect(() => findTask("nonsense")).toThrow(/single_double_quote, .*while_return_true/);
});

test("the documentation has an example of each", () => {
  const text = readFileSync(new URL("../../docs/tasks.md", import.meta.url), "utf8");
  for (const { name } of tasks) expect(text).toMatch(new RegExp(`^\\| \`${name}\`( ¹)? \\| .*«.*»`, "m"));
});

const variants = tasks.flatMap((task) =>
  TEMPLATE_SETS.map((templates) => ({ name: task.name, task, templates })),
);

test("prompt and right answer are a program that defines the names that it uses", async () => {
  const programs = variants.flatMap(({ task, templates }) =>
    take(task, 60, { templates }).flatMap(({ prompts, answers }) => prompts.map((p, i) => p + answers[i])),
  );
  expect(programs).toHaveLength(40 * 60 * 2);
  const errors = await syntaxErrors(programs);
  const wrong = programs.flatMap((program, i) => (errors[i] === null ? [] : [`${errors[i]}:\n${program}`]));
  expect(wrong.slice(0, 3)).toEqual([]);
  const undefinedOnes = await undefinedNames(programs);
  const unexplained = programs.flatMap((program, i) =>
    undefinedOnes[i].length > 0 ? [`${undefinedOnes[i]}:\n${program}`] : [],
  );
  expect(unexplained.slice(0, 3)).toEqual([]);
}, 60_000);

describe.each(variants)("$name, $templates", ({ task, templates }) => {
  const batch = available(prepareTask(task, tokenizer, { ...batchOptions, templates }));

  test("the tokens express what the text says", () => {
    expect(batch.count).toBe(batchOptions.count);
    expect(batch.refused.size).toBe(0);
    for (let i = 0; i < 2 * batch.count; i++) {
      const { prompts, answers } = batch.pairs[i >> 1];
      const [right, wrong] = [answers[i % 2], answers[1 - (i % 2)]];
      const prompt = tokenizer.decode(promptOf(batch, i));
      const [good, bad] = batch.candidates.subarray(2 * i, 2 * i + 2);
      expect(good).not.toBe(bad);
      expect(prompt.startsWith(prompts[i % 2])).toBe(true);
      expect((prompts[i % 2] + right).startsWith(prompt + tokenizer.decode([good]))).toBe(true);
      expect((prompts[i % 2] + wrong).startsWith(prompt + tokenizer.decode([bad]))).toBe(true);
    }
  });

  test(task.endsAlike ? "both prompts end in the same token" : "the last token decides, as it says", () => {
    for (let pair = 0; pair < batch.count; pair++) {
      const [a, b] = [0, 1].map((side) => promptOf(batch, 2 * pair + side).at(-1));
      expect(a === b).toBe(task.endsAlike);
    }
    expect(batch.endsAlike).toBe(task.endsAlike);
  });

  test("the same seed draws the same pairs, another one others", () => {
    const drawn = take(task, 20, { templates, seed: 7 });
    expect(take(task, 20, { templates, seed: 7 })).toEqual(drawn);
    expect(take(task, 20, { templates, seed: 8 })).not.toEqual(drawn);
  });

  test("pairs are distinct, and there are enough of them", () => {
    const prompts = take(task, 600, { templates }).flatMap((pair) => pair.prompts);
    expect(new Set(prompts).size).toBe(1200);
  });
});

describe.each(TEMPLATE_SETS)("nothing but the question tells the answer, %s", (templates) => {
  const lastLines = (name: string) =>
    take(findTask(name), 500, { templates }).flatMap(({ prompts }) =>
      prompts.map((prompt) => prompt.split("\n").at(-1)!),
    );

  test.each(["set_or_string", "set_or_string_fixedvarname"])("the variable of %s is no other", (name) => {
    for (const { prompts, answers } of take(findTask(name), 500, { templates })) {
      const [, variable] = /(\w+)$/.exec(prompts[0])!;
      const code = prompts[0].replace(/^ *(#|""").*|def \w+/gm, "");
      expect(code.match(new RegExp(`\\b${variable}\\b`, "g")), prompts[0]).toHaveLength(2);
      // What is added is no number.
      const [, added] = /\((\w+)\)/.exec(answers[0])!;
      expect(prompts[0]).not.toMatch(new RegExp(`\\b${added}s? = \\[?\\d`));
    }
  });

  test("no name in with_open speaks for a mode", () => {
    for (const line of lastLines("with_open")) {
      const [, target] = /(\w+) = open/.exec(line) ?? [];
      expect([...readHandles, ...writeHandles, ...readFiles, ...writeFiles], line).not.toContain(target);
    }
  });

  test("the strings of fstring_brace end in words that name values", () => {
    for (const line of lastLines("fstring_brace")) {
      expect([...numberAttributes, ...textAttributes]).toContain(/\w+$/.exec(line)![0]);
    }
  });

  test("the two variables of enumerate_range, and a lambda and its parameter, are two", () => {
    for (const line of lastLines("enumerate_range")) expect(line).not.toMatch(/for (\w+), \1 in$/);
    for (const line of lastLines("lambda_func")) expect(line).not.toMatch(/(\b\w+) = lambda \1$/);
  });
});

test("no prompt is in two splits, whatever the seed", () => {
  fc.assert(
    fc.property(fc.constantFrom(...tasks), fc.nat(), fc.nat(), (task, seed, other) => {
      const [a, b, c] = SPLITS.map(
        (split, i) =>
          new Set(take(task, 30, { split, seed: i === 0 ? seed : other }).flatMap((pair) => pair.prompts)),
      );
      for (const prompt of b) expect(a.has(prompt) || c.has(prompt)).toBe(false);
      for (const prompt of c) expect(a.has(prompt)).toBe(false);
    }),
    { numRuns: 20 },
  );
});

test("splits are about equal parts of the prompts", () => {
  const counts = Object.fromEntries(SPLITS.map((split) => [split, 0]));
  for (let i = 0; i < 3000; i++) counts[splitOf(`x = ${i}\nif x`)]++;
  for (const split of SPLITS) expect(Math.abs(counts[split] - 1000)).toBeLessThan(120);
});

test("standard and unseen prompts share no words", () => {
  const pools = (templates: (typeof TEMPLATE_SETS)[number]) => Object.entries(wordsOf(templates));
  const all = (templates: (typeof TEMPLATE_SETS)[number]) =>
    new Set(
      pools(templates).flatMap(([, pool]) =>
        (pool as readonly unknown[]).flatMap((item) =>
          typeof item === "object" ? Object.values(item as object) : [item],
        ),
      ),
    );
  const unseen = all("unseen");
  for (const word of all("standard")) expect(unseen.has(word)).toBe(false);
  for (const templates of TEMPLATE_SETS) {
    for (const [name, pool] of pools(templates))
      expect(pool.length, `${name}, ${templates}`).toBeGreaterThan(1);
  }
});
