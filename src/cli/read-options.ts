import { type Command, InvalidArgumentError } from "commander";
import { READ_DEFAULTS, type ReadOptions } from "../corpus/documents.js";
import { parseInteger } from "./arguments.js";

/** How the sources of a corpus, or of a tokenizer's text, are given and read. */

export const SOURCES_ARGUMENT = [
  "<sources...>",
  "folders, files (.py, .txt, .jsonl, .parquet), synthetic:COUNT",
] as const;

export interface ReadFlags {
  readonly field: string;
  readonly extensions: string[];
  readonly maxBytes: number;
  readonly skipBroken?: boolean;
  readonly seed: number;
}

export function addReadOptions(command: Command): Command {
  const { field, extensions, maximumBytes, seed } = READ_DEFAULTS;
  return command
    .option("--field <name>", "field of JSON lines, or column of Parquet files, with the text", field)
    .option("--extensions <endings>", "files to read in folders: .py,.pyi", parseExtensions, [...extensions])
    .option(
      "--max-bytes <number>",
      "leave out longer documents",
      (text) => parseInteger(text, 1),
      maximumBytes,
    )
    .option("--skip-broken", "leave out broken JSON lines instead of stopping there")
    .option(
      "--seed <number>",
      "seed of synthetic programs and of the order",
      (text) => parseInteger(text, 0),
      seed,
    );
}

export function readOptions({
  field,
  extensions,
  maxBytes,
  skipBroken = false,
  seed,
}: ReadFlags): ReadOptions {
  return { field, extensions, maximumBytes: maxBytes, skipBroken, seed };
}

function parseExtensions(text: string): string[] {
  const endings = text.split(",").map((ending) => ending.trim());
  if (endings.includes("")) throw new InvalidArgumentError("It must be endings with commas between them.");
  return endings.map((ending) => (ending.startsWith(".") ? ending : `.${ending}`));
}
