import { localFiles } from "#platform";
import { SparseLensError } from "../errors.js";
import { fetchInBrowser } from "./browser-cache.js";
import { readJsonObject } from "./byte-source.js";
import { download } from "./download.js";
import type { LocalFiles } from "./local-files.js";
import type { RemoteOptions } from "./remote-options.js";
import { type FileLocation, openFile, type ResolvedSource } from "./resolved-source.js";
import { NotFoundError } from "./retry.js";

/** The released blob store: `models/<name>/{beeg_config.json, final_model.pt}` and `tinypython/{encoder.json, vocab.bpe}`. */
export const blobStore = "https://openaipublic.blob.core.windows.net/circuit-sparsity";

/** URL of a model of the blob store. */
export function blobModelUrl(name: string): string {
  if (!/^[\w.-]+$/.test(name) || /^\.+$/.test(name)) {
    throw new SparseLensError(`${JSON.stringify(name)} is not the name of a model in the blob store.`);
  }
  return `${blobStore}/models/${name}`;
}

/**
 * A model in the blob layout at `<base>/models/<name>`.
 *
 * @throws SparseLensError
 */
export async function resolveBlobModel(url: string, options: RemoteOptions): Promise<ResolvedSource> {
  const model = new URL(url);
  const modelPath = model.pathname.replace(/\/+$/, "");
  const [, basePath] = /^(.*)\/models\/[^/]+$/.exec(modelPath) ?? [];
  if (basePath === undefined) {
    throw new SparseLensError(
      `${url} is not the address of a model: https://…/models/<name>, with beeg_config.json and final_model.pt in it, is.`,
    );
  }
  const locate = (path: string): Promise<FileLocation> => {
    const file = new URL(model);
    file.pathname = path;
    const name = path.slice(path.lastIndexOf("/") + 1);
    return localFiles
      ? fetchIntoCache(file, name, options, localFiles)
      : fetchInBrowser(file.href, name, options);
  };
  const files: Record<string, FileLocation> = {};
  files["beeg_config.json"] = await locate(`${modelPath}/beeg_config.json`);
  const config = await openFile("beeg_config.json", files["beeg_config.json"]);
  let tokenizerName: unknown;
  try {
    tokenizerName = (await readJsonObject(config)).tokenizer_name;
  } finally {
    await config.close();
  }
  if (tokenizerName === "tinypython_2k") {
    try {
      for (const name of ["encoder.json", "vocab.bpe"])
        files[name] = await locate(`${basePath}/tinypython/${name}`);
    } catch (error) {
      // The model works without: on token ids.
      if (!(error instanceof NotFoundError)) throw error;
    }
  }
  files["final_model.pt"] = await locate(`${modelPath}/final_model.pt`);
  return { description: url, files, config: "beeg_config.json", weights: "final_model.pt" };
}

async function fetchIntoCache(
  url: URL,
  name: string,
  options: RemoteOptions,
  files: LocalFiles,
): Promise<FileLocation> {
  const parts = url.pathname.split("/").filter(Boolean);
  if (!parts.every((part) => /^[\w.%~+-]+$/.test(part) && !/^\.+$/.test(part))) {
    throw new SparseLensError(`${url.href} is not an address that can be kept in the cache.`);
  }
  const directory = options.cacheDirectory ?? defaultCache(files);
  const target = files.join(directory, url.host.replace(":", "_"), ...parts);
  await download({ url: url.href, target, file: name }, options);
  return { path: target };
}

function defaultCache(files: LocalFiles): string {
  const caches = files.environment("XDG_CACHE_HOME") ?? files.join(files.homeDirectory(), ".cache");
  return files.environment("SPARSELENS_CACHE") ?? files.join(caches, "sparselens");
}
