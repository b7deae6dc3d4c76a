import type { Command } from "commander";
import {
  describeSkipped,
  noDocuments,
  noneSkipped,
  type SkipCounts,
  selectDocuments,
} from "../corpus/documents.js";
import { openSources } from "../corpus/sources.js";
import { tokenizerFileNames, writeTokenizerDirectory } from "../formats/tokenizer-directory.js";
import { writeDirectory } from "../io/write-directory.js";
import { trainTokenizer } from "../tokenizer/train.js";
import { parseInteger } from "./arguments.js";
import { formatBytes, formatCount, formatMilliseconds, formatTable } from "./format.js";
import { print, printJson, rounded } from "./output.js";
import { ProgressLine } from "./progress-line.js";
import { addReadOptions, type ReadFlags, readOptions, SOURCES_ARGUMENT } from "./read-options.js";

interface Options extends ReadFlags {
  readonly vocab: number;
  readonly out: string;
  readonly minimumCount: number;
  readonly overwrite?: boolean;
  readonly json?: boolean;
}

export function addTokenizer(program: Command, signal: AbortSignal): void {
  const train = program
    .command("tokenizer")
    .description("Train a tokenizer.")
    .helpCommand(false)
    .command("train")
    .description("Train a byte-level BPE tokenizer that cuts text as tinypython_2k does.")
    .argument(...SOURCES_ARGUMENT)
    .requiredOption("--vocab <tokens>", "size, with the 256 bytes and <|endoftext|>", (text) =>
      parseInteger(text, 257),
    )
    .requiredOption("-o, --out <directory>", "directory for tokenizer.json, encoder.json and vocab.bpe")
    .option(
      "--minimum-count <number>",
      "leave pairs alone that are rarer",
      (text) => parseInteger(text, 1),
      2,
    );
  addReadOptions(train)
    .option("--overwrite", "replace the tokenizer in a directory that is not empty")
    .option("--json", "print one object")
    .addHelpText(
      "after",
      `
Example:
  $ sparselens tokenizer train src data.jsonl --vocab 2048 --out tokenizer`,
    )
    .action(async (sources: string[], options: Options) => {
      const report = await trainFrom(sources, options, signal);
      if (options.json) printJson(report);
      else print(asText(report));
    });
}

interface Report {
  readonly out: string;
  readonly vocabularySize: number;
  readonly documents: number;
  /** Of text. */
  readonly bytes: number;
  readonly skipped: SkipCounts;
  readonly timing: { readonly readMilliseconds: number; readonly mergeMilliseconds: number };
}

async function trainFrom(names: readonly string[], options: Options, signal: AbortSignal): Promise<Report> {
  const { vocab, out, minimumCount, overwrite, json } = options;
  const reading = readOptions(options);
  const line = new ProgressLine(!json);
  const skipped = noneSkipped();
  let documents = 0;
  let bytes = 0;
  const began = performance.now();
  let read = began;
  const sources = await openSources(names, reading);
  async function* texts() {
    for (const source of sources) {
      for await (const document of selectDocuments(source.read(), reading, skipped, signal)) {
        documents++;
        bytes += document.bytes.length;
        line.show(() => `counting words: ${formatCount(documents)} documents, ${formatBytes(bytes)}`);
        yield document.text;
      }
    }
    if (documents === 0) throw noDocuments(skipped);
    read = performance.now();
  }
  let vocabularySize = 0;
  const isReplaced = (name: string) => tokenizerFileNames.includes(name);
  try {
    await writeDirectory(out, { what: "a tokenizer", overwrite, isReplaced, signal }, async (directory) => {
      const tokenizer = await trainTokenizer(texts(), {
        ...{ vocabularySize: vocab, minimumCount, signal },
        onProgress: (tokens, size) => line.show(() => `merging: ${tokens} of ${size} tokens`),
      });
      vocabularySize = tokenizer.vocabularySize;
      await writeTokenizerDirectory(tokenizer, directory);
    });
  } finally {
    line.clear();
  }
  if (vocabularySize < vocab && !json) {
    console.error(`The text has no more pairs to merge: ${vocabularySize} tokens instead of ${vocab}.`);
  }
  const timing = {
    readMilliseconds: rounded(read - began),
    mergeMilliseconds: rounded(performance.now() - read),
  };
  return { ...{ out, vocabularySize, documents, bytes, skipped, timing } };
}

function asText({ out, vocabularySize, documents, bytes, skipped, timing }: Report): string {
  const leftOut = describeSkipped(skipped);
  const { readMilliseconds, mergeMilliseconds } = timing;
  return formatTable(
    [
      ["tokenizer", out],
      ["vocabulary", `${formatCount(vocabularySize)} tokens`],
      ["text", `${formatCount(documents)} documents, ${formatBytes(bytes)}`],
      ...(leftOut === "" ? [] : [["left out", leftOut]]),
      [
        "time",
        `${formatMilliseconds(readMilliseconds)} reading, ${formatMilliseconds(mergeMilliseconds)} merging`,
      ],
    ],
    "ll",
  );
}
