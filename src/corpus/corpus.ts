import { SparseLensError } from "../errors.js";
import { readTokenizerDirectory } from "../formats/tokenizer-directory.js";
import { readJsonObject } from "../io/byte-source.js";
import { type LocalFiles, requireLocalFiles } from "../io/local-files.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import { type CorpusManifest, checkManifest, MANIFEST, type Shard, type SplitName } from "./manifest.js";

/** Where a document is among the tokens of its split, without the end of text behind it: from `start` to before `end`. */
export interface DocumentRange {
  readonly start: number;
  readonly end: number;
}

/** A corpus that {@link writeCorpus} wrote. */
export interface Corpus {
  readonly directory: string;
  readonly manifest: CorpusManifest;
  readonly tokenizer: Tokenizer;
  /**
   * All tokens of a split: its documents one after the other, each with the end of text behind it.
   * @throws SparseLensError when the split is empty, or a shard is missing or damaged
   */
  tokens(split: SplitName): Promise<Uint16Array<ArrayBuffer>>;
  /** Where the documents of a split are among its tokens. */
  documents(split: SplitName): Promise<DocumentRange[]>;
}

/**
 * Opens a corpus.
 * @throws SparseLensError when the directory holds none, or one of another version or with another tokenizer
 */
export async function openCorpus(directory: string): Promise<Corpus> {
  const files = requireLocalFiles("Opening a corpus");
  const manifest = await readManifest(directory, files);
  const tokenizer = await readTokenizerDirectory(directory);
  const expected = manifest.tokenizer;
  if (
    tokenizer.vocabularySize !== expected.vocabularySize ||
    tokenizer.endOfText !== expected.endOfText ||
    (await sha256(files.join(directory, "tokenizer.json"), files)) !== expected.sha256
  ) {
    throw new SparseLensError(
      `${files.join(directory, "tokenizer.json")} is not the tokenizer that the corpus was written with. ` +
        "Write the corpus again.",
    );
  }
  const tokens = (split: SplitName) => readTokens(directory, manifest, split, files);
  return {
    ...{ directory, manifest, tokenizer, tokens },
    documents: async (split) => documentRanges(await tokens(split), expected.endOfText),
  };
}

/** The ranges between the ends of text. */
export function documentRanges(tokens: Uint16Array, endOfText: number): DocumentRange[] {
  const ranges: DocumentRange[] = [];
  let start = 0;
  for (let end = tokens.indexOf(endOfText); end >= 0; end = tokens.indexOf(endOfText, start)) {
    ranges.push({ start, end });
    start = end + 1;
  }
  return ranges;
}

async function readManifest(directory: string, files: LocalFiles): Promise<CorpusManifest> {
  const path = files.join(directory, MANIFEST);
  if ((await files.kind(path)) !== "file") {
    throw new SparseLensError(
      `${directory} holds no corpus: there is no ${MANIFEST}. Write one with: sparselens corpus SOURCES --out ${directory}`,
    );
  }
  const file = await files.open(path);
  try {
    return checkManifest(await readJsonObject(file), path);
  } finally {
    await file.close();
  }
}

async function readTokens(
  directory: string,
  manifest: CorpusManifest,
  split: SplitName,
  files: LocalFiles,
): Promise<Uint16Array<ArrayBuffer>> {
  const { tokens: count, shards } = manifest.splits[split];
  if (count === 0) {
    throw new SparseLensError(
      `${directory} has no ${split} documents. Write it again with more documents, or another --validation.`,
    );
  }
  const tokens = new Uint16Array(count);
  let position = 0;
  for (const shard of shards) {
    await readShard(
      files.join(directory, shard.file),
      shard,
      tokens.subarray(position, position + shard.tokens),
      files,
    );
    position += shard.tokens;
  }
  return tokens;
}

/** Little endian, as every machine is that runs this. */
async function readShard(
  path: string,
  shard: Shard,
  into: Uint16Array<ArrayBuffer>,
  files: LocalFiles,
): Promise<void> {
  const bytes = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
  const file = await files.open(path);
  try {
    if (file.size !== bytes.length) {
      throw new SparseLensError(
        `${path} is ${file.size} bytes long, but the manifest says ${bytes.length}. Write or copy the corpus again.`,
      );
    }
    await file.read(0, bytes.length, bytes);
  } finally {
    await file.close();
  }
  const hash = files.hash("sha256");
  hash.update(bytes);
  if (hash.digest("hex") !== shard.sha256) {
    throw new SparseLensError(
      `${path} is damaged: its SHA-256 is not the one in the manifest. Write or copy the corpus again.`,
    );
  }
}

async function sha256(path: string, files: LocalFiles): Promise<string> {
  const hash = files.hash("sha256");
  hash.update(new TextEncoder().encode(await files.readText(path)));
  return hash.digest("hex");
}
