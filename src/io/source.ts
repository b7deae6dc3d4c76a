import { localFiles } from "#platform";
import { SparseLensError } from "../errors.js";
import { BlobSource, type ByteSource } from "./byte-source.js";
import { HttpSource } from "./http-source.js";
import { type LocalFiles, requireLocalFiles } from "./local-files.js";
import { chooseModelFiles, indexName, isWeightsFile, type ModelFiles } from "./model-files.js";

/** Where the bytes of one file are. */
export type FileLocation = { path: string } | { blob: Blob } | { url: string; size: number };

/** A model whose files have been found (and downloaded, in Node). Can be posted to a worker, which opens it. */
export interface ResolvedSource {
  /** For messages: where the model is. */
  description: string;
  /** How a bare name was understood; one sentence. */
  note?: string;
  /** By base name. */
  files: Record<string, FileLocation>;
  /** Names among `files`. */
  config: ModelFiles["config"];
  weights: string;
}

export interface ResolveOptions {
  signal?: AbortSignal;
}

/** Opens one file of a resolved source. */
export async function openFile(name: string, location: FileLocation): Promise<ByteSource> {
  if ("path" in location) return await requireLocalFiles("Opening a path").open(location.path);
  if ("blob" in location) return new BlobSource(name, location.blob);
  return new HttpSource(location.url, location.size);
}

/**
 * Finds the files of a model.
 *
 * @param source a directory, a weights file with its configuration beside it, or picked files
 * @throws SparseLensError saying what is missing
 */
export async function resolveSource(
  source: string | File | readonly File[],
  _options: ResolveOptions = {},
): Promise<ResolvedSource> {
  if (typeof source !== "string") return resolveFiles(source instanceof Blob ? [source] : [...source]);
  const local = localFiles ? await resolveLocal(source, localFiles) : null;
  if (local) return local;
  throw new SparseLensError(`${source} is not a file or directory here.`);
}

function resolveFiles(picked: File[]): ResolvedSource {
  const byName = new Map(picked.map((file) => [file.name, file]));
  const where = picked.length === 1 ? picked[0].name : "The picked files";
  const only = picked.length === 1 && isWeightsFile(picked[0].name) ? picked[0].name : undefined;
  const { config, weights, tokenizer } = chooseModelFiles(byName.keys(), where, only);
  const shards = weights.endsWith(indexName)
    ? [...byName.keys()].filter((name) => name.endsWith(".safetensors"))
    : [];
  const names = [config, weights, ...tokenizer, ...shards];
  return {
    description: weights,
    files: Object.fromEntries(names.map((name) => [name, { blob: byName.get(name)! }])),
    config,
    weights,
  };
}

/** A directory or a weights file; null when there is nothing at the path. */
async function resolveLocal(path: string, files: LocalFiles): Promise<ResolvedSource | null> {
  const kind = await files.kind(path);
  if (!kind) return null;
  const absolute = files.absolute(path);
  const directory = kind === "directory" ? absolute : files.directoryName(absolute);
  const named = kind === "directory" ? undefined : files.baseName(absolute);
  if (named !== undefined && !isWeightsFile(named)) {
    throw new SparseLensError(
      `${path} is not a weights file (.safetensors, .safetensors.index.json or .pt).`,
    );
  }
  const present = await files.list(directory);
  const { config, weights, tokenizer } = chooseModelFiles(present, path, named);
  const shards = weights.endsWith(indexName) ? present.filter((name) => name.endsWith(".safetensors")) : [];
  const names = [config, weights, ...tokenizer, ...shards];
  return {
    description: path,
    files: Object.fromEntries(names.map((name) => [name, { path: files.join(directory, name) }])),
    config,
    weights,
  };
}
