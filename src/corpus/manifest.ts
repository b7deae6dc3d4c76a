import { SparseLensError } from "../errors.js";
import { Field } from "../tokenizer/definition.js";
import { SKIP_REASONS, type SkipReason } from "./documents.js";

export const MANIFEST = "manifest.json";
export const FORMAT = "sparselens-corpus";
export const VERSION = 1;

export const SPLITS = ["train", "validation"] as const;
export type SplitName = (typeof SPLITS)[number];

/** `manifest.json` of a corpus. */
export interface CorpusManifest {
  readonly format: typeof FORMAT;
  readonly version: typeof VERSION;
  readonly seed: number;
  readonly options: {
    /** Share of the documents that the validation split was to have. */
    readonly validation: number;
    readonly field: string;
    readonly extensions: readonly string[];
    readonly maximumBytes: number;
    readonly skipBroken: boolean;
    /** Text that a tokenizer is trained on at most, in bytes. */
    readonly sampleBytes: number;
  };
  readonly sources: readonly SourceCounts[];
  readonly tokenizer: {
    /** Where it came from; null when it was trained on this corpus. */
    readonly source: string | null;
    readonly vocabularySize: number;
    readonly endOfText: number;
    /** SHA-256 of `tokenizer.json`, hexadecimal. */
    readonly sha256: string;
  };
  readonly splits: Readonly<Record<SplitName, SplitCounts>>;
}

export interface SourceCounts {
  readonly source: string;
  readonly files: number;
  /** Documents in the corpus, and their bytes in UTF-8. */
  readonly documents: number;
  readonly bytes: number;
  /** Documents that had come before, here or in an earlier source. */
  readonly duplicates: number;
  readonly skipped: Readonly<Record<SkipReason, number>>;
}

export interface SplitCounts {
  readonly documents: number;
  /** Of the text in UTF-8. */
  readonly bytes: number;
  /** With the end of text after each document. */
  readonly tokens: number;
  readonly shards: readonly Shard[];
}

export interface Shard {
  readonly file: string;
  readonly tokens: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/**
 * Checks what reading a corpus and showing it rely on.
 * @throws SparseLensError naming the key that is wrong
 */
export function checkManifest(json: unknown, location: string): CorpusManifest {
  const root = new Field(json, location);
  if (root.get("format").value !== FORMAT) root.get("format").fail(`this is not the manifest of a corpus.`);
  if (root.get("version").value !== VERSION) {
    throw new SparseLensError(
      `${location} has version ${JSON.stringify(root.get("version").value)}; this version of SparseLens reads ` +
        `${VERSION}. Write the corpus again, or use a newer SparseLens.`,
    );
  }
  for (const source of root.get("sources").array()) {
    source.get("source").string();
    for (const key of ["documents", "bytes", "duplicates"]) source.get(key).count();
    for (const reason of SKIP_REASONS) source.get("skipped").get(reason).count();
  }
  root.get("tokenizer").get("vocabularySize").count();
  root.get("tokenizer").get("endOfText").id();
  root.get("tokenizer").get("sha256").string();
  for (const split of SPLITS) {
    const counts = root.get("splits").get(split);
    for (const key of ["documents", "bytes"]) counts.get(key).count();
    const shards = counts.get("shards").array();
    for (const shard of shards) {
      // A name with a slash could point anywhere.
      if (!/^[\w.-]+$/.test(shard.get("file").string()))
        shard.get("file").fail("this is not the name of a file beside it.");
      shard.get("sha256").string();
    }
    const tokens = shards.reduce((sum, shard) => sum + shard.get("tokens").count(), 0);
    if (counts.get("tokens").value !== tokens) counts.get("tokens").fail(`its shards hold ${tokens} tokens.`);
  }
  return json as CorpusManifest;
}
