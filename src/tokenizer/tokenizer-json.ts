import { SparseLensError } from "../errors.js";
import { TINYPYTHON_PATTERN } from "./tinypython.js";

/** What a byte-level BPE tokenizer consists of. */
export interface BytePairDefinition {
  /** Token → id. */
  readonly vocabulary: Readonly<Record<string, number>>;
  /** Each "left right", in order of rank. */
  readonly merges: readonly string[];
  /** Tokens that are matched as a whole, with their ids. */
  readonly specialTokens: Readonly<Record<string, number>>;
  /** What text is cut with first; {@link TINYPYTHON_PATTERN} unless given. */
  readonly pattern?: string;
}

/** The content of a Hugging Face `tokenizer.json`. */
export function bytePairTokenizerJson(definition: BytePairDefinition): Record<string, unknown> {
  const { vocabulary, merges, specialTokens, pattern = TINYPYTHON_PATTERN } = definition;
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: Object.entries(specialTokens)
      .sort(([, a], [, b]) => a - b)
      .map(([content, id]) => ({
        id,
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      })),
    normalizer: null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: vocabulary,
      merges,
    },
  };
}

const HEADER = "#version: 0.2";

/** The content of `vocab.bpe` (or `merges.txt`). */
export function formatMerges(merges: readonly string[]): string {
  return [HEADER, ...merges, ""].join("\n");
}

/**
 * The merges of a `vocab.bpe`.
 * @throws SparseLensError naming the line that is no merge of two tokens
 */
export function parseMerges(text: string, location: string): string[] {
  const merges: string[] = [];
  text.split("\n").forEach((rawLine, index) => {
    const line = rawLine.replace(/\r$/, "");
    // A header is the first line only: further down the same letters are a merge.
    if (line === "" || (index === 0 && line.startsWith("#version"))) return;
    if (!/^[^ ]+ [^ ]+$/.test(line)) {
      throw new SparseLensError(
        `${location}: merges, line ${index + 1}: expected two tokens with a space between them, got ` +
          `${JSON.stringify(line.slice(0, 80))}.`,
      );
    }
    merges.push(line);
  });
  return merges;
}
