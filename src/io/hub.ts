import { localFiles } from "#platform";
import { SparseLensError } from "../errors.js";
import { fetchInBrowser } from "./browser-cache.js";
import { readJsonObject } from "./byte-source.js";
import { download } from "./download.js";
import type { HubFile, LocalFiles } from "./local-files.js";
import { chooseModelFiles, indexName, type ModelFiles, shardsOf } from "./model-files.js";
import type { RemoteOptions } from "./remote-options.js";
import { type FileLocation, openFile, type ResolvedSource } from "./resolved-source.js";
import { isTransientStatus, request, retryAfter, retrying, TransientError } from "./retry.js";

/** A model on the Hugging Face hub. In Node its files go into the hub's usual cache, shared with other programs. */

const defaultEndpoint = "https://huggingface.co";

/** @throws SparseLensError */
export async function resolveHub(repository: string, options: RemoteOptions): Promise<ResolvedSource> {
  const revision = options.revision ?? "main";
  return localFiles
    ? await resolveIntoCache(repository, revision, options, localFiles)
    : await resolveInBrowser(repository, revision, options);
}

async function resolveIntoCache(
  repository: string,
  revision: string,
  given: RemoteOptions,
  files: LocalFiles,
): Promise<ResolvedSource> {
  const isTrue = (text: string | undefined) => /^(1|on|yes|true)$/i.test(text ?? "");
  const options = { ...given, offline: given.offline ?? isTrue(files.environment("HF_HUB_OFFLINE")) };
  const endpoint = (files.environment("HF_ENDPOINT") ?? defaultEndpoint).replace(/\/+$/, "");
  const token = options.token ?? (await savedToken(files));
  const headers: Record<string, string> = token ? { Authorization: `Bearer ${token}` } : {};
  const cache = options.cacheDirectory ?? (await files.hub.cacheDirectory());
  const folder = files.join(cache, await files.hub.folderName(repository));
  const description = `hf:${repository}${revision === "main" ? "" : `@${revision}`}`;
  const access = { endpoint, fetch: apiFetch(headers, options) };
  const cached = await cachedSnapshot(folder, revision, description, files);
  // A commit never changes.
  if (cached && (options.offline || isCommit(revision))) return cached;
  const call = <T>(work: () => Promise<T>) =>
    retrying(`Asking ${endpoint} about ${repository}`, work, {
      ...options,
      attempts: cached ? 1 : undefined,
    });

  let commit: string;
  let listed: HubFile[];
  try {
    if (options.offline)
      throw new SparseLensError(`${description} has not been downloaded yet, and this is offline.`);
    commit = await call(() => files.hub.commitOf(repository, revision, access));
    listed = await call(() => files.hub.listFiles(repository, commit, access));
  } catch (error) {
    options.signal?.throwIfAborted();
    const status = (error as { statusCode?: number }).statusCode;
    if (status !== undefined) throw hubError(description, endpoint, status);
    // Without a network, what was downloaded before will do.
    if (cached) return cached;
    if (error instanceof SparseLensError) throw error;
    throw new SparseLensError(
      `${endpoint} gave an answer about ${description} that makes no sense: ${error}`,
      {
        cause: error,
      },
    );
  }
  if (!isCommit(commit)) throw new SparseLensError(`${endpoint} names no commit for ${description}.`);
  if (revision !== commit && isPlainRevision(revision)) {
    const reference = files.join(folder, "refs", revision);
    await files.makeDirectory(files.directoryName(reference));
    await files.writeText(reference, commit);
  }

  const byName = new Map(listed.map((file) => [file.path, file]));
  const chosen = chooseModelFiles(byName.keys(), description);
  const snapshot = files.join(folder, "snapshots", commit);
  const fetchFile = async (name: string): Promise<string> => {
    const path = files.join(snapshot, name);
    if ((await files.kind(path)) === "file") return path;
    const entry = byName.get(name);
    if (!entry) throw new SparseLensError(`${description} lacks the file ${name}.`);
    const blobName = entry.sha256 ?? entry.oid;
    if (!blobName || !/^[0-9a-f]+$/.test(blobName))
      throw new SparseLensError(`${endpoint} has no id for ${name}.`);
    const target = files.join(folder, "blobs", blobName);
    const url = `${endpoint}/${repository}/resolve/${commit}/${name}`;
    const { size, sha256 } = entry;
    const gitOid = sha256 ? undefined : entry.oid;
    await download({ url, target, file: name, headers, size, sha256, gitOid }, options);
    await files.makeDirectory(snapshot);
    await files.link(target, path);
    return path;
  };
  return await collect(chosen, description, async (name) => ({ path: await fetchFile(name) }));
}

