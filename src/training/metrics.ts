import { SparseLensError } from "../errors.js";
import type { LocalFiles } from "../io/local-files.js";
import { TASK_TARGET } from "../tasks/evaluate.js";
import type { Tensor } from "../tensor.js";
import type { TrainingConfig } from "./config.js";
import { type ParameterPlan, planParameters } from "./parameters.js";

/** A line of `progress.json`. Names that the released training curves have mean here what they mean there. */
export interface ProgressLine {
  /** Optimizer steps done. */
  readonly step: number;
  /** Training tokens seen. */
  readonly tokens: number;
  /** Seconds spent on steps since the run began: not on evaluations and checkpoints. */
  readonly training_seconds: number;
  /** Over the steps since the line before. */
  readonly tokens_per_second: number;
  /** Mean training cross-entropy since the line before, in nats. */
  readonly train_xent: number;
  /** Cross-entropy on validation tokens, in nats. */
  readonly test_xent: number;
  readonly learning_rate: number;
  readonly density: number;
  /** Of the last step's gradient, before it was normalised or clipped. */
  readonly gradient_rms: number;
  /** Nonzero weights: matrices, embeddings and biases, without norms, sinks and the bigram table. */
  readonly L0: number;
  /** The same without embeddings and unembedding. */
  readonly L0_non_embed: number;
  /** `num_alive_neurons/c_fc/layer_{i}`, `kurtosis/final_resid`, `task_accuracy/{task}`, `task_loss/{task}`, …. */
  readonly [measure: string]: number;
}

const DENSE_PARAMETERS = /(^bigram_table$|\.ln_\w+\.|\.sink_logit$)/;
const EMBEDDINGS = /^(transformer\.wte|transformer\.wpe|lm_head)\.weight$/;

/** What a model's weights say by themselves: L0, and neurons of each layer with at least one nonzero in `c_fc`. */
export function measureWeights(
  weights: ReadonlyMap<string, Tensor>,
  config: TrainingConfig,
): Pick<ProgressLine, "L0" | "L0_non_embed"> & Record<string, number> {
  const { n_layer, d_mlp } = config.model;
  let L0 = 0;
  let embeddings = 0;
  for (const { name } of countedParameters(config)) {
    const nonzeros = countNonzeros(weights.get(name)!.data);
    L0 += nonzeros;
    if (EMBEDDINGS.test(name)) embeddings += nonzeros;
  }
  const measures = { L0, L0_non_embed: L0 - embeddings };
  const alive = Array.from({ length: n_layer }, (_, layer) => {
    const { data } = weights.get(`transformer.h.${layer}.mlp.c_fc.weight`)!;
    const width = data.length / d_mlp;
    let neurons = 0;
    for (let row = 0; row < d_mlp; row++) {
      if (data.subarray(row * width, (row + 1) * width).some((value) => value !== 0)) neurons++;
    }
    return [`num_alive_neurons/c_fc/layer_${layer}`, neurons];
  });
  return { ...measures, ...Object.fromEntries(alive) };
}

/** What L0 counts the nonzeros of: matrices, embeddings and biases that are trained. */
export function countWeights(config: TrainingConfig): number {
  return countedParameters(config).reduce(
    (sum, { shape }) => sum + shape.reduce((product, length) => product * length, 1),
    0,
  );
}

function countedParameters(config: TrainingConfig): ParameterPlan[] {
  return planParameters(config).filter(({ name, isTrained }) => isTrained && !DENSE_PARAMETERS.test(name));
}

/** Of the tasks that the tokenizer can express, those that reach the target; null where none was looked at. */
export function countReached(
  line: ProgressLine,
): { readonly reached: number; readonly tasks: number } | null {
  const names = Object.keys(line).flatMap((key) => /^task_accuracy\/(.*)$/.exec(key)?.[1] ?? []);
  if (names.length === 0) return null;
  const reached = names.filter(
    (name) =>
      line[`task_accuracy/${name}`] >= TASK_TARGET.accuracy && line[`task_loss/${name}`] <= TASK_TARGET.loss,
  );
  return { reached: reached.length, tasks: names.length };
}

function countNonzeros(values: Float32Array): number {
  let count = 0;
  for (let i = 0; i < values.length; i++) if (values[i] !== 0) count++;
  return count;
}

/**
 * Kurtosis of a residual stream `[tokens, channels]`: the fourth central moment over a token's channels, in units of the
 * squared variance (3 for a normal distribution), averaged over tokens.
 */
export function kurtosis({ data, shape }: Tensor): number {
  const [tokens, channels] = shape;
  let total = 0;
  for (let token = 0; token < tokens; token++) {
    const row = data.subarray(token * channels, (token + 1) * channels);
    const mean = row.reduce((sum, value) => sum + value, 0) / channels;
    let second = 0;
    let fourth = 0;
    for (const value of row) {
      const square = (value - mean) ** 2;
      second += square;
      fourth += square * square;
    }
    // A constant row has none.
    if (second > 0) total += (fourth * channels) / (second * second);
  }
  return total / tokens;
}

/** A file of JSON lines, each with the step that it belongs to. */
export class StepLog<Line extends { readonly step: number }> {
  /** Its last line, null before the first. */
  last: Line | null = null;

  private constructor(
    private readonly files: LocalFiles,
    private readonly path: string,
  ) {}

  /** Opens a log, without the lines after `step` and without a last line that is not whole. */
  static async open<Line extends { readonly step: number }>(
    files: LocalFiles,
    path: string,
    step: number,
  ): Promise<StepLog<Line>> {
    const log = new StepLog<Line>(files, path);
    if ((await files.kind(path)) === null) return log;
    const text = await files.readText(path);
    const kept: string[] = [];
    for (const line of text.split("\n").slice(0, -1)) {
      const parsed = parseLine<Line>(line, path);
      if (parsed.step > step) break;
      log.last = parsed;
      kept.push(`${line}\n`);
    }
    if (kept.join("") === text) return log;
    await files.writeText(`${path}.partial`, kept.join(""));
    await files.rename(`${path}.partial`, path);
    return log;
  }

  /** Step of the last line, -1 before the first. */
  get lastStep(): number {
    return this.last?.step ?? -1;
  }

  async append(...lines: Line[]): Promise<void> {
    const file = await this.files.create(this.path, { append: true });
    try {
      await file.write(new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join("")));
    } finally {
      await file.close();
    }
    this.last = lines.at(-1) ?? this.last;
  }
}

function parseLine<Line extends { readonly step: number }>(text: string, path: string): Line {
  try {
    const line = JSON.parse(text) as Line;
    if (typeof line.step === "number") return line;
  } catch {
    // Said below.
  }
  throw new SparseLensError(`${path} has a line that is not of a training run: ${text.slice(0, 60)}`);
}
