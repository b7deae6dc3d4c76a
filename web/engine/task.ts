import {
  type Circuit,
  candidateLogits,
  findTask,
  prepareTask,
  promptOf,
  scoreCandidates,
  type TaskBatch,
  type TaskScore,
} from "../../src/index.js";
import { planRun, type Run } from "./run.js";
import type { Session } from "./session.js";

/** Pairs that follow a slider, and those that are measured when it rests: what circuits are chosen by. */
export const QUICK_PAIRS = 16;
export const FULL_PAIRS = 256;

const batches = new WeakMap<Session, Map<string, TaskBatch | null>>();

/**
 * The first pairs of a circuit's task, of the select split.
 * @returns null when the task is not one of this library's, or these tokens cannot express it
 */
export function taskBatch(
  session: Session,
  { task }: Pick<Circuit, "task">,
  count: number,
): TaskBatch | null {
  const made = batches.get(session) ?? new Map<string, TaskBatch | null>();
  batches.set(session, made);
  const key = `${task.name} ${task.templates} ${count}`;
  const known = made.get(key);
  if (known !== undefined) return known;
  const batch = prepare(session, task, count);
  made.set(key, batch);
  return batch;
}

function prepare({ tokenizer, model }: Session, task: Circuit["task"], count: number): TaskBatch | null {
  if (!tokenizer) return null;
  let found: ReturnType<typeof findTask>;
  try {
    found = findTask(task.name);
  } catch {
    return null;
  }
  const { block_size, vocab_size } = model.config;
  const templates = task.templates === "unseen" ? "unseen" : "standard";
  const batch = prepareTask(found, tokenizer, {
    ...{ split: "select", templates, seed: 0, count, maxTokens: block_size, vocabularySize: vocab_size },
  });
  return "unavailable" in batch ? null : batch;
}

/** How well a run does a task. */
export async function scoreRun(
  session: Session,
  run: Run,
  batch: TaskBatch,
  signal?: AbortSignal,
): Promise<TaskScore> {
  return scoreCandidates(
    await candidateLogits(session.model, batch, { ...(await planRun(session, run)), signal }),
  );
}

/** One prompt of a task, and its two answers. */
export interface TaskPrompt {
  readonly text: string;
  readonly tokens: readonly number[];
  /** The right token, then the wrong one. */
  readonly candidates: readonly [number, number];
}

export function taskPrompt(session: Session, batch: TaskBatch, pair: number, side: 0 | 1): TaskPrompt {
  const at = 2 * (pair % batch.count) + side;
  const tokens = Array.from(promptOf(batch, at));
  return {
    text: session.decode(tokens),
    tokens,
    candidates: [batch.candidates[2 * at], batch.candidates[2 * at + 1]],
  };
}
