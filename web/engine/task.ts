import {
  candidateLogits,
  prepareTask,
  promptOf,
  scoreCandidates,
  type Task,
  type TaskBatch,
  type TaskScore,
} from "../../src/index.js";
import { planRun, type Run } from "./run.js";
import type { Session } from "./session.js";

/** Pairs that follow a slider, and those that are measured when it rests: what circuits are chosen by. */
export const QUICK_PAIRS = 16;
export const FULL_PAIRS = 256;

const batches = new WeakMap<Session, WeakMap<Task, Map<string, TaskBatch | null>>>();

/** The first pairs of a task, of the select split. null: these tokens cannot express it. */
export function taskBatch(session: Session, task: Task, templates: string, count: number): TaskBatch | null {
  const ofSession = batches.get(session) ?? new WeakMap<Task, Map<string, TaskBatch | null>>();
  batches.set(session, ofSession);
  const ofTask = ofSession.get(task) ?? new Map<string, TaskBatch | null>();
  ofSession.set(task, ofTask);
  const key = `${templates} ${count}`;
  const known = ofTask.get(key);
  if (known !== undefined) return known;
  const batch = prepare(session, task, templates, count);
  ofTask.set(key, batch);
  return batch;
}

function prepare(
  { tokenizer, model }: Session,
  task: Task,
  templates: string,
  count: number,
): TaskBatch | null {
  if (!tokenizer) return null;
  const { block_size, vocab_size } = model.config;
  const batch = prepareTask(task, tokenizer, {
    ...{ split: "select", templates: templates === "unseen" ? "unseen" : "standard", seed: 0, count },
    ...{ maxTokens: block_size, vocabularySize: vocab_size },
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
