import type { Pointer } from "../engine/kernels.js";
import type { Arena } from "../engine/memory.js";
import type { Thread } from "../engine/thread.js";
import { type Layout, refreshMatrix, type TrainedMatrix } from "../engine/trained-weights.js";
import { SparseLensError } from "../errors.js";
import type { TrainingConfig } from "./config.js";
import type { StepPlan } from "./schedule.js";
import type { TrainedParameter } from "./state.js";

export type OptimizerConfig = Pick<
  TrainingConfig,
  "beta1" | "beta2" | "epsilon" | "weight_decay" | "gradient"
>;

const SETTINGS = 9;

/** Share of nonzeros above which it costs more to skip zeros than to multiply with them. */
const FULL_ABOVE = 0.6;

/** Density of a matrix below which the gradients of its nonzeros alone take less time than all. */
const SPARSE_GRADIENT_BELOW = 0.2;

/** AdamW and, after it, the projection to the schedule's L0 (paper, section 2.1). Each parameter is one thread's in a step. */
export class Optimizer {
  /**
   * Sum of the squared gradients of the matrices stored sparse, over that of their nonzeros alone, when both were last
   * known: estimates the one from the other in between.
   */
  ratio = 1;
  /** Root mean square of the last step's gradient. */
  gradient_rms = 0;
  readonly #thread: Thread;
  readonly #config: OptimizerConfig;
  readonly #parameters: readonly TrainedParameter[];
  /** Weights that the gradient's root mean square is taken over. */
  readonly #count: number;
  /** f32[parameters][2]: sum of the squared gradients, and the part of the nonzeros where it is known. */
  readonly #squares: Pointer;
  readonly #settings: Pointer;
  readonly #ranks: Pointer;
  readonly #thresholds = new Map<TrainedParameter, number>();
  /** Those whose nonzeros have gone ahead, in compressed rows, of their dense arrays; on every thread alike. */
  readonly #ahead = new Set<TrainedParameter>();

  constructor(
    thread: Thread,
    arena: Arena,
    config: OptimizerConfig,
    parameters: readonly TrainedParameter[],
  ) {
    this.#thread = thread;
    this.#config = config;
    this.#parameters = parameters.filter(({ isTrained }) => isTrained);
    this.#count = this.#parameters.reduce(
      (sum, parameter) => sum + (isMeasured(parameter) ? parameter.count : 0),
      0,
    );
    this.#squares = arena.floats(2 * this.#parameters.length);
    const largest = Math.max(...this.#parameters.map(({ size }) => size));
    const mine = (make: () => Pointer) => Array.from({ length: thread.count }, make)[thread.index];
    this.#settings = mine(() => arena.floats(SETTINGS));
    this.#ranks = mine(() => arena.bytes(4 * largest));
  }

