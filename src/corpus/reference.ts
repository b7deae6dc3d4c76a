import type { LocalFiles } from "../io/local-files.js";
import type { CorpusManifest } from "./manifest.js";

/** Which corpus something was made from. */
export interface CorpusReference {
  /** Where it was, absolute. */
  readonly path: string;
  /** Of its tokens and its tokenizer. */
  readonly sha256: string;
  readonly training_tokens: number;
  readonly validation_tokens: number;
}

/** What identifies a corpus, wherever it lies. */
export function referToCorpus(
  files: LocalFiles,
  path: string,
  { tokenizer, splits }: CorpusManifest,
): CorpusReference {
  const shards = [splits.train, splits.validation].map((split) => split.shards.map(({ sha256 }) => sha256));
  const hash = files.hash("sha256");
  hash.update(new TextEncoder().encode(JSON.stringify([tokenizer.sha256, ...shards])));
  return {
    path: files.absolute(path),
    sha256: hash.digest("hex"),
    training_tokens: splits.train.tokens,
    validation_tokens: splits.validation.tokens,
  };
}
