import { SparseLensError } from "../errors.js";
import { tokenizerFileNames, writeTokenizerDirectory } from "../formats/tokenizer-directory.js";
import { type LocalFiles, requireLocalFiles } from "../io/local-files.js";
import { Turns } from "../io/turns.js";
import { writeDirectory } from "../io/write-directory.js";
import { END_OF_TEXT } from "../tokenizer/tinypython.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import { checkVocabularySize, learnTokenizer } from "../tokenizer/train.js";
import { WordCounts } from "../tokenizer/word-counts.js";
import {
  noDocuments,
  noneSkipped,
  READ_DEFAULTS,
  type ReadOptions,
  SKIP_REASONS,
  selectDocuments,
} from "./documents.js";
import { fingerprint, uniform } from "./fingerprint.js";
import {
  type CorpusManifest,
  FORMAT,
  MANIFEST,
  type SourceCounts,
  type SplitCounts,
  type SplitName,
  VERSION,
} from "./manifest.js";
import { ShardWriter } from "./shards.js";
import { openSources, type Source } from "./sources.js";
import { DocumentSpool } from "./spool.js";

export interface CorpusOptions extends Partial<ReadOptions> {
  /** As {@link openSources} takes them. */
  readonly sources: readonly string[];
  /** A tokenizer, with where it came from; or the size of the vocabulary of one that is trained on the training split. */
  readonly tokenizer: { tokenizer: Tokenizer; source: string } | { vocabularySize: number };
  /** Share of the documents that are held out for validation; 0.01 unless given. */
  readonly validation?: number;
  /** Text that a tokenizer is trained on at most, in bytes; 100 MB unless given. */
  readonly sampleBytes?: number;
  /** Replace the corpus in a directory that is not empty. */
  readonly overwrite?: boolean;
  readonly onProgress?: (progress: CorpusProgress) => void;
  readonly signal?: AbortSignal;
}

export type CorpusProgress =
  /** Documents and bytes that are in the corpus by now. */
  | { readonly phase: "read"; readonly source: string; readonly documents: number; readonly bytes: number }
  /** Bytes whose words are counted. */
  | { readonly phase: "count"; readonly done: number; readonly total: number }
  /** Tokens of the vocabulary. */
  | { readonly phase: "merge"; readonly done: number; readonly total: number }
  /** Documents. */
  | { readonly phase: "encode"; readonly done: number; readonly total: number };

export const VALIDATION_DEFAULT = 0.01;
export const SAMPLE_DEFAULT = 100_000_000;

/**
 * Writes a corpus: reads the sources, leaves out documents that came before, holds some out for validation, and writes the
 * tokens of both splits in random order, with the tokenizer and a manifest. The same sources and options give the same
 * files, byte for byte. In which split a document is depends on its text alone, and in which order they come on their
 * texts and the seed. Memory does not grow with the text, but for 50 bytes or so a document.
 *
 * @throws SparseLensError when a source cannot be read, or nothing is left to train on
 */
export async function writeCorpus(directory: string, options: CorpusOptions): Promise<CorpusManifest> {
  const files = requireLocalFiles("Writing a corpus");
  checkOptions(options);
  const reading = { ...READ_DEFAULTS, ...defined(options) };
  const sources = await openSources(options.sources, reading);
  const isReplaced = (name: string) =>
    /^(train|validation)-\d{5}\.bin$/.test(name) || tokenizerFileNames.includes(name);
  const { overwrite, signal } = options;
  let manifest: CorpusManifest | undefined;
  await writeDirectory(
    directory,
    { what: "a corpus", overwrite, isReplaced, last: MANIFEST, signal },
    async (temporary) => {
      manifest = await new CorpusWriter(files, temporary, options, reading).write(sources);
    },
  );
  return manifest!;
}

class CorpusWriter {
  private readonly turns = new Turns();
  private readonly validation: number;
  private readonly sampleBytes: number;

  constructor(
    private readonly files: LocalFiles,
    private readonly directory: string,
    private readonly options: CorpusOptions,
    private readonly reading: ReadOptions,
  ) {
    this.validation = options.validation ?? VALIDATION_DEFAULT;
    this.sampleBytes = options.sampleBytes ?? SAMPLE_DEFAULT;
  }

  async write(sources: readonly Source[]): Promise<CorpusManifest> {
    const { files, directory, reading, validation, sampleBytes } = this;
    const spoolDirectory = files.join(directory, "spool");
    await files.makeDirectory(spoolDirectory);
    const spool = new DocumentSpool(files, spoolDirectory);
    let counts: Gathered;
    try {
      counts = await this.gather(sources, spool);
    } finally {
      await spool.close();
    }
    requireText(counts);
    const { tokenizer: given } = this.options;
    const tokenizer =
      "tokenizer" in given ? given.tokenizer : await this.train(spool, given.vocabularySize, counts);
    const json = await writeTokenizerDirectory(tokenizer, directory);
    const splits = await this.encode(spool, tokenizer, counts);
    await files.remove(spoolDirectory);

    const sha256 = files.hash("sha256");
    sha256.update(new TextEncoder().encode(json));
    const { seed, field, extensions, maximumBytes, skipBroken } = reading;
    const manifest: CorpusManifest = {
      format: FORMAT,
      version: VERSION,
      seed,
      options: { validation, field, extensions, maximumBytes, skipBroken, sampleBytes },
      sources: counts.sources,
      tokenizer: {
        source: "tokenizer" in given ? given.source : null,
        vocabularySize: tokenizer.vocabularySize,
        endOfText: tokenizer.endOfText!,
        sha256: sha256.digest("hex"),
      },
      splits,
    };
    await files.writeText(files.join(directory, MANIFEST), `${JSON.stringify(manifest, null, 1)}\n`);
    return manifest;
  }

