import type { CorpusReference } from "../corpus/reference.js";
import { SparseLensError } from "../errors.js";
import { readJsonObject } from "../io/byte-source.js";
import { type LocalFiles, requireLocalFiles } from "../io/local-files.js";
import { replaceFile } from "../io/replace-file.js";
import { checkpointSteps, removePartialCheckpoints } from "./checkpoint.js";
import {
  FIXED_KEYS,
  HOUSEKEEPING_KEYS,
  parseTrainingConfig,
  type TrainingConfig,
  trainingConfigJson,
} from "./config.js";
import { type ProgressLine, StepLog } from "./metrics.js";

const CONFIG = "config.json";
const CHECKPOINTS = "checkpoints";
const PROGRESS = "progress.json";
const FORMAT_VERSION = 1;

/** `config.json` of a run. */
export interface RunDescription {
  readonly corpus: CorpusReference;
  /** Of the programs that began it. */
  readonly versions: Readonly<Record<string, string>>;
  readonly config: TrainingConfig;
  /** Values that were changed after the run had begun. */
  readonly changes: readonly ConfigChange[];
}

export interface ConfigChange {
  /** Steps that had been done. */
  readonly step: number;
  readonly key: string;
  readonly from: unknown;
  readonly to: unknown;
}

/** A directory that holds a run: who opens it is alone with it until it is closed. */
export class RunDirectory {
  readonly model: string;
  readonly checkpoints: string;
  readonly progress: string;
  readonly samples: string;
  readonly #unlock: () => Promise<void>;

  private constructor(
    readonly files: LocalFiles,
    readonly path: string,
    unlock: () => Promise<void>,
  ) {
    this.model = files.join(path, "model");
    this.checkpoints = files.join(path, CHECKPOINTS);
    this.progress = files.join(path, PROGRESS);
    this.samples = files.join(path, "samples.jsonl");
    this.#unlock = unlock;
  }

  /** @throws SparseLensError when another process trains in it */
  static async open(path: string): Promise<RunDirectory> {
    const files = requireLocalFiles("Training");
    if ((await files.kind(path)) === "file") {
      throw new SparseLensError(`${path} is a file: name a directory for the run.`);
    }
    await files.makeDirectory(path);
    const unlock = await files.lock(files.join(path, ".lock"));
    if (!unlock) throw new SparseLensError(`Another process is training in ${path}: wait for it, or end it.`);
    return new RunDirectory(files, path, unlock);
  }

  async close(): Promise<void> {
    await this.#unlock();
    // Nothing came of it.
    if ((await this.files.list(this.path)).length === 0) await this.files.remove(this.path);
  }

  async writeDescription({ corpus, versions, config, changes }: RunDescription): Promise<void> {
    const json = {
      format_version: FORMAT_VERSION,
      corpus,
      versions,
      config: trainingConfigJson(config),
      changes,
    };
    await replaceFile(this.files, this.files.join(this.path, CONFIG), `${JSON.stringify(json, null, 1)}\n`);
  }

  /** Removes what a process that was killed had begun to write. */
  async tidy(): Promise<void> {
    const partial = (await this.files.list(this.path)).filter((name) => /\.partial(-\w+)?$/.test(name));
    for (const name of partial) await this.files.remove(this.files.join(this.path, name));
    await removePartialCheckpoints(this.files, this.checkpoints);
  }
}

/** The last evaluation of a run that has come to its end, which is after `steps`; null for one that has not. */
export async function lastOfFinished(directory: string, steps: number): Promise<ProgressLine | null> {
  const files = requireLocalFiles("Training");
  // The checkpoint is what is written last.
  if (!(await checkpointSteps(files, files.join(directory, CHECKPOINTS))).includes(steps)) return null;
  const { last } = await StepLog.open<ProgressLine>(files, files.join(directory, PROGRESS), steps);
  return last?.step === steps ? last : null;
}

/** Whether a run has begun in a directory. */
export async function holdsRun(directory: string): Promise<boolean> {
  const files = requireLocalFiles("Training");
  return (await files.kind(files.join(directory, CONFIG))) === "file";
}

/** @throws SparseLensError when no run has begun in the directory */
export async function readRunDescription(directory: string): Promise<RunDescription> {
  const files = requireLocalFiles("Training");
  if (!(await holdsRun(directory))) {
    throw new SparseLensError(`${directory} holds no run: there is no ${CONFIG}.`);
  }
  const path = files.join(directory, CONFIG);
  const file = await files.open(path);
  const json = await readJsonObject(file).finally(() => file.close());
  if (json.format_version !== FORMAT_VERSION || typeof json.config !== "object" || json.config === null) {
    throw new SparseLensError(
      `${path} is not the configuration of a run that this version of SparseLens made.`,
    );
  }
  const { corpus, versions, config, changes } = json as unknown as RunDescription;
  return { corpus, versions, config: parseTrainingConfig({ ...config }, path), changes };
}

/** @throws SparseLensError when the run in a directory was trained on another corpus */
export function requireSameCorpus(directory: string, before: CorpusReference, now: CorpusReference): void {
  if (before.sha256 === now.sha256) return;
  throw new SparseLensError(
    `${directory} was trained on another corpus (${before.path} as it was then, with ${before.training_tokens} training tokens) than ${now.path} (${now.training_tokens}): a run goes on with the data that it began with. Write that corpus again, or begin another run.`,
  );
}

/** The values in which two configurations differ. */
export function differences(before: TrainingConfig, after: TrainingConfig): Omit<ConfigChange, "step">[] {
  const [old, wanted] = [trainingConfigJson(before), trainingConfigJson(after)];
  return Object.keys(wanted)
    .filter((key) => old[key] !== wanted[key])
    .map((key) => ({ key, from: old[key], to: wanted[key] }));
}

/** For messages. */
export function describeChanges(changes: readonly Omit<ConfigChange, "step">[]): string {
  return changes
    .map(({ key, from, to }) => `"${key}" is ${JSON.stringify(from)} there, not ${JSON.stringify(to)}`)
    .join("; ");
}

/**
 * The values in which a run that goes on differs from how it began.
 * @param override whether values that decide what is computed may differ
 * @throws SparseLensError naming the keys that must not
 */
export function compareConfigs(
  before: TrainingConfig,
  after: TrainingConfig,
  override: boolean,
): Omit<ConfigChange, "step">[] {
  const changes = differences(before, after);
  const fixed = changes.filter(({ key }) => FIXED_KEYS.has(key));
  if (fixed.length > 0) {
    throw new SparseLensError(
      `The run began with another configuration, and with these it cannot go on: ${describeChanges(fixed)}. Leave them out, or begin another run.`,
    );
  }
  const recipe = changes.filter(({ key }) => !HOUSEKEEPING_KEYS.has(key));
  if (recipe.length > 0 && !override) {
    throw new SparseLensError(
      `The run began with another configuration: ${describeChanges(recipe)}. Leave these out, or go on with them by --override.`,
    );
  }
  return changes;
}
