/** Why something in a source is no document of the corpus. */
export const SKIP_REASONS = ["empty", "notUtf8", "tooLong", "broken"] as const;
export type SkipReason = (typeof SKIP_REASONS)[number];

/** What a source gives next: a document, or the reason why there is none. */
export type Reading = { readonly text: string } | { readonly skipped: SkipReason };

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