/** Fetches the chosen files, and the shards that an index names. */
async function collect(
  { config, weights, tokenizer }: ModelFiles,
  description: string,
  locate: (name: string) => Promise<FileLocation>,
): Promise<ResolvedSource> {
  const files: Record<string, FileLocation> = {};
  for (const name of [config, ...tokenizer, weights]) files[name] = await locate(name);
  if (weights === indexName) {
    const index = await openFile(weights, files[weights]);
    try {
      const shards = shardsOf(await readJsonObject(index), index.name);
      for (const shard of shards.keys()) files[shard] = await locate(shard);
    } finally {
      await index.close();
    }
  }
  return { description, files, config, weights };
}

/** A snapshot that was downloaded before, by whichever program; null when there is none with a whole model. */
async function cachedSnapshot(
  folder: string,
  revision: string,
  description: string,
  files: LocalFiles,
): Promise<ResolvedSource | null> {
  if (!isPlainRevision(revision)) return null;
  const reference = files.join(folder, "refs", revision);
  const commit =
    (await files.kind(reference)) === "file" ? (await files.readText(reference)).trim() : revision;
  const snapshot = files.join(folder, "snapshots", commit);
  if ((await files.kind(snapshot)) !== "directory") return null;
  try {
    const chosen = chooseModelFiles(await files.list(snapshot), description);
    return await collect(chosen, description, async (name) => {
      const path = files.join(snapshot, name);
      if ((await files.kind(path)) !== "file")
        throw new SparseLensError(`${name} has not been downloaded yet.`);
      return { path };
    });
  } catch (error) {
    if (error instanceof SparseLensError) return null;
    throw error;
  }
}

function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

/** A revision that can be a path below `refs` without leaving it. */
function isPlainRevision(revision: string): boolean {
  return /^[\w.-]+(\/[\w.-]+)*$/.test(revision) && !revision.split("/").some((part) => /^\.+$/.test(part));
}

async function savedToken(files: LocalFiles): Promise<string | undefined> {
  const inEnvironment = files.environment("HF_TOKEN") ?? files.environment("HUGGING_FACE_HUB_TOKEN");
  if (inEnvironment) return inEnvironment;
  const cache = files.environment("XDG_CACHE_HOME") ?? files.join(files.homeDirectory(), ".cache");
  const home = files.environment("HF_HOME") ?? files.join(cache, "huggingface");
  const path = files.environment("HF_TOKEN_PATH") ?? files.join(home, "token");
  if ((await files.kind(path)) !== "file") return undefined;
  return (await files.readText(path)).trim() || undefined;
}

/** `fetch` for the hub's API: with the token and the signal, its passing failures marked as such. */
function apiFetch(headers: Record<string, string>, options: RemoteOptions): typeof fetch {
  return async (input, init) => {
    const response = await request(
      String(input),
      { ...init, headers: { ...(init?.headers as Record<string, string>), ...headers } },
      options,
    );
    if (isTransientStatus(response.status)) {
      throw new TransientError(`the server answered with status ${response.status}`, retryAfter(response));
    }
    return response;
  };
}

function hubError(description: string, endpoint: string, status: number): SparseLensError {
  if (status === 401 || status === 403 || status === 404) {
    return new SparseLensError(
      `${description} was not found at ${endpoint} (status ${status}): there is no such model or revision, or it is ` +
        "private or gated. For a private model set HF_TOKEN to a token that may read it.",
    );
  }
  return new SparseLensError(`${endpoint} answered with status ${status} when asked about ${description}.`);
}

async function resolveInBrowser(
  repository: string,
  revision: string,
  options: RemoteOptions,
): Promise<ResolvedSource> {
  const description = `hf:${repository}${revision === "main" ? "" : `@${revision}`}`;
  const headers: Record<string, string> = options.token ? { Authorization: `Bearer ${options.token}` } : {};
  const api = apiFetch(headers, options);
  const ask = (path: string) =>
    retrying(
      `Asking ${defaultEndpoint} about ${repository}`,
      async () => {
        const response = await api(`${defaultEndpoint}/api/models/${repository}/${path}`);
        if (!response.ok) throw hubError(description, defaultEndpoint, response.status);
        return await response.json();
      },
      options,
    );
  const { sha } = await ask(`revision/${encodeURIComponent(revision)}`);
  const tree: { type: string; path: string; size: number }[] = await ask(`tree/${encodeURIComponent(sha)}`);
  const sizes = new Map(tree.filter(({ type }) => type === "file").map(({ path, size }) => [path, size]));
  return await collect(chooseModelFiles(sizes.keys(), description), description, (name) =>
    fetchInBrowser(`${defaultEndpoint}/${repository}/resolve/${sha}/${name}`, name, {
      ...options,
      headers,
      size: sizes.get(name),
    }),
  );
}
