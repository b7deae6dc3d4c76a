import type { Corpus } from "../corpus/corpus.js";
import { type CorpusReference, referToCorpus } from "../corpus/reference.js";
import type { KernelChoice } from "../engine/kernels.js";
import { SparseLensError } from "../errors.js";
import { writeModel } from "../formats/write-model.js";
import { describe } from "../model/description.js";
import { type BigramCounts, countBigrams } from "./bigram.js";
import {
  checkpointSteps,
  loadNewestCheckpoint,
  type RunState,
  saveCheckpoint,
  type TrainingCheckpoint,
} from "./checkpoint.js";
import {
  modelConfigJson,
  parseTrainingConfig,
  type TrainingConfig,
  trainingConfigJson,
  trainingSteps,
} from "./config.js";
import { bigramEntropy, DivergenceMonitor } from "./divergence.js";
import { type EvaluationRequest, evaluateModel, type Sample } from "./evaluation.js";
import { measureWeights, type ProgressLine, StepLog } from "./metrics.js";
import { type ConfigLayers, mergeLayers, resolveTrainingConfig } from "./presets.js";
import {
  type ConfigChange,
  compareConfigs,
  holdsRun,
  RunDirectory,
  readRunDescription,
  requireSameCorpus,
} from "./run-directory.js";
import { type StepMetrics, Trainer } from "./trainer.js";

