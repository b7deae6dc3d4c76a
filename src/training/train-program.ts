import { GradientOperations } from "../engine/gradient.js";
import type { Pointer } from "../engine/kernels.js";
import { Arena } from "../engine/memory.js";
import type { Thread } from "../engine/thread.js";
import { SparseLensError } from "../errors.js";
import { backward, backwardValues } from "../model/backward.js";
import type { ModelConfig } from "../model/config.js";
import { inputWidth } from "../model/description.js";
import { forward, keptValues } from "../model/forward.js";
import { Optimizer, type OptimizerConfig } from "./optimizer.js";
import type { ParameterPlan } from "./parameters.js";
import type { StepPlan } from "./schedule.js";
import {
  readParameter,
  reserveTraining,
  type TrainedParameter,
  type TrainingMemory,
  writeParameter,
} from "./state.js";

/** Prepares the threads for training; what was there before is gone. */
export interface StartTrainingCall {
  readonly type: "start-training";
  readonly config: ModelConfig;
  readonly parameters: readonly ParameterPlan[];
  readonly optimizer: OptimizerConfig;
  /** Weights and moments, under the names that `training-state` returns; moments that are missing are zero. */
  readonly tensors: ReadonlyMap<string, Float32Array>;
  readonly ratio: number;
  readonly density: StepPlan["density"];
}

export interface TrainCall {
  readonly type: "train";
  readonly steps: readonly TrainStep[];
}

export interface TrainStep {
  readonly plan: StepPlan;
  readonly sequences: readonly TrainSequence[];
}

export interface TrainSequence {
  readonly tokens: Uint16Array;
  /** Next tokens, -1 where none counts. */
  readonly targets: Int32Array;
}

export interface TrainResult {
  readonly steps: readonly StepResult[];
}

export interface StepResult {
  readonly step: number;
  /** Mean cross-entropy before the step, in nats. */
  readonly loss: number;
  readonly gradient_rms: number;
  readonly milliseconds: number;
}

/** Reads the state of training, or a part of it, out of the engine. */
export interface TrainingStateCall {
  readonly type: "training-state";
  readonly parts: "weights" | "all" | "gradients" | "none";
}

export interface TrainingStateResult {
  /** Row-major, by name in the state dict; moments as `adam_m/<name>` and `adam_v/<name>`. */
  readonly tensors: Map<string, Float32Array<ArrayBuffer>>;
  readonly ratio: number;
}

/** A model in training, as one thread sees it. */
export class TrainingSession {
  readonly #thread: Thread;
  readonly #config: ModelConfig;
  readonly #memory: TrainingMemory;
  readonly #optimizer: Optimizer;
  readonly #end: Pointer;

  /** On every thread alike; thread 0 fills the memory. */
  constructor(thread: Thread, call: StartTrainingCall) {
    const { config, parameters, optimizer, tensors, ratio, density } = call;
    const arena = new Arena(undefined, thread.memory.floatBytes);
    this.#thread = thread;
    this.#config = config;
    this.#memory = reserveTraining(arena, config, parameters);
    this.#optimizer = new Optimizer(thread, arena, optimizer, this.#memory.parameters);
    this.#optimizer.ratio = ratio;
    this.#end = arena.end;
    thread.commit(arena);
    if (thread.index === 0) {
      for (const parameter of this.#memory.parameters) {
        for (const [name, pointer] of arraysOf(parameter)) {
          writeParameter(thread.memory, parameter, pointer, tensors.get(name) ?? null);
        }
        if (parameter.isTrained) writeParameter(thread.memory, parameter, parameter.gradient, null);
      }
    }
    thread.barrier();
    this.#optimizer.refresh({ density });
  }

  /** The gradients of a step, without taking it. The result is thread 0's. */
  *gradients({ plan, sequences }: TrainStep) {
    const thread = this.#thread;
    const { model, parameters, vectorGradients } = this.#memory;
    const config = this.#config;
    const arena = new Arena(this.#end, thread.memory.floatBytes);
    const d_heads = config.n_head * config.d_head;
    const widestInput = Math.max(inputWidth(config), d_heads, config.d_mlp);
    const ops = new GradientOperations(thread, arena, {
      sequences: sequences.map(({ tokens, targets }, index) => ({
        index,
        tokens: Array.from(tokens),
        targets: Array.from(targets),
      })),
      hooks: new Map(),
      logits: "none",
      vocabularySize: config.vocab_size,
      // A multiple of four behind what is side by side.
      widest: Math.max(widestInput, 3 * d_heads, config.vocab_size) + 4,
      widestInput,
      headWidth: config.d_head,
      positionWidth: config.d_pos_emb ?? 0,
      vectorGradients,
      weightGradients: plan.gradients === "all" ? "all" : "nonzero",
    });
    const values = keptValues(config, ops);
    const gradients = backwardValues(config, ops);
    thread.commit(arena);
    ops.begin();
    // Look-ups add to what is there; each table has one owner.
    const tables = parameters.filter(({ matrix, isTrained }) => matrix?.isEmbedding && isTrained);
    tables.forEach(({ gradient, size }, i) => {
      if (i % thread.count === thread.index) thread.kernels.zero(gradient, size * thread.memory.floatBytes);
    });
    yield* forward(model, values, ops);
    thread.barrier();
    backward(model, values, gradients, ops);
    thread.barrier();
    return ops.loss;
  }

  *train({ steps }: TrainCall) {
    const results: StepResult[] = [];
    for (const step of steps) {
      yield { type: "pass" } as const;
      const began = performance.now();
      const loss = yield* this.gradients(step);
      if (!Number.isFinite(loss)) {
        throw new SparseLensError(
          `The loss of step ${step.plan.step} is ${loss}: training diverged. Lower the learning rate.`,
        );
      }
      this.#optimizer.step(step.plan);
      const { gradient_rms } = this.#optimizer;
      results.push({ step: step.plan.step, loss, gradient_rms, milliseconds: performance.now() - began });
      if (this.#thread.broadcast(Number(this.#thread.isAskedToFinish())) === 1) break;
    }
    return { steps: results };
  }

  /** The state, on thread 0. */
  state({ parts }: TrainingStateCall): TrainingStateResult {
    const { memory, index } = this.#thread;
    const tensors = new Map<string, Float32Array<ArrayBuffer>>();
    this.#optimizer.settle();
    if (index === 0 && parts !== "none") {
      for (const parameter of this.#memory.parameters) {
        const arrays =
          parts === "gradients" ? [[parameter.name, parameter.gradient] as const] : arraysOf(parameter);
        for (const [name, pointer] of parts === "weights" ? arrays.slice(0, 1) : arrays) {
          if (pointer) tensors.set(name, readParameter(memory, parameter, pointer));
        }
      }
    }
    return { tensors, ratio: this.#optimizer.ratio };
  }
}

function arraysOf({ name, isTrained, weights, first_moment, second_moment }: TrainedParameter) {
  const arrays: [string, Pointer][] = [[name, weights]];
  if (isTrained) arrays.push([`adam_m/${name}`, first_moment], [`adam_v/${name}`, second_moment]);
  return arrays;
}
