import {
  type CompiledKernels,
  compileKernels,
  instantiateKernels,
  type KernelChoice,
} from "../../src/engine/kernels.js";
import { EngineMemory } from "../../src/engine/memory.js";
import { Thread } from "../../src/engine/thread.js";
import { parseTrainingConfig, type TrainingConfig } from "../../src/training/config.js";
import { type ParameterPlan, planParameters } from "../../src/training/parameters.js";
import { planStep, type StepPlan } from "../../src/training/schedule.js";
import {
  type StartTrainingCall,
  TrainingSession,
  type TrainSequence,
} from "../../src/training/train-program.js";

/** Runs a program that yields nothing of interest to its end. */
export function finish<T>(program: Generator<unknown, T, never>): T {
  let step = program.next();
  while (!step.done) step = program.next();
  return step.value;
}

/** A thread of its own, in this thread. */
export async function createThread(kernels: KernelChoice, floatBytes: 4 | 8 = 4): Promise<Thread> {
  const memory = new WebAssembly.Memory({ initial: 32, maximum: 65536 });
  const compiled: CompiledKernels = await compileKernels(kernels, false);
  const instance = instantiateKernels(compiled, memory, floatBytes);
  return new Thread(0, 1, instance, new EngineMemory(memory, floatBytes));
}

const LOGITS_BIAS = "final_logits_bias";

/** Released checkpoints may have one; a model of ours does not. */
function logitsBias({ model }: TrainingConfig): ParameterPlan {
  return {
    ...{ name: LOGITS_BIAS, shape: [model.vocab_size], isMatrix: false, isTrained: false, hasDecay: false },
    ...{ anneal: null, floor: null, initial: { constant: 0 } },
  };
}

/** A model in training with the given weights. */
export function startSession(
  thread: Thread,
  config: TrainingConfig,
  tensors: ReadonlyMap<string, Float32Array>,
  density: StepPlan["density"] = { weight: 1, embedding: 1, bias: 1 },
): TrainingSession {
  const call: StartTrainingCall = {
    type: "start-training",
    config: config.model,
    parameters: [...planParameters(config), ...(tensors.has(LOGITS_BIAS) ? [logitsBias(config)] : [])],
    optimizer: config,
    ratio: 1,
    ...{ tensors, density },
  };
  return new TrainingSession(thread, call);
}

/** Loss and gradients of a batch. */
export function gradientsOf(
  session: TrainingSession,
  config: TrainingConfig,
  sequences: readonly TrainSequence[],
  gradients: StepPlan["gradients"] = "all",
): { loss: number; tensors: Map<string, Float32Array> } {
  const plan = { ...planStep(config, 1), gradients };
  const loss = finish(session.gradients({ plan, sequences }) as Generator<unknown, number, never>);
  return { loss, tensors: session.state({ type: "training-state", parts: "gradients" }).tensors };
}

/** A configuration in which every parameter is trained and none is sparse. */
export function denseConfig(keys: Record<string, unknown>): TrainingConfig {
  return parseTrainingConfig(
    { density: 1, minimum_nonzeros: 0, bigram: "none", positions: "learned", batch_size: 1, ...keys },
    "test",
  );
}

export function sequencesOf(tokens: readonly number[][], targets: readonly number[][]): TrainSequence[] {
  return tokens.map((row, i) => ({ tokens: Uint16Array.from(row), targets: Int32Array.from(targets[i]) }));
}
