import type { KernelChoice } from "../engine/kernels.js";
import { SparseLensError } from "../errors.js";
import { Random } from "../random.js";
import { ThreadPool } from "../runtime/thread-pool.js";
import type { Tensor } from "../tensor.js";
import { type Batches, makeBatches } from "./batches.js";
import { bigramTable, countBigrams } from "./bigram.js";
import type { TrainingState } from "./checkpoint.js";
import { type TrainingConfig, trainingSteps } from "./config.js";
import { initialWeights, type ParameterPlan, planParameters } from "./parameters.js";
import { planStep } from "./schedule.js";
import type { TrainingStateResult, TrainResult, TrainStep } from "./train-program.js";

export interface TrainerOptions {
  readonly config: TrainingConfig;
  /** The training split. */
  readonly tokens: Uint16Array;
  /** The token behind each document. */
  readonly endOfText: number;
  readonly threads?: number;
  readonly kernels?: KernelChoice;
  /** Go on from here. */
  readonly state?: TrainingState;
}

export interface StepMetrics {
  /** From 1. */
  readonly step: number;
  /** Mean cross-entropy of the step's batch, before the step, in nats. */
  readonly loss: number;
  readonly learning_rate: number;
  /** Fraction of nonzeros in the linear layers after the step. */
  readonly density: number;
  /** Root mean square of the gradient over all that is trained. */
  readonly gradient_rms: number;
  /** Tokens that the step read. */
  readonly tokens: number;
  readonly milliseconds: number;
}

/** Trains one model in threads of its own. What it computes depends on its options, never on the number of threads. */
export class Trainer {
  /** Optimizer steps done. */
  step: number;
  readonly #config: TrainingConfig;
  readonly #plans: readonly ParameterPlan[];
  readonly #pool: ThreadPool;
  readonly #batches: Batches;

  private constructor(
    { config, tokens, endOfText, state }: TrainerOptions,
    plans: readonly ParameterPlan[],
    pool: ThreadPool,
  ) {
    this.#config = config;
    this.#plans = plans;
    this.#pool = pool;
    this.#batches = makeBatches(config, tokens, endOfText);
    this.step = state?.step ?? 0;
  }

  /** @throws SparseLensError when the tokens, the state and the configuration do not fit together */
  static async start(options: TrainerOptions): Promise<Trainer> {
    const { config, tokens, threads, kernels, state } = options;
    const plans = planParameters(config);
    const tensors = state?.tensors ?? initialTensors(config, plans, tokens);
    checkTensors(plans, tensors);
    const pool = await ThreadPool.start({ threads, kernels });
    try {
      const trainer = new Trainer(options, plans, pool);
      const { beta1, beta2, epsilon, weight_decay, gradient } = config;
      await pool.call(
        {
          type: "start-training",
          config: config.model,
          parameters: plans,
          optimizer: { beta1, beta2, epsilon, weight_decay, gradient },
          tensors,
          ratio: state?.numbers.ratio ?? 1,
          density:
            trainer.step > 0 ? planStep(config, trainer.step).density : { weight: 1, embedding: 1, bias: 1 },
        },
        {},
      );
      return trainer;
    } catch (error) {
      await pool.dispose();
      throw error;
    }
  }

  /** Training tokens read so far. */
  get tokens(): number {
    return this.#batches.tokensOf(this.step);
  }

  get threads(): number {
    return this.#pool.count;
  }

  get kernels(): string {
    return this.#pool.kernels;
  }

  /**
   * Takes up to `steps` steps, no more than the configuration has; when aborted, whole steps, and what was done counts.
   * @throws SparseLensError when a loss or gradient is not finite
   */
  async run(steps: number, { signal }: { readonly signal?: AbortSignal } = {}): Promise<StepMetrics[]> {
    const last = Math.min(this.step + steps, trainingSteps(this.#config));
    const calls: TrainStep[] = [];
    for (let step = this.step + 1; step <= last; step++) {
      calls.push({ plan: planStep(this.#config, step), sequences: this.#batches.sequences(step) });
    }
    if (calls.length === 0 || signal?.aborted) return [];
    const result = (await this.#pool.call(
      { type: "train", steps: calls },
      { finishSignal: signal },
    )) as TrainResult;
    this.step += result.steps.length;
    return result.steps.map((done, i) => ({
      ...done,
      learning_rate: calls[i].plan.learning_rate,
      density: calls[i].plan.density.weight,
      tokens: calls[i].sequences.reduce((sum, { tokens }) => sum + tokens.length, 0),
    }));
  }

  /** Weights under their names in the state dict, dense, the bigram table included. */
  async weights(): Promise<Map<string, Tensor>> {
    const { tensors } = await this.#read("weights");
    const shapes = new Map(this.#plans.map(({ name, shape }) => [name, shape]));
    return new Map([...tensors].map(([name, data]) => [name, { data, shape: shapes.get(name)! }]));
  }

  /** What a new trainer goes on from, bit for bit. */
  async state(): Promise<TrainingState> {
    const { tensors, ratio } = await this.#read("all");
    return { step: this.step, tensors, numbers: { ratio } };
  }

  dispose(): Promise<void> {
    return this.#pool.dispose();
  }

  async #read(parts: "weights" | "all"): Promise<TrainingStateResult> {
    return (await this.#pool.call({ type: "training-state", parts }, {})) as TrainingStateResult;
  }
}

function initialTensors(
  config: TrainingConfig,
  plans: readonly ParameterPlan[],
  tokens: Uint16Array,
): Map<string, Float32Array> {
  const random = new Random(config.seed);
  const tensors = new Map<string, Float32Array>();
  for (const plan of plans) tensors.set(plan.name, initialWeights(plan, random));
  if (config.bigram === "counted") {
    tensors.set("bigram_table", bigramTable(countBigrams(tokens, config.model.vocab_size)));
  }
  return tensors;
}

function checkTensors(plans: readonly ParameterPlan[], tensors: ReadonlyMap<string, Float32Array>): void {
  for (const { name, shape } of plans) {
    const count = shape.reduce((product, length) => product * length, 1);
    if (!tensors.has(name)) throw new SparseLensError(`The state of training has no ${name}.`);
    for (const array of [name, `adam_m/${name}`, `adam_v/${name}`]) {
      const length = tensors.get(array)?.length ?? count;
      if (length === count) continue;
      throw new SparseLensError(
        `The state of training holds ${length} numbers for ${array}, but the configuration has [${shape.join(", ")}].`,
      );
    }
  }
}
