import { constants, copyFile } from "node:fs/promises";
import { SparseLensError } from "../errors.js";
import { type LocalFiles, requireLocalFiles } from "../io/local-files.js";
import type { Site } from "./site.js";

/** Lists what an export wrote, so that the next one knows what it may replace. */
const LIST = "sparselens-export.json";
const FORMAT = "sparselens-export";

export interface ExportOptions {
  /** Replace an earlier export. */
  readonly overwrite?: boolean;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** What was written: paths, and bytes in all. */
export interface ExportedSite {
  readonly files: readonly string[];
  readonly bytes: number;
}

/**
 * Writes a site as a directory, which appears complete or not at all.
 * @throws SparseLensError when there is something else in its place than an empty directory or, with `overwrite`, an
 *   earlier export that nothing was added to
 */
export async function exportSite(
  directory: string,
  site: Site,
  { overwrite = false, onProgress, signal }: ExportOptions = {},
): Promise<ExportedSite> {
  const files = requireLocalFiles("Exporting a site");
  const target = files.absolute(directory);
  await requireReplaceable(files, directory, target, overwrite);
  const suffix = Math.random().toString(36).slice(2, 10);
  const temporary = `${target}.partial-${suffix}`;
  const former = `${target}.former-${suffix}`;
  await files.makeDirectory(temporary);
  try {
    const written = [];
    let bytes = 0;
    for (const [path, content] of site) {
      signal?.throwIfAborted();
      const to = files.join(temporary, ...path.split("/"));
      await files.makeDirectory(files.directoryName(to));
      if ("text" in content) await files.writeText(to, content.text);
      else await copy(content.file, to);
      bytes += await files.size(to);
      written.push(path);
      onProgress?.(written.length, site.size);
    }
    const list = { format: FORMAT, format_version: 1, files: written };
    await files.writeText(files.join(temporary, LIST), `${JSON.stringify(list, null, 1)}\n`);
    signal?.throwIfAborted();
    const isThere = (await files.kind(target)) === "directory";
    if (isThere) await files.rename(target, former);
    try {
      await files.rename(temporary, target);
    } catch (error) {
      if (isThere) await files.rename(former, target);
      throw error;
    }
    await files.remove(former);
    return { files: written, bytes };
  } finally {
    await files.remove(temporary);
  }
}

async function requireReplaceable(
  files: LocalFiles,
  directory: string,
  target: string,
  overwrite: boolean,
): Promise<void> {
  const kind = await files.kind(target);
  if (kind === "file") throw new SparseLensError(`${directory} is a file: name a directory for the site.`);
  if (kind === null) return;
  // Everything that is there, directories without files too.
  const present = await files.list(target);
  if (present.length === 0) return;
  const known = await listOf(files, files.join(target, LIST));
  if (!known) {
    throw new SparseLensError(
      `${directory} is not empty, and no site that was exported before: name another directory.`,
    );
  }
  const added = (await files.tree(target)).find((path) => !known.has(path.replaceAll("\\", "/")));
  if (added !== undefined) {
    throw new SparseLensError(
      `${directory} holds ${added}, which no export wrote and a new one would remove: take it away, or name another directory.`,
    );
  }
  if (!overwrite) {
    throw new SparseLensError(`${directory} holds an exported site: replace it with --overwrite.`);
  }
}

/** What an earlier export wrote; null when there was none. */
async function listOf(files: LocalFiles, path: string): Promise<Set<string> | null> {
  if ((await files.kind(path)) !== "file") return null;
  try {
    const list = JSON.parse(await files.readText(path));
    const isList = list?.format === FORMAT && Array.isArray(list.files);
    return isList ? new Set<string>([...list.files, LIST]) : null;
  } catch {
    return null;
  }
}

/** Costs nothing where the file system can share what is in both. */
async function copy(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE);
  } catch (cause) {
    throw new SparseLensError(`Cannot write ${to}: ${(cause as Error).message}.`, { cause });
  }
}
