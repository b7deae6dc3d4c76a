import { SparseLensError } from "../errors.js";
import { type LocalFiles, requireLocalFiles } from "../io/local-files.js";
import { replaceFile } from "../io/replace-file.js";
import type { MaskTrainingSettings } from "./mask-optimizer.js";

/** Masks that were trained once, for one task, and what they came to. */
export interface MaskTrial {
  readonly task: string;
  readonly settings: MaskTrainingSettings;
  /** Nodes whose τ ended above 0, from the largest τ down, by their numbers in NodeIndex. */
  readonly order: readonly number[];
  readonly outcomes: readonly TargetOutcome[];
  readonly seconds: number;
}

/** How many nodes a target took, on the select split. */
export interface TargetOutcome {
  readonly target: number;
  readonly k: number;
  readonly loss: number;
  readonly reached: boolean;
}

/** Where trials are kept, and found again. */
export interface TrialStore {
  find(task: string, settings: MaskTrainingSettings): MaskTrial | undefined;
  /** Keeps a trial, in place of an earlier one with the same settings. */
  add(trial: MaskTrial): Promise<void>;
}

/** Trials that are kept while the program runs. */
export class MemoryTrials implements TrialStore {
  readonly #byKey: Map<string, MaskTrial>;

  constructor(trials: readonly MaskTrial[] = []) {
    this.#byKey = new Map(trials.map((trial) => [keyOf(trial.task, trial.settings), trial]));
  }

  find(task: string, settings: MaskTrainingSettings): MaskTrial | undefined {
    return this.#byKey.get(keyOf(task, settings));
  }

  async add(trial: MaskTrial): Promise<void> {
    this.#byKey.set(keyOf(trial.task, trial.settings), trial);
  }
}

/** What all trials of a directory have in common: how they can be compared. */
export type TrialsDescription = Readonly<Record<string, unknown>>;

const DESCRIPTION = "prune.json";
const TRIALS = "trials.jsonl";

/** A directory in which trials accumulate: who opens it is alone with it until it is closed. */
export class TrialsDirectory implements TrialStore {
  readonly #known: MemoryTrials;

  private constructor(
    readonly files: LocalFiles,
    readonly path: string,
    trials: readonly MaskTrial[],
    private readonly unlock: () => Promise<void>,
  ) {
    this.#known = new MemoryTrials(trials);
  }

  /** @throws SparseLensError when another process is at work in it, or its trials are of something else */
  static async open(path: string, description: TrialsDescription): Promise<TrialsDirectory> {
    const files = requireLocalFiles("Searching for circuits");
    if ((await files.kind(path)) === "file") {
      throw new SparseLensError(`${path} is a file: name a directory for the circuits.`);
    }
    await files.makeDirectory(path);
    const unlock = await files.lock(files.join(path, ".lock"));
    if (!unlock) {
      throw new SparseLensError(`Another process searches for circuits in ${path}: wait for it, or end it.`);
    }
    try {
      await checkDescription(files, path, description);
      return new TrialsDirectory(files, path, await readTrials(files, files.join(path, TRIALS)), unlock);
    } catch (error) {
      await unlock();
      throw error;
    }
  }

  find(task: string, settings: MaskTrainingSettings): MaskTrial | undefined {
    return this.#known.find(task, settings);
  }

  async add(trial: MaskTrial): Promise<void> {
    await this.#known.add(trial);
    const sink = await this.files.create(this.files.join(this.path, TRIALS), { append: true });
    await sink.write(new TextEncoder().encode(`${JSON.stringify(trial)}\n`)).finally(() => sink.close());
  }

  close(): Promise<void> {
    return this.unlock();
  }
}

function keyOf(task: string, settings: MaskTrainingSettings): string {
  return JSON.stringify([task, Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1))]);
}

async function checkDescription(
  files: LocalFiles,
  directory: string,
  description: TrialsDescription,
): Promise<void> {
  const path = files.join(directory, DESCRIPTION);
  const text = `${JSON.stringify({ format_version: 1, ...description }, null, 1)}\n`;
  if ((await files.kind(path)) === null) return await replaceFile(files, path, text);
  const wanted = JSON.parse(text) as Record<string, unknown>;
  let before: Record<string, unknown>;
  try {
    before = JSON.parse(await files.readText(path));
  } catch {
    throw new SparseLensError(`${path} is not the description of a search for circuits: remove it.`);
  }
  for (const key of Object.keys({ ...before, ...wanted })) {
    if (JSON.stringify(before[key]) === JSON.stringify(wanted[key])) continue;
    throw new SparseLensError(
      `${directory} holds circuits that were searched for otherwise: "${key}" is ${JSON.stringify(before[key])} there, not ${JSON.stringify(wanted[key])}. Name another directory.`,
    );
  }
}

async function readTrials(files: LocalFiles, path: string): Promise<MaskTrial[]> {
  if ((await files.kind(path)) === null) return [];
  const lines = (await files.readText(path)).split("\n");
  // What stands behind the last newline was being written when the process died.
  if (lines.pop() !== "") await replaceFile(files, path, lines.map((line) => `${line}\n`).join(""));
  return lines.map((line, i) => {
    try {
      return JSON.parse(line) as MaskTrial;
    } catch {
      throw new SparseLensError(`${path}, line ${i + 1}, is not a trial: remove the line.`);
    }
  });
}
