import type { Random } from "../random.js";

/** How masks are trained (paper, A.5; the defaults are the centres of its search). */
export interface MaskTrainingSettings {
  /** What each node that is kept costs, in nats. */
  readonly k_coef: number;
  /** Standard deviation of the initial τ. */
  readonly init_noise_scale: number;
  /** Mean of the initial τ. */
  readonly init_noise_bias: number;
  readonly weight_decay: number;
  readonly learning_rate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Largest norm of the gradient by τ. */
  readonly gradient_clip: number;
  /** Share of the steps in which the learning rate rises to its peak; from there it falls linearly to 0. */
  readonly warmup_fraction: number;
  /** Of the sigmoid whose derivative stands for that of the Heaviside step. */
  readonly temperature: number;
  readonly steps: number;
  /** Pairs in the batch of a step. */
  readonly batch_pairs: number;
  readonly seed: number;
}

export const MASK_TRAINING_DEFAULTS: MaskTrainingSettings = {
  k_coef: 1e-4,
  init_noise_scale: 1e-2,
  init_noise_bias: 1e-1,
  weight_decay: 1e-3,
  learning_rate: 3e-3,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  gradient_clip: 1,
  warmup_fraction: 0.05,
  temperature: 1,
  steps: 400,
  batch_pairs: 64,
  seed: 0,
};

/** The same for models small enough that a search takes seconds: few and large steps, over few pairs, do as well there. */
export const SMALL_MODEL_SETTINGS: MaskTrainingSettings = {
  ...MASK_TRAINING_DEFAULTS,
  ...{ k_coef: 5e-4, learning_rate: 2e-2, steps: 64, batch_pairs: 16 },
};

/** The learning rate of a step (from 0), relative to its peak. */
export function maskLearningRate(step: number, { steps, warmup_fraction }: MaskTrainingSettings): number {
  const warmup = Math.ceil(steps * warmup_fraction);
  return step < warmup ? (step + 1) / warmup : (steps - step) / Math.max(1, steps - warmup);
}

/** One τ per node, in [-1, 1]; the node's mask is Heaviside(τ). AdamW, in float64. */
export class MaskOptimizer {
  /** `[nodes]` */
  readonly tau: Float64Array;
  /** Steps done. */
  step = 0;
  readonly #settings: MaskTrainingSettings;
  readonly #first: Float64Array;
  readonly #second: Float64Array;
  readonly #gradient: Float64Array;

  constructor(nodes: number, settings: MaskTrainingSettings, random: Random) {
    const { init_noise_bias, init_noise_scale } = settings;
    this.#settings = settings;
    this.tau = Float64Array.from({ length: nodes }, () =>
      clamp(init_noise_bias + init_noise_scale * random.normal()),
    );
    [this.#first, this.#second, this.#gradient] = Array.from({ length: 3 }, () => new Float64Array(nodes));
  }

  /** How many nodes are kept. */
  get kept(): number {
    return this.tau.reduce((count, tau) => count + (tau > 0 ? 1 : 0), 0);
  }

  /** Heaviside(τ). */
  writeMasks(masks: { [index: number]: number }): void {
    for (let node = 0; node < this.tau.length; node++) masks[node] = this.tau[node] > 0 ? 1 : 0;
  }

  /** Takes a step. @param byMasks `[nodes]`: the gradient of the task loss by the masks */
  update(byMasks: ArrayLike<number>): void {
    const { k_coef, temperature, beta1, beta2, epsilon, weight_decay, gradient_clip } = this.#settings;
    const rate = this.#settings.learning_rate * maskLearningRate(this.step, this.#settings);
    const [tau, first, second, gradient] = [this.tau, this.#first, this.#second, this.#gradient];
    let squares = 0;
    for (let node = 0; node < tau.length; node++) {
      const sigmoid = 1 / (1 + Math.exp(-tau[node] / temperature));
      gradient[node] = ((byMasks[node] + k_coef) * sigmoid * (1 - sigmoid)) / temperature;
      squares += gradient[node] ** 2;
    }
    const clip = Math.min(1, gradient_clip / Math.sqrt(squares));
    this.step++;
    const [unbias1, unbias2] = [1 - beta1 ** this.step, 1 - beta2 ** this.step];
    for (let node = 0; node < tau.length; node++) {
      const g = gradient[node] * clip;
      first[node] = beta1 * first[node] + (1 - beta1) * g;
      second[node] = beta2 * second[node] + (1 - beta2) * g * g;
      const update = first[node] / unbias1 / (Math.sqrt(second[node] / unbias2) + epsilon);
      tau[node] = clamp(tau[node] - rate * (update + weight_decay * tau[node]));
    }
  }
}

function clamp(tau: number): number {
  return Math.min(1, Math.max(-1, tau));
}