export interface TrainOptions {
  readonly corpus: Corpus;
  /** Of the run: made, unless a run is resumed. */
  readonly directory: string;
  readonly config?: ConfigLayers;
  /** Go on with the run in the directory. */
  readonly resume?: boolean;
  /** When resuming, take values that differ from those the run began with. */
  readonly override?: boolean;
  readonly threads?: number;
  readonly kernels?: KernelChoice;
  /** Of the programs at work, for `config.json`. */
  readonly versions?: Readonly<Record<string, string>>;
  /** Its abort saves a checkpoint and ends the run, to be resumed. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TrainingEvent) => void;
}

export type TrainingEvent =
  | {
      readonly type: "start";
      readonly step: number;
      readonly steps: number;
      readonly threads: number;
      readonly kernels: string;
      readonly config: TrainingConfig;
    }
  /** A few times a second. */
  | {
      readonly type: "progress";
      readonly step: number;
      readonly steps: number;
      /** Mean of the latest steps, in nats. */
      readonly loss: number;
      readonly density: number;
      readonly learning_rate: number;
      readonly tokens_per_second: number;
      /** Of training that are left, as fast as it is now. */
      readonly seconds_left: number;
    }
  | { readonly type: "evaluating"; readonly step: number }
  | { readonly type: "evaluation"; readonly line: ProgressLine }
  | { readonly type: "samples"; readonly step: number; readonly samples: readonly Sample[] }
  | { readonly type: "checkpoint"; readonly step: number }
  | { readonly type: "warning"; readonly message: string };

export interface TrainingSummary {
  /** Directory of the trained model. */
  readonly model: string;
  readonly steps: number;
  /** Of the last evaluation. */
  readonly last: ProgressLine;
}

/** A loss that is not finite, or stays too high. A lower learning rate may help. */
export class TrainingDiverged extends SparseLensError {
  constructor(
    message: string,
    readonly learningRate: number,
  ) {
    super(message);
  }
}

/** What tests replace. */
export interface TrainingParts {
  readonly startTrainer: (
    ...options: Parameters<typeof Trainer.start>
  ) => Promise<
    Pick<Trainer, "step" | "tokens" | "threads" | "kernels" | "run" | "weights" | "state" | "dispose">
  >;
  readonly evaluate: typeof evaluateModel;
}

const REAL_PARTS: TrainingParts = {
  startTrainer: (options) => Trainer.start(options),
  evaluate: evaluateModel,
};

/** Steps are asked for by the half second: that often progress is told. */
const CHUNK_MILLISECONDS = 500;

/** Steps, and share of all, in which the loss may be anything. */
const GRACE = { steps: 200, share: 0.05 };

/**
 * Trains a model in a directory: `config.json`, `progress.json` (JSON lines), `samples.jsonl`, `model/` as it was at the
 * last evaluation, and `checkpoints/`. A run that ends early, however it ends, can be resumed from its newest checkpoint,
 * and goes on bit for bit as if it had not ended (with the same kernels).
 *
 * @throws SparseLensError for a configuration or corpus that does not fit, a loss that is not finite or diverges, and
 *   what cannot be written; the reason of `signal` when that is aborted
 */
export async function train(
  options: TrainOptions,
  parts: TrainingParts = REAL_PARTS,
): Promise<TrainingSummary> {
  const directory = await RunDirectory.open(options.directory);
  try {
    const { config, checkpoint } = await prepare(directory, options);
    const run = await TrainingRun.start(directory, config, checkpoint, options, parts);
    try {
      return await run.finish();
    } finally {
      await run.dispose();
    }
  } finally {
    await directory.close();
  }
}

interface Prepared {
  readonly config: TrainingConfig;
  /** null: from the beginning. */
  readonly checkpoint: TrainingCheckpoint | null;
}

async function prepare(directory: RunDirectory, options: TrainOptions): Promise<Prepared> {
  const { corpus, resume, versions = {}, config: layers = {} } = options;
  const reference = referToCorpus(directory.files, corpus.directory, corpus.manifest);
  if (resume) return await prepareToResume(directory, reference, options);
  if (await holdsRun(directory.path)) {
    throw new SparseLensError(
      `${directory.path} already holds a run: go on with it by --resume, or name another directory.`,
    );
  }
  const config = resolveTrainingConfig(layers, corpus.tokenizer.vocabularySize);
  requireTokens(corpus, config);
  await directory.writeDescription({ corpus: reference, versions, config, changes: [] });
  return { config, checkpoint: null };
}

async function prepareToResume(
  directory: RunDirectory,
  reference: CorpusReference,
  { corpus, override = false, config: layers = {}, onEvent }: TrainOptions,
): Promise<Prepared> {
  const description = await readRunDescription(directory.path);
  requireSameCorpus(directory.path, description.corpus, reference);
  const config = layers.preset
    ? resolveTrainingConfig(layers, corpus.tokenizer.vocabularySize)
    : parseTrainingConfig(
        { ...trainingConfigJson(description.config), ...mergeLayers(layers) },
        "The training configuration",
      );
  const changes = compareConfigs(description.config, config, override);
  await directory.tidy();
  const { files, checkpoints } = directory;
  const hasCheckpoint = (await checkpointSteps(files, checkpoints)).length > 0;
  const checkpoint = hasCheckpoint
    ? await loadNewestCheckpoint(files, checkpoints, (problem) =>
        onEvent?.({ type: "warning", message: `${problem} Going on from the checkpoint before.` }),
      )
    : null;
  const step = checkpoint?.trainer.step ?? 0;
  if (step > trainingSteps(config)) {
    throw new SparseLensError(
      `"tokens" is ${config.tokens}, which is ${trainingSteps(config)} steps, but the run has done ${step}.`,
    );
  }
  if (changes.length > 0) {
    const dated: ConfigChange[] = changes.map((change) => ({ step, ...change }));
    await directory.writeDescription({ ...description, config, changes: [...description.changes, ...dated] });
  }
  return { config, checkpoint };
}

/** @throws SparseLensError when a corpus is too small for a configuration */
export function requireTokens({ directory, manifest }: Corpus, { model }: TrainingConfig): void {
  const { train, validation } = manifest.splits;
  if (train.tokens <= model.block_size) {
    throw new SparseLensError(
      `${directory} has ${train.tokens} training tokens: too few for a sequence of "block_size" ${model.block_size} and the token behind it. Write the corpus from more documents.`,
    );
  }
  if (validation.tokens < 2) {
    throw new SparseLensError(
      `${directory} has ${validation.tokens} validation tokens: nothing to evaluate on. Write the corpus from more documents, or hold out a larger share.`,
    );
  }
}

class TrainingRun {
  private readonly steps: number;
  private readonly log: StepLog<ProgressLine>;
  private readonly sampleLog: StepLog<Sample & { readonly step: number }>;
  private readonly monitor: DivergenceMonitor;
  private readonly shapes: ReadonlyMap<string, readonly number[]>;
  private savedStep: number;
  private state: Omit<RunState, "kernels">;
  /** Of the last step, in milliseconds. */
  private pace = CHUNK_MILLISECONDS;
  private last: ProgressLine | null;
  /** Seconds and tokens since the last evaluation, in this process. */
  private interval = { seconds: 0, tokens: 0 };

  private constructor(
    private readonly directory: RunDirectory,
    private readonly config: TrainingConfig,
    private readonly options: TrainOptions,
    private readonly evaluate: TrainingParts["evaluate"],
    private readonly data: {
      readonly trainer: Awaited<ReturnType<TrainingParts["startTrainer"]>>;
      readonly validation: Uint16Array;
      readonly bigramCounts?: BigramCounts;
      readonly log: StepLog<ProgressLine>;
      readonly sampleLog: StepLog<Sample & { readonly step: number }>;
    },
    checkpoint: TrainingCheckpoint | null,
  ) {
    const { log, sampleLog, bigramCounts } = data;
    this.log = log;
    this.sampleLog = sampleLog;
    this.last = log.last;
    this.steps = trainingSteps(config);
    this.savedStep = checkpoint ? checkpoint.trainer.step : -1;
    this.state = checkpoint?.run ?? BEGINNING;
    const baseline = bigramCounts ? bigramEntropy(bigramCounts) : Math.log(config.model.vocab_size);
    this.monitor = new DivergenceMonitor(baseline, Math.max(GRACE.steps, GRACE.share * this.steps));
    this.shapes = new Map(describe(config.model).parameters.map(({ name, shape }) => [name, shape]));
  }

