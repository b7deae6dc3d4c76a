import { type Command, Option } from "commander";
import { SparseLensError } from "../errors.js";
import { readTokenizer } from "../load-model.js";
import { encodePair } from "../tasks/batch.js";
import { tasks } from "../tasks/registry.js";
import { type Pair, type Split, type Task, TEMPLATE_SETS, type TemplateSet } from "../tasks/task.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import { parseInteger } from "./arguments.js";
import { formatTable, formatToken } from "./format.js";
import { withCheckpoint } from "./open.js";
import { print, printJson } from "./output.js";
import { readTask, splitOption } from "./task-arguments.js";

interface Options {
  readonly pairs: number;
  readonly split: Split;
  readonly templates: TemplateSet;
  readonly seed: number;
  readonly model?: string;
  readonly json?: boolean;
}

export function addTasks(program: Command, signal: AbortSignal): void {
  program
    .command("tasks")
    .description(
      "List the tasks, or show pairs of one: two prompts, each with the answer that is right after it.",
    )
    .argument("[task]", "name of a task, or a .jsonl file of your own")
    .option("--pairs <number>", "how many pairs", (text) => parseInteger(text, 1), 2)
    .addOption(splitOption("train"))
    .addOption(
      new Option("--templates <set>", "unseen: other words and templates")
        .choices(TEMPLATE_SETS)
        .default("standard"),
    )
    .option("--seed <number>", "seed of the pairs", (text) => parseInteger(text, 0), 0)
    .option("--model <model>", "show the two candidates as tokens of this model, too")
    .option("--json", "print one object")
    .addHelpText(
      "after",
      `
Examples:
  $ sparselens tasks
  $ sparselens tasks bracket_counting --pairs 3
  $ sparselens tasks my-task.jsonl --model default`,
    )
    .action(async (name: string | undefined, options: Options) => {
      if (name === undefined) {
        listTasks(options);
        return;
      }
      const task = await readTask(name);
      const pairs = firstPairs(task, options);
      if (options.model === undefined) {
        show(task, pairs, options);
        return;
      }
      await withCheckpoint(options.model, options, signal, async (checkpoint) => {
        const tokenizer = readTokenizer(checkpoint);
        if (!tokenizer) throw new SparseLensError(`${checkpoint.location} came without a tokenizer.`);
        show(task, pairs, options, tokenizer);
      });
    });
}

function listTasks({ json }: Options): void {
  if (json) {
    printJson({ tasks: tasks.map(({ name, description, endsAlike }) => ({ name, description, endsAlike })) });
    return;
  }
  print(
    formatTable(
      tasks.map(({ name, description, endsAlike }) => [
        name,
        endsAlike ? description : `${description} (the last token alone decides)`,
      ]),
      "ll",
    ),
  );
}

function firstPairs(task: Task, { pairs: count, split, templates, seed }: Options): Pair[] {
  if (!task.templates.includes(templates)) {
    throw new SparseLensError(`${task.name} has no ${templates} prompts.`);
  }
  const pairs: Pair[] = [];
  for (const pair of task.pairs({ split, templates, seed })) if (pairs.push(pair) === count) break;
  if (pairs.length === 0) throw new SparseLensError(`${task.name} has no ${split} pairs.`);
  return pairs;
}

function show(task: Task, pairs: readonly Pair[], options: Options, tokenizer?: Tokenizer): void {
  const { name, description, endsAlike } = task;
  const { split, templates, seed } = options;
  const candidates = tokenizer && pairs.map((pair) => candidatesOf(pair, tokenizer));
  if (options.json) {
    const listed = pairs.map((pair, i) => ({ ...pair, ...candidates?.[i] }));
    printJson({ name, description, endsAlike, split, templates, seed, pairs: listed });
    return;
  }
  print(`${name}: ${description}\n`);
  pairs.forEach(({ prompts, answers }, i) => {
    prompts.forEach((prompt, side) => {
      print(`\n[${i + 1}${"ab"[side]}]\n${prompt}«${answers[side].trimEnd()}»\n`);
    });
    if (candidates) print(`\n${formatCandidates(candidates[i], tokenizer!)}\n`);
  });
}

type Candidates = { readonly candidates: readonly [number, number] } | { readonly refused: string };

function candidatesOf(pair: Pair, tokenizer: Tokenizer): Candidates {
  const encoded = encodePair(pair, tokenizer, { maxTokens: Number.POSITIVE_INFINITY });
  return typeof encoded === "string" ? { refused: encoded } : { candidates: encoded.candidates };
}

function formatCandidates(candidates: Candidates, tokenizer: Tokenizer): string {
  if ("refused" in candidates) return `cannot be used: ${candidates.refused}`;
  const [a, b] = candidates.candidates.map((id) => `${formatToken(tokenizer.tokenBytes(id))} (${id})`);
  return `candidates: ${a}, ${b}`;
}
