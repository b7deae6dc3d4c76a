import { localFiles } from "#platform";
import { SparseLensError } from "../errors.js";
import type { ByteSink } from "./byte-sink.js";
import type { ByteSource } from "./byte-source.js";

/** The local file system, where there is one (Node): `localFiles` of `#platform` is this, or null in a browser. */
export interface LocalFiles {
  open(path: string): Promise<ByteSource>;
  /** `append` continues an existing file; otherwise the file is made new. */
  create(path: string, options?: { append?: boolean }): Promise<ByteSink>;
  /** Waits until what was written to a file, or the names in a directory, would survive a loss of power. */
  sync(path: string): Promise<void>;
  kind(path: string): Promise<"file" | "directory" | null>;
  /** Length of a file in bytes. */
  size(path: string): Promise<number>;
  /** Names in a directory, sorted. */
  list(path: string): Promise<string[]>;
  /** Paths of all files below a directory, relative to it, sorted. Links to directories are not followed. */
  tree(path: string): Promise<string[]>;
  readText(path: string): Promise<string>;
  writeText(path: string, text: string): Promise<void>;
  makeDirectory(path: string): Promise<void>;
  /** A file or a whole directory; nothing happens when it is not there. */
  remove(path: string): Promise<void>;
  /** Replaces a file, or an empty directory, that has the new name. */
  rename(from: string, to: string): Promise<void>;
  /** A relative symbolic link at `path` to `target`, or a copy where links are not possible. */
  link(target: string, path: string): Promise<void>;
  /**
   * Claims a name for this process by making a file; null when a living process has it. The result gives the name
   * back.
   */
  lock(path: string): Promise<(() => Promise<void>) | null>;
  join(...parts: string[]): string;
  directoryName(path: string): string;
  baseName(path: string): string;
  absolute(path: string): string;
  homeDirectory(): string;
  environment(name: string): string | undefined;
  hash(algorithm: "sha256" | "sha1" | "md5"): StreamHash;
  hub: HubFiles;
}

/** A hash that is fed piece by piece. */
export interface StreamHash {
  update(bytes: Uint8Array): void;
  digest(encoding: "hex" | "base64"): string;
}

/** One file of a Hugging Face repository. */
export interface HubFile {
  path: string;
  /** Bytes. */
  size: number;
  /** SHA-256 of a file in large-file storage, hexadecimal. */
  sha256?: string;
  /** Git's object id: SHA-1 of `blob <size>\0` and the content (for a large file: of its pointer). */
  oid?: string;
}

/** What the `@huggingface/hub` package does for us, in Node. */
export interface HubFiles {
  cacheDirectory(): Promise<string>;
  /** Name of the folder of a model repository in the cache. */
  folderName(repository: string): Promise<string>;
  commitOf(repository: string, revision: string, access: HubAccess): Promise<string>;
  listFiles(repository: string, revision: string, access: HubAccess): Promise<HubFile[]>;
}

export interface HubAccess {
  endpoint: string;
  fetch: typeof fetch;
}

/** @throws SparseLensError in a browser; `what` says what would have needed files. */
export function requireLocalFiles(what: string): LocalFiles {
  if (!localFiles) throw new SparseLensError(`${what} needs a local file system: run this in Node.`);
  return localFiles;
}