  /** Reads all sources into the spool. */
  private async gather(sources: readonly Source[], spool: DocumentSpool): Promise<Gathered> {
    const { onProgress, signal } = this.options;
    const { seed } = this.reading;
    // 72 bits of each fingerprint: short enough to be stored without the rest.
    const seen = new Set<string>();
    const splits = { train: { documents: 0, bytes: 0 }, validation: { documents: 0, bytes: 0 } };
    const sourceCounts: SourceCounts[] = [];
    for (const { name, files, read } of sources) {
      const skipped = noneSkipped();
      const counts = { source: name, files, documents: 0, bytes: 0, duplicates: 0, skipped };
      sourceCounts.push(counts);
      for await (const { text, bytes } of selectDocuments(read(), this.reading, skipped, signal)) {
        const print = fingerprint(text);
        const known = seen.size;
        if (seen.add(print.slice(0, 12)).size === known) {
          counts.duplicates++;
          continue;
        }
        const split: SplitName = uniform(`split ${print}`) < this.validation ? "validation" : "train";
        await spool.add({ split, order: uniform(`order ${seed} ${print}`), bytes });
        for (const sums of [counts, splits[split]]) {
          sums.documents++;
          sums.bytes += bytes.length;
        }
        onProgress?.({
          phase: "read",
          source: name,
          documents: splits.train.documents + splits.validation.documents,
          bytes: splits.train.bytes + splits.validation.bytes,
        });
      }
    }
    return { sources: sourceCounts, splits };
  }

  /** Trains a tokenizer on the training split, or as much of it as was asked for. */
  private async train(spool: DocumentSpool, vocabularySize: number, counts: Gathered): Promise<Tokenizer> {
    const { onProgress, signal } = this.options;
    const total = Math.min(this.sampleBytes, counts.splits.train.bytes);
    const words = new WordCounts();
    const decoder = new TextDecoder();
    let done = 0;
    for await (const { split, bytes } of spool.read()) {
      await this.turns.pause(signal);
      if (split !== "train") continue;
      words.add(decoder.decode(bytes));
      done += bytes.length;
      onProgress?.({ phase: "count", done: Math.min(done, total), total });
      if (done >= total) break;
    }
    return await learnTokenizer(words, {
      vocabularySize,
      signal,
      onProgress: (done, total) => onProgress?.({ phase: "merge", done, total }),
    });
  }

  private async encode(
    spool: DocumentSpool,
    tokenizer: Tokenizer,
    { splits }: Gathered,
  ): Promise<Record<SplitName, SplitCounts>> {
    const { onProgress, signal } = this.options;
    const writer = (split: SplitName) =>
      new ShardWriter(this.files, this.directory, split, tokenizer.endOfText!);
    const writers = { train: writer("train"), validation: writer("validation") };
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    const total = splits.train.documents + splits.validation.documents;
    let done = 0;
    try {
      for await (const { split, bytes } of spool.read()) {
        await this.turns.pause(signal);
        await writers[split].add(
          tokenizer.encode(decoder.decode(bytes), { recognizeSpecialTokens: false, addSpecialTokens: false }),
        );
        onProgress?.({ phase: "encode", done: ++done, total });
      }
    } finally {
      // The second in any case: when the disk is full, the first fails.
      await writers.train.close().finally(() => writers.validation.close());
    }
    const counts = (split: SplitName): SplitCounts => {
      const { shards } = writers[split];
      return { ...splits[split], tokens: shards.reduce((sum, { tokens }) => sum + tokens, 0), shards };
    };
    return { train: counts("train"), validation: counts("validation") };
  }
}

interface Gathered {
  readonly sources: readonly SourceCounts[];
  readonly splits: Readonly<Record<SplitName, { documents: number; bytes: number }>>;
}

function checkOptions({ sources, validation = 0, tokenizer }: CorpusOptions): void {
  if (sources.length === 0) throw new SparseLensError("A corpus needs at least one source.");
  if (!(validation >= 0 && validation < 1)) {
    throw new SparseLensError(`validation is ${validation}: it must be a share from 0 to below 1.`);
  }
  if ("vocabularySize" in tokenizer) {
    checkVocabularySize(tokenizer.vocabularySize);
    return;
  }
  const { vocabularySize, endOfText } = tokenizer.tokenizer;
  if (endOfText === undefined) {
    throw new SparseLensError(
      `The tokenizer of ${tokenizer.source} has no ${END_OF_TEXT}, which must stand between documents.`,
    );
  }
  if (vocabularySize > 2 ** 16) {
    throw new SparseLensError(
      `The tokenizer of ${tokenizer.source} has ${vocabularySize} tokens: token shards hold ids up to 65535.`,
    );
  }
}

/** The options that are not undefined. */
function defined(options: Partial<ReadOptions>): Partial<ReadOptions> {
  return Object.fromEntries(
    Object.keys(READ_DEFAULTS)
      .map((key) => [key, options[key as keyof ReadOptions]])
      .filter(([, value]) => value !== undefined),
  );
}

function requireText({ sources, splits }: Gathered): void {
  if (splits.train.documents > 0) return;
  if (splits.validation.documents > 0) {
    throw new SparseLensError(
      "All documents fell into the validation split: there is nothing to train on. Give more documents, or a smaller validation share.",
    );
  }
  const skipped = noneSkipped();
  for (const source of sources) {
    for (const reason of SKIP_REASONS) skipped[reason] += source.skipped[reason];
  }
  throw noDocuments(skipped);
}
