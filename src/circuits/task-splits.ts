import { SparseLensError } from "../errors.js";
import type { Model } from "../model.js";
import { prepareTask, type TaskBatch } from "../tasks/batch.js";
import type { Split, Task, TemplateSet } from "../tasks/task.js";

export interface SplitOptions {
  /** Pairs for training masks and fitting calibrations. */
  readonly trainPairs: number;
  /** Pairs for whatever is chosen. */
  readonly selectPairs: number;
  /** Pairs for what is reported. */
  readonly reportPairs: number;
  readonly templates: TemplateSet;
  /** Of the pairs. */
  readonly seed: number;
}

export const SPLIT_DEFAULTS: SplitOptions = {
  ...{ trainPairs: 512, selectPairs: 256, reportPairs: 256 },
  ...{ templates: "standard" as const, seed: 0 },
};

/** A task's prompts, as the tokens of a model. */
export interface TaskSplits {
  readonly task: Task;
  readonly options: SplitOptions;
  readonly train: TaskBatch;
  readonly select: TaskBatch;
  /** To be asked for once, when everything is chosen. */
  report(): TaskBatch;
}

/** @throws SparseLensError for a model without tokenizer, or a task that its tokens cannot express: the reasons */
export function prepareSplits(
  { tokenizer, config, source }: Pick<Model, "tokenizer" | "config" | "source">,
  task: Task,
  options: Partial<SplitOptions> = {},
): TaskSplits {
  if (!tokenizer) throw new SparseLensError(`${source} came without a tokenizer: tasks are text.`);
  const { trainPairs, selectPairs, reportPairs, templates, seed } = { ...SPLIT_DEFAULTS, ...options };
  const prepare = (split: Split, count: number): TaskBatch => {
    const fits = { maxTokens: config.block_size, vocabularySize: config.vocab_size };
    const batch = prepareTask(task, tokenizer, { split, templates, seed, count, ...fits });
    if (!("unavailable" in batch)) return batch;
    throw new SparseLensError(
      `The task ${task.name} is not for ${source} (${split} split): ${batch.unavailable}`,
    );
  };
  return {
    task,
    options: { trainPairs, selectPairs, reportPairs, templates, seed },
    train: prepare("train", trainPairs),
    select: prepare("select", selectPairs),
    report: () => prepare("report", reportPairs),
  };
}
