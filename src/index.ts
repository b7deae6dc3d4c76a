export { availableKernels, type KernelChoice } from "./engine/kernels.js";
export { SparseLensError } from "./errors.js";
export type { GenerationOptions } from "./generation/options.js";
export { type LoadOptions, type LoadProgress, loadModel } from "./load-model.js";
export type { ModelConfig } from "./model/config.js";
export type { HookPoint, ModelDescription, Parameter } from "./model/description.js";
export type {
  ChannelIntervention,
  HookContext,
  HookFunction,
  HookPattern,
  Intervention,
  Interventions,
} from "./model/hooks.js";
export {
  type ForwardOptions,
  type ForwardOutput,
  type GenerateOptions,
  type GenerateOutput,
  type HookOptions,
  Model,
  type Tokens,
} from "./model.js";
export type { Tensor } from "./tensor.js";
export { Tokenizer } from "./tokenizer/tokenizer.js";
export type { TrainingState } from "./training/checkpoint.js";
export { parseTrainingConfig, type TrainingConfig } from "./training/config.js";
export { type StepMetrics, Trainer, type TrainerOptions } from "./training/trainer.js";
