import { type TrainingConfig, trainingSteps } from "./config.js";

/** The numbers of one optimizer step. Plain data: it is posted to every thread. */
export interface StepPlan {
  /** From 1. */
  readonly step: number;
  readonly learning_rate: number;
  /** Fraction of nonzeros after the step, by schedule. */
  readonly density: { readonly weight: number; readonly embedding: number; readonly bias: number };
  /** `nonzero`: matrices that are stored sparse keep their support, and only their nonzeros are updated. */
  readonly gradients: "all" | "nonzero";
}

/** What step number `step` (from 1) does (paper, section 2.1). */
export function planStep(config: TrainingConfig, step: number): StepPlan {
  const steps = trainingSteps(config);
  const progress = step / steps;
  const density = annealed(config, progress);
  const late = config.embedding_anneal === "abrupt" && progress < 0.5 ? 1 : config.density;
  const other = config.embedding_anneal === "abrupt" ? late : density;
  const warmup = config.warmup * steps;
  const rise = Math.min(1, step / Math.max(1, warmup));
  const fall =
    config.decay === "linear" ? 1 - Math.max(0, step - 1 - warmup) / Math.max(1, steps - warmup) : 1;
  const fin = config.sharkfin ? Math.sqrt(config.density / density) : 1;
  const isFull = config.projection === "exact" || step % config.regrow_every === 0 || step === steps;
  return {
    step,
    learning_rate: config.learning_rate * rise * fall * fin,
    density: { weight: density, embedding: other, bias: other },
    gradients: isFull ? "all" : "nonzero",
  };
}

/** Linear from 1 to the final density between anneal_start and anneal_end. */
function annealed({ density, anneal_start, anneal_end }: TrainingConfig, progress: number): number {
  if (progress >= anneal_end) return density;
  if (progress <= anneal_start) return 1;
  return 1 - ((1 - density) * (progress - anneal_start)) / (anneal_end - anneal_start);
}
