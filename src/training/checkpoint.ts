import { SparseLensError } from "../errors.js";
import { encode } from "../formats/dtype.js";
import { readSafetensors, writeSafetensors } from "../formats/safetensors.js";
import type { ByteSink } from "../io/byte-sink.js";
import { MemorySource, readJsonObject } from "../io/byte-source.js";
import type { LocalFiles } from "../io/local-files.js";

/**
 * Checkpoints of a run: `step-000123/state.safetensors` with weights and moments, and `checkpoint.json` with the rest and
 * the SHA-256 of the former. A directory of that name is complete: it gets it by being renamed when all is on the disk.
 */

const STATE = "state.safetensors";
const DESCRIPTION = "checkpoint.json";
const FORMAT_VERSION = 1;

/** What a trainer continues from, bit for bit. */
export interface TrainingState {
  /** Optimizer steps done. */
  readonly step: number;
  /** Weights by their names in the state dict, and moments: `adam_m/{name}`, `adam_v/{name}`. */
  readonly tensors: ReadonlyMap<string, Float32Array>;
  readonly numbers: Readonly<Record<string, number>>;
}

/** What a run needs to go on, beside the state of its trainer. */
export interface RunState {
  /** Kernels that computed it: others may round differently. */
  readonly kernels: string;
  /** Of the whole run so far, in seconds, without evaluations and checkpoints. */
  readonly trainingSeconds: number;
  /** Training loss summed over the steps since the last evaluation, and their number. */
  readonly lossSum: number;
  readonly lossSteps: number;
  /** Of the last step. */
  readonly learning_rate: number;
  readonly density: number;
  readonly gradient_rms: number;
}

export interface TrainingCheckpoint {
  readonly trainer: TrainingState;
  readonly run: RunState;
}

/**
 * Writes a checkpoint and removes all but the newest `keep`.
 * @param shapes of tensors, for those who open the file; one that is not there is a vector
 * @throws SparseLensError when it cannot be written, a full disk for example: nothing of it is left then
 */
export async function saveCheckpoint(
  files: LocalFiles,
  directory: string,
  { trainer, run }: TrainingCheckpoint,
  {
    keep,
    shapes,
  }: { readonly keep: number; readonly shapes?: (name: string) => readonly number[] | undefined },
): Promise<void> {
  await files.makeDirectory(directory);
  const target = files.join(directory, nameOf(trainer.step));
  const temporary = `${target}.partial`;
  try {
    await files.remove(temporary);
    await files.makeDirectory(temporary);
    const hash = files.hash("sha256");
    const file = await files.create(files.join(temporary, STATE));
    const sink: ByteSink = {
      write: (bytes) => {
        hash.update(bytes);
        return file.write(bytes);
      },
      close: () => file.close(),
    };
    try {
      const tensors = [...trainer.tensors].map(([name, data]) => ({
        name,
        dtype: "F32" as const,
        shape: shapes?.(name) ?? [data.length],
        read: async () => encode("F32", data),
      }));
      await writeSafetensors(sink, tensors, { format: "sparselens-training" });
    } finally {
      await sink.close();
    }
    const description = {
      format_version: FORMAT_VERSION,
      step: trainer.step,
      sha256: hash.digest("hex"),
      numbers: trainer.numbers,
      run,
    };
    await files.writeText(files.join(temporary, DESCRIPTION), `${JSON.stringify(description, null, 1)}\n`);
    for (const name of [STATE, DESCRIPTION, ""]) await files.sync(files.join(temporary, name));
    await files.remove(target);
    await files.rename(temporary, target);
    await files.sync(directory);
  } catch (error) {
    await files.remove(temporary);
    throw error;
  }
  for (const step of (await checkpointSteps(files, directory)).slice(keep)) {
    await files.remove(files.join(directory, nameOf(step)));
  }
}

/**
 * The newest checkpoint that is whole.
 * @param onDamaged told about each newer one that is not
 * @throws SparseLensError when there is none
 */
export async function loadNewestCheckpoint(
  files: LocalFiles,
  directory: string,
  onDamaged: (problem: string) => void,
): Promise<TrainingCheckpoint> {
  for (const step of await checkpointSteps(files, directory)) {
    try {
      return await loadCheckpoint(files, files.join(directory, nameOf(step)));
    } catch (error) {
      if (!(error instanceof SparseLensError)) throw error;
      onDamaged(error.message);
    }
  }
  throw new SparseLensError(`${directory} holds no checkpoint that can be read: the run cannot go on.`);
}

/** Steps of the checkpoints in a directory, the newest first. */
export async function checkpointSteps(files: LocalFiles, directory: string): Promise<number[]> {
  if ((await files.kind(directory)) !== "directory") return [];
  const steps = (await files.list(directory)).flatMap((name) => /^step-(\d+)$/.exec(name)?.[1] ?? []);
  return steps.map(Number).sort((a, b) => b - a);
}

/** Removes what a process that was killed had begun to write. */
export async function removePartialCheckpoints(files: LocalFiles, directory: string): Promise<void> {
  if ((await files.kind(directory)) !== "directory") return;
  const partial = (await files.list(directory)).filter((name) => /^step-\d+\.partial$/.test(name));
  for (const name of partial) await files.remove(files.join(directory, name));
}

async function loadCheckpoint(files: LocalFiles, directory: string): Promise<TrainingCheckpoint> {
  const descriptionFile = await files.open(files.join(directory, DESCRIPTION));
  const json = await readJsonObject(descriptionFile).finally(() => descriptionFile.close());
  const { format_version, step, sha256, numbers, run } = json as unknown as Description;
  if (format_version !== FORMAT_VERSION) {
    throw new SparseLensError(
      `${directory} has format_version ${JSON.stringify(format_version)}; this version of SparseLens reads ${FORMAT_VERSION}.`,
    );
  }
  const path = files.join(directory, STATE);
  const file = await files.open(path);
  const bytes = await file.read(0, file.size).finally(() => file.close());
  const hash = files.hash("sha256");
  hash.update(bytes);
  if (hash.digest("hex") !== sha256) {
    throw new SparseLensError(`${path} is damaged: its SHA-256 is not the one in ${DESCRIPTION}.`);
  }
  const { tensors } = await readSafetensors(new MemorySource(path, bytes));
  const state = new Map<string, Float32Array>();
  for (const { name, offset, byteLength } of tensors.values()) {
    state.set(name, new Float32Array(bytes.slice(offset, offset + byteLength).buffer));
  }
  return { trainer: { step, tensors: state, numbers }, run };
}

interface Description {
  readonly format_version: number;
  readonly step: number;
  readonly sha256: string;
  readonly numbers: Record<string, number>;
  readonly run: RunState;
}

function nameOf(step: number): string {
  return `step-${String(step).padStart(6, "0")}`;
}
