import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { trainedModel } from "../support/trained-model.js";
import { failure, fixture, json, modelWithTokenizer, output, scratchDirectory } from "./run.js";

const scratch = scratchDirectory();
const pairs = Array.from({ length: 8 }, (_, i) =>
  JSON.stringify({
    prompts: [`def f(x):\n    while True`, "def f(x):\n    return True"].map((text) =>
      text.replace("f", `f${i}`),
    ),
    answers: [":\n", "\n"],
  }),
);
const own = `${scratch}/own.jsonl`;
writeFileSync(own, pairs.join("\n"));

test("tasks lists the twenty", async () => {
  const lines = (await output("tasks")).trimEnd().split("\n");
  expect(lines).toHaveLength(20);
  expect(lines.filter((line) => line.endsWith("(the last token alone decides)"))).toHaveLength(1);
  expect((await json("tasks")).tasks[5]).toMatchObject({ name: "else_elif", endsAlike: false });
});

test("tasks NAME shows pairs with their answers", async () => {
  const text = await output("tasks", "while_return_true", "--pairs", "2", "--model", trainedModel);
  expect(text.match(/True«:\n[^»]+»\n/g)).toHaveLength(2);
  expect(text.match(/^candidates: ":\\n" \(\d+\), "\\n" \(\d+\)$/gm)).toHaveLength(2);
  const drawn = await json("tasks", "while_return_true", "--pairs", "2");
  for (const { prompts } of drawn.pairs) expect(text).toContain(prompts[0]);
  const unseen = await json("tasks", "while_return_true", "--pairs", "2", "--templates", "unseen");
  expect(unseen.pairs).not.toEqual(drawn.pairs);
  expect(await output("tasks", own, "--split", "report")).toContain("own: 8 pairs from");
});

test("tasks that are not there", async () => {
  expect(await failure(1, "tasks", "for_wile")).toContain("Did you mean for_while?");
  expect(await failure(1, "tasks", `${scratch}/none.jsonl`)).toContain("none.jsonl");
  expect(await failure(1, "tasks", own, "--templates", "unseen")).toContain("own has no unseen prompts");
  const trainOnly = `${scratch}/train-only.jsonl`;
  writeFileSync(trainOnly, pairs.map((pair) => pair.replace("{", '{"split":"train",')).join("\n"));
  expect(await failure(1, "tasks", trainOnly, "--split", "report")).toContain("has no report pairs");
});

test("eval measures tasks, the package's and one's own", async () => {
  const result = await json("eval", trainedModel, "--tasks", `while_return_true,${own}`, "--pairs", "4");
  expect(result.tasks.map((one: { task: string; templates: string }) => [one.task, one.templates])).toEqual([
    ["while_return_true", "standard"],
    ["while_return_true", "unseen"],
    ["own", "standard"],
  ]);
  // Of eight pairs, two are for the report.
  expect(result.tasks.map((one: { score: { pairs: number } }) => one.score.pairs)).toEqual([4, 4, 2]);
  expect(result.summary.unseen).toEqual({ tasks: 1, accurate: 1, lowLoss: 1, both: 1 });
  const both = "while_return_true,set_or_string";
  const table = await output("eval", trainedModel, "--tasks", both, "--pairs", "4");
  expect(table).toMatch(/^while_return_true +100 % +0\.\d{4} +100 % +0\.\d{4}$/m);
  // Its context is 128 tokens.
  expect(table).toMatch(
    /^set_or_string +[\d.]+ % +0\.\d{4} +[\d.]+ % +0\.\d{4} {2}20 % of the pairs do not fit$/m,
  );
  expect(table).toContain("standard: 1 of 2 tasks with accuracy ≥ 97 %, 1 with loss ≤ 0.1, 1 with both");
});

test("eval says what it cannot measure", async () => {
  // The context of that model is 22 tokens.
  const text = await output("eval", modelWithTokenizer(), "--tasks", "var_swap", "--templates", "standard");
  expect(text).toMatch(/^var_swap +– +–/m);
  expect(text).toContain(
    "var_swap, standard: None of its pairs can be used: a prompt has more than 22 tokens (",
  );
  expect(await failure(1, "eval", fixture)).toContain("came without a tokenizer");
  expect(await failure(1, "eval", trainedModel, "--tasks", "nothing")).toContain('no task "nothing"');
  expect(await failure(1, "eval", trainedModel, "--tasks", own, "--corpus", scratch)).toContain(
    "holds no corpus",
  );
  expect(await failure(2, "eval", trainedModel, "--split", "test")).toContain(
    "Allowed choices are train, select",
  );
  expect(await failure(2, "eval", trainedModel, "--pairs", "0")).toContain("an integer from 1");
  expect(await failure(2, "eval", trainedModel, "--corpus-tokens", "9")).toContain("--corpus names");
});
