import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { openCheckpoint } from "../formats/checkpoint.js";
import { writeCheckpoint } from "../formats/convert.js";
import { requireLocalFiles } from "../io/local-files.js";
import type { Progress } from "../io/progress.js";
import { type ResolvedSource, resolveSource } from "../io/source.js";
import { type ModelConfig, parseConfig } from "../model/config.js";

/** A model whose files lie ready to be served. */
export interface PreparedModel {
  /** What it was asked for by. */
  readonly name: string;
  /** Where it was, with what lies beside it; of a file, its directory. */
  readonly directory: string;
  readonly config: ModelConfig;
  /** In our own layout, in which browsers load what is not zero, and nothing else. */
  readonly source: ResolvedSource;
  /** Of `source`: a directory, or a weights file. */
  readonly location: string;
  /** Removes what was written for it. */
  close(): Promise<void>;
}

export interface PrepareOptions {
  /** Bytes that were downloaded, or converted. */
  readonly onProgress?: (action: "downloading" | "converting", progress: Progress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Finds a model's files, downloads what is remote, and converts another layout than ours in a temporary directory.
 * @throws SparseLensError when it is no model that can be run
 */
export async function prepareModel(
  name: string,
  { onProgress, signal }: PrepareOptions = {},
): Promise<PreparedModel> {
  const files = requireLocalFiles("Serving a model");
  const given = await resolveSource(name, {
    signal,
    onProgress: (progress) => onProgress?.("downloading", progress),
  });
  const weights = pathOf(given, given.weights);
  const directory = files.directoryName(weights);
  const checkpoint = await openCheckpoint(given, { signal });
  try {
    const config = parseConfig(checkpoint.config, checkpoint.configFile);
    const prepared = { name, directory, config };
    if (checkpoint.layout === "sparselens")
      return { ...prepared, source: given, location: weights, close: async () => {} };
    const temporary = await mkdtemp(files.join(tmpdir(), "sparselens-"));
    const close = () => rm(temporary, { recursive: true, force: true });
    try {
      await writeCheckpoint(checkpoint, temporary, "sparselens", {
        signal,
        onProgress: (progress) => onProgress?.("converting", progress),
      });
      return { ...prepared, source: await resolveSource(temporary), location: temporary, close };
    } catch (error) {
      await close();
      throw error;
    }
  } finally {
    await checkpoint.close();
  }
}

/** Everything that was resolved in Node has a path. */
export function pathOf({ files }: ResolvedSource, name: string): string {
  const location = files[name];
  if (!("path" in location)) throw new Error(`${name} has no path`);
  return location.path;
}
