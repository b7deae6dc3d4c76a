import { readFileSync } from "node:fs";
import type { BatchOptions, TaskBatch, TaskUnavailable } from "../../src/tasks/batch.js";
import type { Pair, PairOptions, Task } from "../../src/tasks/task.js";
import { Tokenizer } from "../../src/tokenizer/tokenizer.js";
import { trainedModel } from "../support/trained-model.js";

const path = `${trainedModel}/tokenizer.json`;

/** That of a small trained model. */
export const tokenizer = Tokenizer.fromTokenizerJson(JSON.parse(readFileSync(path, "utf8")), path);

export function take(task: Task, count: number, options: Partial<PairOptions> = {}): Pair[] {
  const pairs: Pair[] = [];
  for (const pair of task.pairs({ split: "train", seed: 1, ...options }))
    if (pairs.push(pair) === count) break;
  return pairs;
}

export const batchOptions: BatchOptions = { split: "train", seed: 1, count: 40, maxTokens: 256 };

export function available(prepared: TaskBatch | TaskUnavailable): TaskBatch {
  if ("unavailable" in prepared) throw new Error(prepared.unavailable);
  return prepared;
}

export function unavailable(prepared: TaskBatch | TaskUnavailable): string {
  if (!("unavailable" in prepared)) throw new Error(`${prepared.task} is available`);
  return prepared.unavailable;
}
