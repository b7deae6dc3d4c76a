import type { KernelChoice } from "../engine/kernels.js";
import { loadModel } from "../load-model.js";
import type { Model } from "../model.js";
import { evaluateCorpus, evaluateTasks } from "../tasks/evaluate.js";
import { tasks } from "../tasks/registry.js";
import type { TrainingConfig } from "./config.js";
import { kurtosis } from "./metrics.js";

export interface EvaluationRequest {
  /** Directory of the model. */
  readonly model: string;
  readonly config: TrainingConfig;
  /** Tokens of the validation split. */
  readonly validation: Uint16Array;
  /** The token behind each document. */
  readonly endOfText: number;
  /** Which of the two are wanted. */
  readonly scores: boolean;
  readonly samples: boolean;
  readonly threads?: number;
  readonly kernels?: KernelChoice;
  readonly signal?: AbortSignal;
}

export interface Sample {
  readonly prompt: string;
  readonly seed: number;
  readonly text: string;
}

export interface Evaluation {
  readonly scores: Scores | null;
  readonly samples: readonly Sample[];
}

/** `test_xent`, `kurtosis/final_resid`, `task_accuracy/{task}`, `task_loss/{task}` and their means. */
export type Scores = Readonly<Record<string, number>> & { readonly test_xent: number };

/** Beginnings that samples continue; the first is that of a document. */
const PROMPTS = ["", "def ", "class Item:\n"];
const SAMPLE_OPTIONS = { maxNewTokens: 128, doSample: true, temperature: 0.8, topP: 0.95 };

/** Tokens whose final residual stream is looked at. */
const KURTOSIS_TOKENS = 4096;

/** Loads a model as anyone would and measures it; the same model gives the same numbers and samples. */
export async function evaluateModel(request: EvaluationRequest): Promise<Evaluation> {
  const { threads, kernels, signal } = request;
  const model = await loadModel(request.model, { threads, kernels, signal });
  try {
    return {
      scores: request.scores ? await score(model, request) : null,
      samples: request.samples ? await sample(model, signal) : [],
    };
  } finally {
    await model.dispose();
  }
}

async function score(
  model: Model,
  { config, validation, endOfText, signal }: EvaluationRequest,
): Promise<Scores> {
  const { loss } = await evaluateCorpus(model, validation, {
    ...{ maxTokens: config.eval_tokens, signal },
    endOfText: config.sequences === "documents" ? endOfText : undefined,
  });
  const { block_size } = model.config;
  const sequences: Uint16Array[] = [];
  const end = Math.min(validation.length, KURTOSIS_TOKENS);
  for (let start = 0; start < end; start += block_size) {
    sequences.push(validation.subarray(start, Math.min(start + block_size, end)));
  }
  const { activations } = await model.forward(sequences, { record: "final_resid", logits: "none", signal });
  const residuals = activations.get("final_resid")!;
  const rows = residuals.reduce((sum, { shape }) => sum + shape[0], 0);
  const total = residuals.reduce((sum, residual) => sum + residual.shape[0] * kurtosis(residual), 0);
  return {
    test_xent: loss,
    "kurtosis/final_resid": total / rows,
    ...(await scoreTasks(model, config, signal)),
  };
}

/** On prompts for choosing by: those for reporting are not looked at while a model is tuned. */
async function scoreTasks(
  model: Model,
  { eval_tasks }: TrainingConfig,
  signal?: AbortSignal,
): Promise<Record<string, number>> {
  if (eval_tasks === 0) return {};
  const evaluations = await evaluateTasks(model, { tasks, pairs: eval_tasks, split: "select", signal });
  const scores: Record<string, number> = {};
  const reached: { accuracy: number; loss: number }[] = [];
  for (const { task, score } of evaluations) {
    if (!score) continue;
    scores[`task_accuracy/${task}`] = score.accuracy;
    scores[`task_loss/${task}`] = score.loss;
    reached.push(score);
  }
  if (reached.length === 0) return {};
  const mean = (name: "accuracy" | "loss") =>
    reached.reduce((sum, score) => sum + score[name], 0) / reached.length;
  return { mean_task_accuracy: mean("accuracy"), mean_task_loss: mean("loss"), ...scores };
}

async function sample(model: Model, signal?: AbortSignal): Promise<Sample[]> {
  const { endOfText } = model.tokenizer!;
  const samples: Sample[] = [];
  for (const [seed, prompt] of PROMPTS.entries()) {
    // The end of one document is where the next begins.
    const start = endOfText === undefined ? [] : [endOfText];
    const tokens = [...start, ...model.tokenizer!.encode(prompt, { addSpecialTokens: false })];
    if (tokens.length === 0) continue;
    const { text } = await model.generate(tokens, { ...SAMPLE_OPTIONS, seed, signal });
    samples.push({ prompt, seed, text });
  }
  return samples;
}
