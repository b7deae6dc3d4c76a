import { SparseLensError } from "../errors.js";
import { requireLocalFiles } from "./local-files.js";

export interface WriteDirectoryOptions {
  /** What is written, for messages: "a model". */
  readonly what: string;
  /** Replace what is in a directory that is not empty. */
  readonly overwrite?: boolean;
  /** Whether a file, by its name, belongs to what was there before and must not stay behind. Others are left alone. */
  readonly isReplaced: (name: string) => boolean;
  /** The file without which a directory is no such thing: gone before others are replaced, and there again last. */
  readonly last?: string;
  readonly signal?: AbortSignal;
}

/**
 * Fills a directory so that it appears complete or not at all: `write` fills a temporary one beside it. Where a directory
 * is overwritten, its files are replaced one by one once all of the new ones are written.
 *
 * @throws SparseLensError when there is a file in its place, or the directory is not empty (see `overwrite`)
 */
export async function writeDirectory(
  directory: string,
  options: WriteDirectoryOptions,
  write: (temporary: string) => Promise<void>,
): Promise<void> {
  const { what, overwrite, isReplaced, last, signal } = options;
  const files = requireLocalFiles(`Writing ${what}`);
  const target = files.absolute(directory);
  const kind = await files.kind(target);
  if (kind === "file") throw new SparseLensError(`${directory} is a file: name a directory for ${what}.`);
  const present = kind === "directory" ? await files.list(target) : [];
  if (present.length && !overwrite) {
    throw new SparseLensError(`${directory} is not empty. Name another directory, or ask to overwrite it.`);
  }
  await files.makeDirectory(files.directoryName(target));
  const temporary = `${target}.partial-${Math.random().toString(36).slice(2, 10)}`;
  await files.makeDirectory(temporary);
  try {
    await write(temporary);
    signal?.throwIfAborted();
    if (present.length === 0) {
      await files.remove(target);
      await files.rename(temporary, target);
      return;
    }
    const written = (await files.list(temporary)).sort((a, b) => Number(a === last) - Number(b === last));
    if (last !== undefined) await files.remove(files.join(target, last));
    const stale = present.filter((name) => isReplaced(name) && !written.includes(name));
    for (const name of stale) await files.remove(files.join(target, name));
    for (const name of written) await files.rename(files.join(temporary, name), files.join(target, name));
  } finally {
    await files.remove(temporary);
  }
}
