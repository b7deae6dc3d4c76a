import { SparseLensError } from "../errors.js";
import { requireLocalFiles } from "../io/local-files.js";
import type { Reading, ReadOptions } from "./documents.js";
import { readJsonLines } from "./read-json-lines.js";
import { readParquet } from "./read-parquet.js";
import { readSynthetic } from "./read-synthetic.js";
import { readTextFile } from "./read-text.js";

export interface Source {
  /** As it was given. */
  readonly name: string;
  /** Files that it consists of. */
  readonly files: number;
  read(): AsyncGenerator<Reading>;
}

/**
 * Finds what is named: `synthetic:COUNT`, a folder (its files with one of the `extensions`, at any depth, sorted by path;
 * what begins with a dot is left out), JSON lines (`.jsonl`, `.ndjson`), Parquet (`.parquet`), or a text file.
 *
 * @throws SparseLensError naming what is not there or holds no files to read
 */
export async function openSources(names: readonly string[], options: ReadOptions): Promise<Source[]> {
  const sources: Source[] = [];
  // One after the other: the first error is that of the first source.
  for (const name of names) sources.push(await openSource(name, options));
  return sources;
}

async function openSource(name: string, options: ReadOptions): Promise<Source> {
  if (name.startsWith("synthetic:")) {
    const count = Number(name.slice("synthetic:".length));
    if (!/^synthetic:\d+$/.test(name) || !Number.isSafeInteger(count) || count === 0) {
      throw new SparseLensError(`${name}: say how many programs, as in synthetic:200000.`);
    }
    return { name, files: 0, read: () => readSynthetic(count, options.seed) };
  }
  const local = requireLocalFiles("Reading a corpus");
  const kind = await local.kind(name);
  if (kind === "file") return { name, files: 1, read: () => readFile(name, options) };
  if (kind === null) {
    throw new SparseLensError(
      `There is no file or folder ${name}. A source is a folder, a file (.py, .txt, .jsonl, .parquet), or synthetic:COUNT.`,
    );
  }
  const paths = (await local.tree(name)).filter(
    (path) =>
      options.extensions.some((extension) => path.endsWith(extension)) &&
      !path.split(/[\\/]/).some((part) => part.startsWith(".")),
  );
  if (paths.length === 0) {
    throw new SparseLensError(
      `${name} holds no files that end in ${options.extensions.join(" or ")}. Choose others with --extensions.`,
    );
  }
  return {
    name,
    files: paths.length,
    async *read() {
      for (const path of paths) yield* readFile(local.join(name, path), options);
    },
  };
}

function readFile(path: string, options: ReadOptions): AsyncGenerator<Reading> {
  if (/\.(jsonl|ndjson)$/i.test(path)) return readJsonLines(path, options);
  if (/\.parquet$/i.test(path)) return readParquet(path, options);
  return readTextFile(path, options);
}
