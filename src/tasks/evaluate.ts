import { documentSequences, type SequenceRange } from "../corpus/sequences.js";
import { SparseLensError } from "../errors.js";
import type { ForwardOptions, Model } from "../model.js";
import { type BatchOptions, prepareTask, promptOf, type TaskBatch } from "./batch.js";
import { scoreCandidates, type TaskScore } from "./score.js";
import type { Split, Task, TemplateSet } from "./task.js";

/** What the embedded models must reach: at least this accuracy, at most this loss. */
export const TASK_TARGET = { accuracy: 0.97, loss: 0.1 } as const;

export interface EvaluateTasksOptions {
  readonly tasks: readonly Task[];
  /** Pairs of each task. Default 256. */
  readonly pairs?: number;
  /** Default: `report`. */
  readonly split?: Split;
  /** Default: `standard`. Those that a task does not have are left out. */
  readonly templates?: readonly TemplateSet[];
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: {
    readonly task: string;
    readonly done: number;
    readonly total: number;
  }) => void;
}

export interface TaskEvaluation {
  readonly task: string;
  readonly templates: TemplateSet;
  /** Absent when the tokenizer cannot express the task; `unavailable` says why. */
  readonly score?: TaskScore;
  readonly unavailable?: string;
  /** Whether both prompts of every pair end in the same token: without, the bigram table alone may solve the task. */
  readonly endsAlike: boolean;
  /** Share of the pairs whose prompts have equally many tokens. */
  readonly aligned: number;
  /** Share of the pairs that were passed over because this model's tokens or context cannot express them. */
  readonly refused: number;
}

/**
 * Accuracy and two-way loss of a model on tasks.
 * @throws SparseLensError for a model without tokenizer
 */
export async function evaluateTasks(model: Model, options: EvaluateTasksOptions): Promise<TaskEvaluation[]> {
  const { tokenizer, config, source } = model;
  if (!tokenizer) throw new SparseLensError(`${source} came without a tokenizer: tasks are text.`);
  const { tasks, pairs = 256, split = "report", templates = ["standard"], seed = 0, signal } = options;
  const wanted = tasks.flatMap((task) =>
    templates.filter((set) => task.templates.includes(set)).map((set) => ({ task, templates: set })),
  );
  const evaluations: TaskEvaluation[] = [];
  for (const [done, { task, templates }] of wanted.entries()) {
    options.onProgress?.({ task: task.name, done, total: wanted.length });
    const batchOptions: BatchOptions = {
      ...{ split, templates, seed, count: pairs },
      ...{ maxTokens: config.block_size, vocabularySize: config.vocab_size },
    };
    const batch = prepareTask(task, tokenizer, batchOptions);
    if ("unavailable" in batch) {
      const { unavailable } = batch;
      evaluations.push({
        ...{ task: task.name, templates, unavailable, endsAlike: task.endsAlike, aligned: 0, refused: 1 },
      });
      continue;
    }
    const refused = [...batch.refused.values()].reduce((sum, times) => sum + times, 0);
    evaluations.push({
      ...{ task: task.name, templates, endsAlike: batch.endsAlike },
      score: scoreCandidates(await candidateLogits(model, batch, { signal })),
      aligned: batch.aligned.reduce((sum, aligned) => sum + aligned, 0) / batch.count,
      refused: refused / (refused + batch.count),
    });
  }
  return evaluations;
}

/** Prompts of one call. */
const CHUNK = 64;

/** `[2N, 2]`: the logits of the right and of the wrong candidate after each prompt. */
export async function candidateLogits(
  model: Model,
  batch: TaskBatch,
  { ablation, interventions, signal }: Pick<ForwardOptions, "ablation" | "interventions" | "signal"> = {},
): Promise<Float32Array> {
  const logits = new Float32Array(batch.candidates.length);
  // Each call draws anew what is resampled.
  const chunkOf = (start: number) =>
    ablation?.resampleFrom ? { ...ablation, seed: (ablation.seed ?? 0) + start } : ablation;
  const prompts = batch.lengths.length;
  for (let start = 0; start < prompts; start += CHUNK) {
    const sequences = Array.from({ length: Math.min(CHUNK, prompts - start) }, (_, i) =>
      promptOf(batch, start + i),
    );
    const output = await model.forward(sequences, {
      ...{ logits: "last", ablation: chunkOf(start), interventions, signal },
    });
    for (const [i, { data }] of output.logits.entries()) {
      for (const side of [0, 1]) {
        const at = 2 * (start + i) + side;
        logits[at] = data[batch.candidates[at]];
      }
    }
  }
  return logits;
}

export interface EvaluateCorpusOptions {
  /** At most about so many tokens are predicted, in sequences spread evenly. Default: all. */
  readonly maxTokens?: number;
  /** The token behind each document: each is a sequence of its own. Default: windows, without regard to documents. */
  readonly endOfText?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

export interface CorpusEvaluation {
  /** Cross-entropy in nats per token. */
  readonly loss: number;
  /** Tokens that were predicted. */
  readonly tokens: number;
}

/** Tokens of one call. */
const CALL_TOKENS = 8192;

/**
 * Cross-entropy of a model on a text: in windows of its block size (or `maxTokens`, where that is less) that do not
 * overlap, or document by document; each token is predicted from those before it in its sequence.
 * @throws SparseLensError when there is nothing to predict
 */
export async function evaluateCorpus(
  model: Model,
  tokens: Uint16Array,
  { maxTokens = Number.POSITIVE_INFINITY, endOfText, signal, onProgress }: EvaluateCorpusOptions = {},
): Promise<CorpusEvaluation> {
  const longest = Math.min(model.config.block_size, Math.max(1, Math.floor(maxTokens)));
  const all =
    endOfText === undefined
      ? windowsOf(tokens.length, longest)
      : documentSequences(tokens, endOfText, longest);
  if (all.length === 0) {
    throw new SparseLensError(
      `There is nothing to predict: ${endOfText === undefined ? "fewer than two tokens" : "no document"}.`,
    );
  }
  const available = all.reduce((sum, { length }) => sum + length, 0);
  const used = Math.max(1, Math.floor(all.length * Math.min(1, maxTokens / available)));
  const perCall = Math.max(1, Math.floor(CALL_TOKENS / longest));
  let total = 0;
  let count = 0;
  for (let first = 0; first < used; first += perCall) {
    onProgress?.({ done: first, total: used });
    const part = Array.from({ length: Math.min(perCall, used - first) }, (_, i) => {
      const { start, length } = all[Math.floor(((first + i) * all.length) / used)];
      return Array.from(tokens.subarray(start, start + length + 1));
    });
    const inputs = part.map((sequence) => sequence.slice(0, -1));
    const targets = part.map((sequence) => sequence.slice(1));
    const output = await model.forward(inputs, { targets, logits: "none", signal });
    const predicted = targets.reduce((sum, target) => sum + target.length, 0);
    total += output.loss! * predicted;
    count += predicted;
  }
  return { loss: total / count, tokens: count };
}

function windowsOf(tokens: number, longest: number): SequenceRange[] {
  return Array.from({ length: Math.ceil((tokens - 1) / longest) }, (_, i) => ({
    start: i * longest,
    length: Math.min(longest, tokens - 1 - i * longest),
  }));
}
