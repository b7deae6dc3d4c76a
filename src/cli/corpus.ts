import { type Command, Option } from "commander";
import { type CorpusProgress, SAMPLE_DEFAULT, VALIDATION_DEFAULT, writeCorpus } from "../corpus/build.js";
import { documentRanges, openCorpus } from "../corpus/corpus.js";
import { describeSkipped } from "../corpus/documents.js";
import { type CorpusManifest, SPLITS, type SplitName } from "../corpus/manifest.js";
import { parseInteger, parseNumber } from "./arguments.js";
import { formatBytes, formatCount, formatMilliseconds, formatTable } from "./format.js";
import { faint, print, printJson, rounded } from "./output.js";
import { ProgressLine } from "./progress-line.js";
import { addReadOptions, type ReadFlags, readOptions, SOURCES_ARGUMENT } from "./read-options.js";
import { openTokenizer } from "./tokenizer-source.js";

interface Options extends ReadFlags {
  readonly out: string;
  readonly tokenizer?: string;
  readonly vocab?: number;
  readonly sampleBytes: number;
  readonly validation: number;
  readonly overwrite?: boolean;
  readonly json?: boolean;
}

export function addCorpus(program: Command, signal: AbortSignal): void {
  const corpus = program
    .command("corpus")
    .description("Write text as tokens to train on, or show what is in a corpus (corpus show).")
    .argument(...SOURCES_ARGUMENT)
    .option("-o, --out <directory>", "directory for the corpus")
    .addOption(
      new Option("--tokenizer <tokenizer>", "directory with a tokenizer, a corpus, or a model").conflicts(
        "vocab",
      ),
    )
    .option("--vocab <tokens>", "train a tokenizer of this size on the training split", (text) =>
      parseInteger(text, 257),
    )
    .option(
      "--sample-bytes <number>",
      "text to train the tokenizer on at most",
      (text) => parseInteger(text, 1),
      SAMPLE_DEFAULT,
    )
    .option(
      "--validation <share>",
      "share of the documents to hold out",
      (text) => parseNumber(text, { from: 0, to: 0.9 }),
      VALIDATION_DEFAULT,
    );
  addReadOptions(corpus)
    .option("--overwrite", "replace the corpus in a directory that is not empty")
    .option("--json", "print one object: the manifest")
    .addHelpText(
      "after",
      `
Examples:
  $ sparselens corpus synthetic:200000 --vocab 1024 --out corpus
  $ sparselens corpus src data.jsonl --field content --tokenizer default --out corpus
  $ sparselens corpus show corpus`,
    )
    .action(async (sources: string[], options: Options) => {
      // Not a required option of commander's: `show` would need it, too.
      if (options.out === undefined) corpus.error("error: give --out, the directory for the corpus");
      if (options.tokenizer === undefined && options.vocab === undefined) {
        corpus.error("error: give --vocab to train a tokenizer, or --tokenizer");
      }
      await write(sources, options, signal);
    });
  addShow(corpus);
}

async function write(sources: readonly string[], options: Options, signal: AbortSignal): Promise<void> {
  const { out, vocab, validation, sampleBytes, overwrite, json } = options;
  const source = options.tokenizer;
  const began = performance.now();
  const tokenizer =
    source === undefined
      ? { vocabularySize: vocab! }
      : { tokenizer: await openTokenizer(source, options, signal), source };
  const line = new ProgressLine(!json);
  const manifest = await writeCorpus(out, {
    ...readOptions(options),
    ...{ sources, tokenizer, validation, sampleBytes, overwrite, signal },
    onProgress: (progress) => line.show(() => describeProgress(progress)),
  }).finally(() => line.clear());
  if (json) {
    printJson({ out, ...manifest, timing: { milliseconds: rounded(performance.now() - began) } });
    return;
  }
  const { vocabularySize } = manifest.tokenizer;
  if (vocab !== undefined && vocabularySize < vocab) {
    console.error(`The text has no more pairs to merge: ${vocabularySize} tokens instead of ${vocab}.`);
  }
  if (manifest.splits.validation.documents === 0 && validation > 0) {
    console.error(
      "No document fell into the validation split: give more documents, or a larger --validation.",
    );
  }
  print(`${describe(manifest)}\n${out} written in ${formatMilliseconds(performance.now() - began)}\n`);
}

export function describeProgress(progress: CorpusProgress): string {
  if (progress.phase === "read") {
    const { source, documents, bytes } = progress;
    return `reading ${source}: ${formatCount(documents)} documents, ${formatBytes(bytes)}`;
  }
  const { phase, done, total } = progress;
  if (phase === "merge") return `training the tokenizer: ${done} of ${total} tokens`;
  if (phase === "count") return `training the tokenizer: ${formatBytes(done)} of ${formatBytes(total)}`;
  return `encoding: ${formatCount(done)} of ${formatCount(total)} documents`;
}

function describe({ sources, splits, tokenizer }: CorpusManifest): string {
  const sourceRows = sources.map(({ source, documents, bytes, duplicates, skipped }) => [
    ...[source, formatCount(documents), formatBytes(bytes), formatCount(duplicates)],
    describeSkipped(skipped) || "0",
  ]);
  const splitRows = SPLITS.map((split) => {
    const { documents, bytes, tokens, shards } = splits[split];
    const ratio = tokens > documents ? (bytes / (tokens - documents)).toFixed(2) : "";
    return [split, ...[documents, tokens, shards.length].map(formatCount), formatBytes(bytes), ratio];
  });
  const origin = tokenizer.source === null ? "trained on this corpus" : `of ${tokenizer.source}`;
  return [
    formatTable([["source", "documents", "bytes", "duplicates", "left out"], ...sourceRows], "lrrrr"),
    formatTable([["split", "documents", "tokens", "shards", "bytes", "bytes/token"], ...splitRows], "lrrrrr"),
    `tokenizer  ${formatCount(tokenizer.vocabularySize)} tokens, ${origin}\n`,
  ].join("\n");
}

interface ShowOptions {
  readonly split: SplitName;
  readonly documents: number;
  readonly json?: boolean;
}

function addShow(corpus: Command): void {
  corpus
    .command("show")
    .description("Show what a corpus is made of, and the text of its first documents.")
    .argument("<directory>", "a corpus")
    .addOption(new Option("--split <split>", "which documents").choices(SPLITS).default("train"))
    .option("-n, --documents <number>", "how many", (text) => parseInteger(text, 0), 3)
    .option("--json", "print one object: the manifest and the documents")
    .addHelpText(
      "after",
      `
Example:
  $ sparselens corpus show corpus --split validation --documents 10`,
    )
    .action(async (directory: string, _: unknown, command: Command) => {
      // Commander gives options that both commands have to the outer one.
      await show(directory, command.optsWithGlobals());
    });
}

async function show(directory: string, { split, documents, json }: ShowOptions): Promise<void> {
  const { manifest, tokenizer, tokens } = await openCorpus(directory);
  const shown: string[] = [];
  if (documents > 0) {
    const all = await tokens(split);
    for (const { start, end } of documentRanges(all, manifest.tokenizer.endOfText).slice(0, documents)) {
      shown.push(tokenizer.decode(all.subarray(start, end)));
    }
  }
  if (json) {
    printJson({ directory, ...manifest, split, documents: shown });
    return;
  }
  print(describe(manifest));
  for (const [index, text] of shown.entries()) {
    print(`\n${faint(`${split} ${index}`, process.stdout)}\n${text}${text.endsWith("\n") ? "" : "\n"}`);
  }
}
