import { type Command, Option } from "commander";
import {
  type CorpusEvaluation,
  evaluateCorpus,
  evaluateTasks,
  TASK_TARGET,
  type TaskEvaluation,
} from "../tasks/evaluate.js";
import type { TaskScore } from "../tasks/score.js";
import { type Split, TEMPLATE_SETS, type TemplateSet } from "../tasks/task.js";
import { addEngineOptions, type EngineOptions, MODEL_ARGUMENT, parseInteger } from "./arguments.js";
import { formatCount, formatPercent, formatTable } from "./format.js";
import { withModel } from "./open.js";
import { openCorpusOf } from "./open-corpus.js";
import { print, printJson } from "./output.js";
import { ProgressLine } from "./progress-line.js";
import { readTasks, splitOption } from "./task-arguments.js";

type Options = EngineOptions & {
  readonly tasks: string;
  readonly pairs: number;
  readonly split: Split;
  readonly templates: TemplateSet | "both";
  readonly corpus?: string;
  readonly corpusTokens?: number;
  readonly sequences: "packed" | "documents";
  readonly seed: number;
  readonly json?: boolean;
};

export function addEval(program: Command, signal: AbortSignal): void {
  const command = program
    .command("eval")
    .description("Measure a model on the tasks (accuracy, two-way loss) and on a corpus (cross-entropy).")
    .argument(...MODEL_ARGUMENT)
    .option("--tasks <list>", "names or .jsonl files with commas between them, or all", "all")
    .option("--pairs <number>", "pairs of prompts for each task", (text) => parseInteger(text, 1), 256)
    .addOption(splitOption("report"))
    .addOption(
      new Option("--templates <set>", "unseen: from words and templates that standard prompts never use")
        .choices([...TEMPLATE_SETS, "both"])
        .default("both"),
    )
    .option("--corpus <directory>", "cross-entropy on the validation split of this corpus, too")
    .option("--corpus-tokens <number>", "at most so many of its tokens (default: all)", (text) =>
      parseInteger(text, 1),
    )
    .addOption(
      new Option("--sequences <kind>", "the corpus in windows, or document by document")
        .choices(["packed", "documents"])
        .default("packed"),
    )
    .option("--seed <number>", "seed of the pairs", (text) => parseInteger(text, 0), 0);
  addEngineOptions(command)
    .option("--json", "print one object")
    .addHelpText(
      "after",
      `
Examples:
  $ sparselens eval default
  $ sparselens eval default --tasks single_double_quote,my-task.jsonl --templates standard --json`,
    )
    .action(async (source: string, options: Options) => {
      const { pairs, split, seed, json } = options;
      if (options.corpusTokens !== undefined && options.corpus === undefined)
        command.error("error: --corpus-tokens is about the corpus that --corpus names");
      const tasks = await readTasks(options.tasks);
      const templates = options.templates === "both" ? TEMPLATE_SETS : [options.templates];
      await withModel(source, options, signal, async (model) => {
        // What is wrong with the corpus is said before minutes of tasks.
        const opened = options.corpus === undefined ? undefined : await openCorpusOf(model, options.corpus);
        const validation = await opened?.tokens("validation");
        const endOfText =
          options.sequences === "documents" ? opened?.manifest.tokenizer.endOfText : undefined;
        const line = new ProgressLine(!json);
        let evaluations: TaskEvaluation[];
        let corpus: CorpusEvaluation | undefined;
        try {
          evaluations = await evaluateTasks(model, {
            ...{ tasks, pairs, split, templates, seed, signal },
            onProgress: ({ task, done, total }) => line.show(`${task} (${done} of ${total})`),
          });
          if (validation) {
            corpus = await evaluateCorpus(model, validation, {
              ...{ maxTokens: options.corpusTokens, endOfText, signal },
              onProgress: ({ done, total }) => line.show(`validation: sequence ${done} of ${total}`),
            });
          }
        } finally {
          line.clear();
        }
        const summary = Object.fromEntries(templates.map((set) => [set, summarize(evaluations, set)]));
        if (json) {
          printJson({ model: model.source, split, pairs, seed, tasks: evaluations, summary, corpus });
          return;
        }
        print(formatEvaluations(evaluations, templates));
        print("\n");
        for (const set of templates) {
          if (summary[set].tasks > 0) print(`${formatSummary(set, summary[set])}\n`);
        }
        for (const { task, templates: set, unavailable } of evaluations) {
          if (unavailable) print(`${task}, ${set}: ${unavailable}\n`);
        }
        if (corpus) {
          print(
            `validation cross-entropy: ${corpus.loss.toFixed(4)} nat over ${formatCount(corpus.tokens)} tokens\n`,
          );
        }
      });
    });
}

/** How many tasks reach the target. */
interface Summary {
  readonly tasks: number;
  readonly accurate: number;
  readonly lowLoss: number;
  readonly both: number;
}

function summarize(evaluations: readonly TaskEvaluation[], set: TemplateSet): Summary {
  const scores = evaluations.filter(({ templates }) => templates === set).map(({ score }) => score);
  const count = (test: (score: TaskScore) => boolean) =>
    scores.filter((score) => score !== undefined && test(score)).length;
  const isAccurate = ({ accuracy }: TaskScore) => accuracy >= TASK_TARGET.accuracy;
  const isLow = ({ loss }: TaskScore) => loss <= TASK_TARGET.loss;
  return {
    tasks: scores.length,
    accurate: count(isAccurate),
    lowLoss: count(isLow),
    both: count((score) => isAccurate(score) && isLow(score)),
  };
}

function formatSummary(set: TemplateSet, { tasks, accurate, lowLoss, both }: Summary): string {
  const { accuracy, loss } = TASK_TARGET;
  return `${set}: ${accurate} of ${tasks} tasks with accuracy ≥ ${formatPercent(accuracy)}, ${lowLoss} with loss ≤ ${loss}, ${both} with both`;
}

/** A row for each task, columns for each set of templates. */
function formatEvaluations(
  evaluations: readonly TaskEvaluation[],
  templates: readonly TemplateSet[],
): string {
  const names = [...new Set(evaluations.map(({ task }) => task))];
  const rows = names.map((name) => {
    const of = (set: TemplateSet) =>
      evaluations.find(({ task, templates: its }) => task === name && its === set);
    const cells = templates.flatMap((set) => {
      const score = of(set)?.score;
      return score ? [formatPercent(score.accuracy), score.loss.toFixed(4)] : ["–", "–"];
    });
    return [name, ...cells, remarks(templates.flatMap((set) => of(set) ?? []))];
  });
  const titles = templates.flatMap((set) => [`${set}: accuracy`, "loss"]);
  return formatTable([["task", ...titles, ""], ...rows], `l${"rr".repeat(templates.length)}l`);
}

function remarks(evaluations: readonly TaskEvaluation[]): string {
  const scored = evaluations.filter(({ score }) => score);
  const refused = Math.max(0, ...scored.map((evaluation) => evaluation.refused));
  return [
    ...(scored.some(({ endsAlike }) => !endsAlike) ? ["the last token alone decides"] : []),
    ...(refused >= 0.1 ? [`${formatPercent(refused)} of the pairs do not fit`] : []),
  ].join("; ");
}