  /** Makes what products read from the weights, for weights of these densities. */
  refresh(plan: Pick<StepPlan, "density">): void {
    this.#chooseLayouts(plan);
    for (const { matrix } of this.#mine(this.#parameters)) {
      if (isMultiplied(matrix)) refreshMatrix(this.#thread, matrix);
    }
    this.#thread.barrier();
  }

  /** @throws SparseLensError, on every thread, when a gradient is not finite */
  step(plan: StepPlan): void {
    const supportStays = new Set(this.#parameters.filter((one) => this.#hasNonzerosOnly(one, plan)));
    const mine = this.#mine(
      this.#parameters,
      (one) => one.size * (supportStays.has(one) ? shareOf(one, plan) : 1),
    );
    const scale = this.#gradientScale(plan, mine);
    this.#chooseLayouts(plan);
    for (const parameter of mine) {
      this.#writeSettings(plan, parameter, scale);
      if (supportStays.has(parameter)) this.#stepNonzeros(parameter);
      else this.#stepAll(parameter, plan);
    }
    for (const parameter of this.#parameters) {
      if (supportStays.has(parameter)) this.#ahead.add(parameter);
      else this.#ahead.delete(parameter);
    }
    this.#thread.barrier();
  }

  /** Brings all dense arrays up to date, for whoever reads them: on every thread. */
  settle(): void {
    for (const parameter of this.#mine([...this.#ahead])) this.#settle(parameter);
    this.#ahead.clear();
    this.#thread.barrier();
  }

  /** This thread's of the parameters, by what they cost: the largest first, each to the thread that has least. */
  #mine(
    parameters: readonly TrainedParameter[],
    cost = ({ size }: TrainedParameter) => size,
  ): TrainedParameter[] {
    const shares = Array.from({ length: this.#thread.count }, () => ({
      cost: 0,
      parameters: [] as TrainedParameter[],
    }));
    for (const parameter of [...parameters].sort((a, b) => cost(b) - cost(a))) {
      const least = shares.reduce((a, b) => (b.cost < a.cost ? b : a));
      least.cost += cost(parameter);
      least.parameters.push(parameter);
    }
    return shares[this.#thread.index].parameters;
  }

  /** On every thread alike, for all matrices: each thread multiplies with all of them. */
  #chooseLayouts(plan: Pick<StepPlan, "density">): void {
    for (const parameter of this.#parameters) {
      const { matrix, activeShare } = parameter;
      if (!matrix) continue;
      const share = shareOf(parameter, plan);
      const layout = (activations: number): Layout => {
        // A nonzero weight costs about as much as a nonzero activation, and twice what a weight of a full matrix does.
        if (share < Math.min(activations, FULL_ABOVE)) return "sparse";
        return activations < FULL_ABOVE ? "dense" : "full";
      };
      matrix.layout.forward = layout(activeShare.input);
      matrix.layout.backward = layout(activeShare.output);
      // The gradient of a table is dense and cheap; elsewhere a nonzero's costs some times a dense one's.
      const isSparse =
        !matrix.isEmbedding && share < SPARSE_GRADIENT_BELOW && matrix.layout.forward === "sparse";
      matrix.layout.gradient = isSparse ? "sparse" : "dense";
    }
  }

