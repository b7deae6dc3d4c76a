import { localFiles } from "#platform";
import { SparseLensError } from "../errors.js";
import { blobModelUrl, resolveBlobModel } from "./blob-store.js";
import { resolveHub } from "./hub.js";
import type { LocalFiles } from "./local-files.js";
import { chooseModelFiles, indexName, isWeightsFile } from "./model-files.js";
import type { RemoteOptions } from "./remote-options.js";
import { type FileLocation, openFile, type ResolvedSource } from "./resolved-source.js";

export { type FileLocation, openFile, type ResolvedSource };

export type ResolveOptions = RemoteOptions;

/**
 * Finds the files of a model, and downloads them where it is remote (in Node, into a cache).
 *
 * - a directory, or a weights file with its configuration beside it: a local path always wins
 * - `hf:owner/name`, `hf:owner/name@revision`: a repository of the Hugging Face hub
 * - `blob:name`: a model of the released blob store; or the URL `https://…/models/<name>` of one laid out like it
 * - `owner/name` and `name` are taken for the two kinds before, and `note` says so
 * - picked files: configuration, weights and tokenizer
 *
 * @throws SparseLensError saying what is missing, refused or damaged; the signal's reason when aborted
 */
export async function resolveSource(
  source: string | File | readonly File[],
  options: ResolveOptions = {},
): Promise<ResolvedSource> {
  options.signal?.throwIfAborted();
  if (typeof source !== "string") return resolveFiles(source instanceof Blob ? [source] : [...source]);
  if (source.startsWith("hf:")) return await resolveRepository(source.slice(3), options);
  if (source.startsWith("blob:"))
    return { ...(await resolveBlob(source.slice(5), options)), description: source };
  if (/^https?:/.test(source)) {
    if (!URL.canParse(source)) throw new SparseLensError(`${source} is not a valid address.`);
    return await resolveBlobModel(source, options);
  }
  const local = localFiles ? await resolveLocal(source, localFiles) : null;
  return local ?? (await resolveBareName(source, options));
}

const repositoryPattern = /^([A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*)(?:@([\w./-]+))?$/;

async function resolveRepository(text: string, options: ResolveOptions): Promise<ResolvedSource> {
  const [, repository, revision] = repositoryPattern.exec(text) ?? [];
  if (!repository)
    throw new SparseLensError(`hf:${text} is not of the form hf:owner/name or hf:owner/name@revision.`);
  return await resolveHub(repository, revision ? { ...options, revision } : options);
}

function resolveBlob(name: string, options: ResolveOptions): Promise<ResolvedSource> {
  return resolveBlobModel(blobModelUrl(name), options);
}

/** What is neither a path nor marked as remote. */
async function resolveBareName(source: string, options: ResolveOptions): Promise<ResolvedSource> {
  const missing = `${source} is not a file or directory here`;
  const isName = /^[A-Za-z0-9][\w.-]*$/.test(source);
  if (isWeightsFile(source) || !(isName || repositoryPattern.test(source))) {
    throw new SparseLensError(
      `${missing}. A model is a directory, a weights file (.safetensors, .pt), hf:owner/name, or blob:name.`,
    );
  }
  const prefixed = `${isName ? "blob" : "hf"}:${source}`;
  const note = `${missing}: taking it for ${prefixed}.`;
  try {
    return { ...(await resolveSource(prefixed, options)), note };
  } catch (error) {
    if (!(error instanceof SparseLensError)) throw error;
    throw new SparseLensError(`${missing}, and as ${prefixed} it cannot be had: ${error.message}`, {
      cause: error,
    });
  }
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