  static async start(
    directory: RunDirectory,
    config: TrainingConfig,
    checkpoint: TrainingCheckpoint | null,
    options: TrainOptions,
    { startTrainer, evaluate }: TrainingParts,
  ): Promise<TrainingRun> {
    const { corpus, threads, kernels = "auto", onEvent } = options;
    const step = checkpoint?.trainer.step ?? 0;
    const tokens = await corpus.tokens("train");
    const validation = await corpus.tokens("validation");
    const bigramCounts =
      config.bigram === "counted" ? countBigrams(tokens, config.model.vocab_size) : undefined;
    const log = await StepLog.open<ProgressLine>(directory.files, directory.progress, step);
    const sampleLog = await StepLog.open<Sample & { step: number }>(directory.files, directory.samples, step);
    const before = checkpoint?.run.kernels as KernelChoice | undefined;
    const trainer = await startTrainer({
      ...{ config, tokens, threads, state: checkpoint?.trainer },
      endOfText: corpus.manifest.tokenizer.endOfText,
      kernels: kernels === "auto" && before ? before : kernels,
    });
    if (before && trainer.kernels !== before) {
      const message = `The run was computed with ${before} kernels so far and goes on with ${trainer.kernels} kernels, which may round differently.`;
      onEvent?.({ type: "warning", message });
    }
    onEvent?.({
      ...{ type: "start", step, steps: trainingSteps(config), config },
      ...{ threads: trainer.threads, kernels: trainer.kernels },
    });
    const data = { trainer, validation, bigramCounts, log, sampleLog };
    return new TrainingRun(directory, config, options, evaluate, data, checkpoint);
  }

  dispose(): Promise<void> {
    return this.data.trainer.dispose();
  }

  /** Trains to the end. */
  async finish(): Promise<TrainingSummary> {
    const { signal } = this.options;
    const { trainer } = this.data;
    try {
      for (;;) {
        await this.doWhatIsDue();
        signal?.throwIfAborted();
        if (trainer.step === this.steps) break;
        await this.advance();
      }
    } catch (error) {
      // Whole steps only: what the trainer holds is sound.
      if (signal?.aborted && trainer.step > 0) await this.save();
      throw error;
    }
    return { model: this.directory.model, steps: this.steps, last: this.last! };
  }

  /** Nothing twice: what a log or the checkpoints already have of this step is done. */
  private async doWhatIsDue(): Promise<void> {
    const { step } = this.data.trainer;
    const { eval_every, sample_every, checkpoint_every } = this.config;
    const isDue = (every: number) => step > 0 && (step === this.steps || (every > 0 && step % every === 0));
    const scores = isDue(eval_every) && this.log.lastStep < step;
    const samples = isDue(sample_every) && this.sampleLog.lastStep < step;
    if (scores || samples) await this.look(scores, samples);
    if (isDue(checkpoint_every)) await this.save();
  }

  /** Steps up to where something is due, but for half a second at most. */
  private async advance(): Promise<void> {
    const { trainer } = this.data;
    const { eval_every, sample_every, checkpoint_every } = this.config;
    const { step } = trainer;
    const next = [eval_every, sample_every, checkpoint_every]
      .filter((every) => every > 0)
      .map((every) => (Math.floor(step / every) + 1) * every);
    const room = Math.min(this.steps, ...next) - step;
    const wanted = Math.max(1, Math.min(room, Math.floor(CHUNK_MILLISECONDS / this.pace)));
    let done: StepMetrics[];
    try {
      done = await trainer.run(wanted, { signal: this.options.signal });
    } catch (error) {
      if (!(error instanceof SparseLensError) || this.options.signal?.aborted) throw error;
      throw this.diverged(error.message);
    }
    if (done.length === 0) return;
    const seconds = done.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / 1000;
    const { learning_rate, density, gradient_rms } = done.at(-1)!;
    this.state = {
      trainingSeconds: this.state.trainingSeconds + seconds,
      lossSum: done.reduce((sum, { loss }) => sum + loss, this.state.lossSum),
      lossSteps: this.state.lossSteps + done.length,
      ...{ learning_rate, density, gradient_rms },
    };
    this.pace = (seconds * 1000) / done.length;
    this.watch(done);
    const tokens = done.reduce((sum, step) => sum + step.tokens, 0);
    this.interval = { seconds: this.interval.seconds + seconds, tokens: this.interval.tokens + tokens };
    this.options.onEvent?.({
      ...{ type: "progress", step: trainer.step, steps: this.steps, loss: this.monitor.average },
      ...{ learning_rate, density },
      tokens_per_second: tokens / seconds,
      seconds_left: ((this.steps - trainer.step) * seconds) / done.length,
    });
  }