  #hasNonzerosOnly({ matrix }: TrainedParameter, { gradients }: StepPlan): boolean {
    return gradients === "nonzero" && matrix?.layout.gradient === "sparse";
  }

  #gradientScale(plan: StepPlan, mine: readonly TrainedParameter[]): number {
    const { kernels, memory, index } = this.#thread;
    const cell = (parameter: TrainedParameter) => 2 * this.#parameters.indexOf(parameter);
    for (const parameter of mine) {
      const { matrix, gradient, size } = parameter;
      const sums = memory.floats(this.#squares, 2 * this.#parameters.length);
      let part = 0;
      if (matrix?.layout.gradient === "sparse") {
        const nonzeros = memory.words[(matrix.byRow.pointers >> 2) + matrix.rows];
        const { byRow, nonzeroGradient, rows } = matrix;
        if (plan.gradients === "all") {
          kernels.gather_nonzeros(nonzeroGradient, gradient, byRow.pointers, byRow.indices, rows);
        }
        part = kernels.sum_of_squares(nonzeroGradient, nonzeros);
      }
      sums[cell(parameter)] = this.#hasNonzerosOnly(parameter, plan)
        ? 0
        : kernels.sum_of_squares(gradient, size);
      sums[cell(parameter) + 1] = part;
    }
    this.#thread.barrier();
    const sums = memory.floats(this.#squares, 2 * this.#parameters.length);
    let whole = 0;
    let sparse = 0;
    let nonzero = 0;
    for (const parameter of this.#parameters.filter(isMeasured)) {
      const part = sums[cell(parameter) + 1];
      nonzero += part;
      if (this.#hasNonzerosOnly(parameter, plan)) continue;
      whole += sums[cell(parameter)];
      if (part > 0) sparse += sums[cell(parameter)];
    }
    if (plan.gradients === "nonzero") whole += nonzero * this.ratio;
    else if (nonzero > 0) this.ratio = sparse / nonzero;
    this.#thread.barrier();
    this.gradient_rms = Math.sqrt(whole / this.#count);
    if (!Number.isFinite(this.gradient_rms)) {
      const message = `The gradient of step ${plan.step} is not finite: training diverged. Lower the learning rate.`;
      if (index === 0) throw new SparseLensError(message);
      throw new Error(message);
    }
    const { gradient } = this.#config;
    if (gradient === "none" || this.gradient_rms === 0) return 1;
    return gradient === "clip" ? Math.min(1, 1 / this.gradient_rms) : 1 / this.gradient_rms;
  }

  #writeSettings({ step, learning_rate }: StepPlan, { hasDecay }: TrainedParameter, scale: number): void {
    const { beta1, beta2, epsilon, weight_decay } = this.#config;
    const decay = hasDecay ? learning_rate * weight_decay : 0;
    const rate = learning_rate / (1 - beta1 ** step);
    this.#thread.memory
      .floats(this.#settings, SETTINGS)
      .set([
        scale,
        beta1,
        1 - beta1,
        beta2,
        1 - beta2,
        1 - decay,
        rate,
        epsilon,
        1 / Math.sqrt(1 - beta2 ** step),
      ]);
  }

  #stepAll(parameter: TrainedParameter, plan: StepPlan): void {
    const { kernels } = this.#thread;
    if (this.#ahead.has(parameter)) this.#settle(parameter);
    const { weights, gradient, first_moment, second_moment, size, floor, shape, count } = parameter;
    kernels.adamw(weights, gradient, first_moment, second_moment, size, this.#settings);
    const share = shareOf(parameter, plan);
    if (share < 1) {
      const kept = Math.max(1, Math.floor(share * count));
      kernels.rank_magnitudes(this.#ranks, weights, size);
      if (floor) {
        const [rows, columns] = shape;
        if (floor.side === "row") kernels.spare_rows(this.#ranks, rows, columns, floor.minimum);
        else kernels.spare_columns(this.#ranks, rows, columns, floor.minimum);
      }
      const guess = this.#thresholds.get(parameter) ?? 0;
      this.#thresholds.set(parameter, kernels.keep_highest(weights, this.#ranks, size, kept, guess));
    }
    if (isMultiplied(parameter.matrix)) refreshMatrix(this.#thread, parameter.matrix);
  }

  /** A step of the nonzeros alone, which lie side by side in compressed rows: scattered, each would cost three lines of cache. */
  #stepNonzeros(parameter: TrainedParameter): void {
    const { kernels, memory } = this.#thread;
    const { rows, columns, byRow, transposed, nonzeroGradient } = parameter.matrix!;
    const { pointers, indices, values } = byRow;
    const [first, second] = parameter.nonzeroMoments;
    if (!this.#ahead.has(parameter)) {
      kernels.gather_nonzeros(first, parameter.first_moment, pointers, indices, rows);
      kernels.gather_nonzeros(second, parameter.second_moment, pointers, indices, rows);
    }
    const nonzeros = memory.words[(pointers >> 2) + rows];
    kernels.adamw(values, nonzeroGradient, first, second, nonzeros, this.#settings);
    // A zero would be no nonzero any more to whoever lists them from the weights, as a run that is resumed does.
    kernels.replace_zeros(values, nonzeros);
    kernels.transpose_csr(
      ...([transposed.pointers, transposed.indices, transposed.values] as const),
      ...([pointers, indices, values, rows, columns] as const),
    );
  }

  #settle(parameter: TrainedParameter): void {
    const { weights, first_moment, second_moment, nonzeroMoments, matrix } = parameter;
    const { byRow, rows } = matrix!;
    const [first, second] = nonzeroMoments;
    for (const [dense, listed] of [
      [weights, byRow.values],
      [first_moment, first],
      [second_moment, second],
    ]) {
      this.#thread.kernels.scatter_nonzeros(dense, listed, byRow.pointers, byRow.indices, rows);
    }
  }
}

/** A table that is only looked up needs no copies for products. */
function isMultiplied(matrix: TrainedMatrix | null): matrix is TrainedMatrix {
  return matrix !== null && (!matrix.isEmbedding || matrix.isTied);
}

/** A learned bigram table, mostly zeros, would make the root mean square a matter of the vocabulary's size. */
function isMeasured({ name }: TrainedParameter): boolean {
  return name !== "bigram_table";
}

/** The share of a parameter's weights that the plan keeps. */
function shareOf({ anneal }: TrainedParameter, { density }: Pick<StepPlan, "density">): number {
  return anneal ? density[anneal] : 1;
}
