import { SparseLensError } from "../errors.js";
import { Turns } from "../io/turns.js";

/** Why something in a source is no document of the corpus. */
export const SKIP_REASONS = ["empty", "notUtf8", "tooLong", "broken"] as const;
export type SkipReason = (typeof SKIP_REASONS)[number];

/** How many were left out, for each reason. */
export type SkipCounts = Record<SkipReason, number>;

/** What a source gives next: a document, or the reason why there is none. */
export type Reading = { readonly text: string } | { readonly skipped: SkipReason };

/** A document of the corpus. */
export interface Document {
  readonly text: string;
  /** The text in UTF-8. */
  readonly bytes: Uint8Array;
}

export interface ReadOptions {
  /** Field of JSON lines, or column of Parquet files, that holds the text. */
  readonly field: string;
  /** Endings of the files that are read in a folder, such as `.py`. */
  readonly extensions: readonly string[];
  /** Longer documents are skipped. */
  readonly maximumBytes: number;
  /** Lines that are not JSON, or lack the field, are skipped instead of ending it all. */
  readonly skipBroken: boolean;
  /** Seed of synthetic programs. */
  readonly seed: number;
}

export const READ_DEFAULTS: ReadOptions = {
  field: "text",
  extensions: [".py"],
  maximumBytes: 1_000_000,
  skipBroken: false,
  seed: 0,
};

export function noneSkipped(): SkipCounts {
  return { empty: 0, notUtf8: 0, tooLong: 0, broken: 0 };
}

const encoder = new TextEncoder();

/**
 * The documents among `readings`; what is none is counted in `skipped`.
 * @throws the reason of `signal`, once it is aborted
 */
export async function* selectDocuments(
  readings: AsyncIterable<Reading>,
  { maximumBytes }: ReadOptions,
  skipped: SkipCounts,
  signal?: AbortSignal,
): AsyncGenerator<Document> {
  const turns = new Turns();
  for await (const reading of readings) {
    // Here rather than where documents are used: all of them may be skipped.
    await turns.pause(signal);
    if ("skipped" in reading) skipped[reading.skipped]++;
    else if (reading.text.trim() === "") skipped.empty++;
    else {
      const { text } = reading;
      const bytes = encoder.encode(text);
      if (bytes.length > maximumBytes) skipped.tooLong++;
      else yield { text, bytes };
    }
  }
}

/** What was left out, in words; empty when that is nothing. */
export function describeSkipped({ empty, notUtf8, tooLong, broken }: SkipCounts): string {
  const reasons = [
    [empty, "empty"],
    [notUtf8, "not UTF-8"],
    [tooLong, "too long"],
    [broken, "broken"],
  ] as const;
  return reasons
    .filter(([count]) => count > 0)
    .map(([count, reason]) => `${count} ${reason}`)
    .join(", ");
}

/** The error for sources without a single document. */
export function noDocuments(skipped: SkipCounts): SparseLensError {
  const reasons = describeSkipped(skipped);
  return new SparseLensError(
    `The sources hold no documents${reasons === "" ? "" : `: those found were left out (${reasons})`}.`,
  );
}