  private watch(done: readonly StepMetrics[]): void {
    for (const { step, loss } of done) {
      if (!this.monitor.add(step, loss) || !this.config.stop_on_divergence) continue;
      const [average, baseline] = [this.monitor.average, this.monitor.baseline].map((nats) =>
        nats.toFixed(2),
      );
      throw this.diverged(
        `Step ${step}: training has diverged. Its loss has long been around ${average} nats, though ${baseline} need no context (to go on nevertheless, set "stop_on_divergence" to false).`,
      );
    }
  }

  private async look(scores: boolean, samples: boolean): Promise<void> {
    const { trainer, bigramCounts, validation } = this.data;
    const { config } = this;
    const { corpus, threads, signal, onEvent } = this.options;
    const { step } = trainer;
    onEvent?.({ type: "evaluating", step });
    const weights = await trainer.weights();
    const written = new Map(weights);
    // Its counts are written instead.
    if (bigramCounts) written.delete("bigram_table");
    await writeModel(
      this.directory.model,
      {
        config: modelConfigJson(config),
        tensors: written,
        tokenizer: { tokenizerJson: corpus.tokenizer.toTokenizerJson(), location: corpus.directory },
        bigramCounts,
      },
      { overwrite: true },
    );
    const request: EvaluationRequest = {
      ...{ model: this.directory.model, config, validation, scores, samples },
      endOfText: corpus.manifest.tokenizer.endOfText,
      ...{ threads, kernels: trainer.kernels as KernelChoice, signal },
    };
    const evaluation = await this.evaluate(request);
    if (evaluation.scores) {
      const { lossSum, lossSteps, trainingSeconds, learning_rate, density, gradient_rms } = this.state;
      const { seconds, tokens } = this.interval;
      const line: ProgressLine = {
        step,
        tokens: trainer.tokens,
        training_seconds: rounded(trainingSeconds),
        tokens_per_second: tokens > 0 ? rounded(tokens / seconds) : 0,
        train_xent: lossSteps > 0 ? lossSum / lossSteps : 0,
        ...{ learning_rate, density, gradient_rms },
        ...measureWeights(weights, config),
        ...evaluation.scores,
      };
      await this.log.append(line);
      this.last = line;
      this.state = { ...this.state, lossSum: 0, lossSteps: 0 };
      this.interval = { seconds: 0, tokens: 0 };
      onEvent?.({ type: "evaluation", line });
    }
    if (samples) {
      await this.sampleLog.append(...evaluation.samples.map((sample) => ({ step, ...sample })));
      onEvent?.({ type: "samples", step, samples: evaluation.samples });
    }
  }

  private async save(): Promise<void> {
    const { trainer } = this.data;
    if (this.savedStep === trainer.step) return;
    const { files, checkpoints } = this.directory;
    const checkpoint = {
      trainer: await trainer.state(),
      run: { ...this.state, kernels: trainer.kernels },
    };
    const shapes = (name: string) => this.shapes.get(name.replace(/^adam_[mv]\//, ""));
    try {
      await saveCheckpoint(files, checkpoints, checkpoint, { keep: this.config.keep_checkpoints, shapes });
    } catch (error) {
      if (!(error instanceof SparseLensError)) throw error;
      throw new SparseLensError(`${error.message} ${this.whereToGoOn()}`, { cause: error });
    }
    this.savedStep = trainer.step;
    this.options.onEvent?.({ type: "checkpoint", step: trainer.step });
  }

  private diverged(problem: string): TrainingDiverged {
    return new TrainingDiverged(
      `${problem} Nothing is lost: ${this.whereToGoOn()}`,
      this.config.learning_rate,
    );
  }

  private whereToGoOn(): string {
    return this.savedStep < 0
      ? "the run has no checkpoint yet, and begins anew when it is resumed."
      : `the run can be resumed from its checkpoint of step ${this.savedStep}.`;
  }
}

const BEGINNING = {
  ...{ trainingSeconds: 0, lossSum: 0, lossSteps: 0 },
  ...{ learning_rate: 0, density: 1, gradient_rms: 0 },
};

/** To the millisecond. */
function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
