import { BlobSource, type ByteSource } from "./byte-source.js";
import { HttpSource } from "./http-source.js";
import { requireLocalFiles } from "./local-files.js";
import type { ModelFiles } from "./model-files.js";

/** Where the bytes of one file are. */
export type FileLocation =
  | { path: string }
  | { blob: Blob }
  | { url: string; size: number; headers?: Record<string, string> };

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

/** Opens one file of a resolved source. */
export async function openFile(name: string, location: FileLocation): Promise<ByteSource> {
  if ("path" in location) return await requireLocalFiles("Opening a path").open(location.path);
  if ("blob" in location) return new BlobSource(name, location.blob);
  return new HttpSource(location.url, location.size, location.headers);
}
