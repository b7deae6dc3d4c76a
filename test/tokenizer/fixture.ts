import { readFileSync } from "node:fs";
import fc from "fast-check";

const read = (name: string) =>
  readFileSync(new URL(`../fixtures/tokenizer/${name}`, import.meta.url), "utf8");

/** A `tokenizer.json`, as far as tests change it. */
export interface TokenizerJson {
  [key: string]: unknown;
  added_tokens: Record<string, unknown>[];
  normalizer: unknown;
  pre_tokenizer: unknown;
  post_processor: unknown;
  model: { [key: string]: unknown; vocab: Record<string, number>; merges: unknown[] };
}

/** A fresh copy of the 768-token tokenizer of the trained checkpoint, with `changes`. */
export function tokenizerJson(changes: Partial<TokenizerJson> = {}): TokenizerJson {
  return { ...JSON.parse(read("tokenizer.json")), ...changes };
}

/** The same tokenizer as `encoder.json` and `vocab.bpe`. */
export function vocabularyFiles(): { vocabulary: Record<string, number>; merges: string } {
  return { vocabulary: JSON.parse(read("encoder.json")), merges: read("vocab.bpe") };
}

export const BYTE_LEVEL = {
  type: "ByteLevel",
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: false,
};

export function split(pattern: object, behavior = "Isolated", invert = false): object {
  return { type: "Split", pattern, behavior, invert };
}

export function sequence(...pretokenizers: object[]): object {
  return { type: "Sequence", pretokenizers };
}

/** Text that mixes what pre-tokenisers tell apart: letters, digits, spaces, line breaks, marks, emoji, code. */
export const anyText = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...PARTS()) },
      { weight: 2, arbitrary: fc.string({ unit: "grapheme", maxLength: 8 }) },
      { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 4 }) },
      { weight: 1, arbitrary: fc.string({ unit: "binary-ascii", maxLength: 8 }) },
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(""));

function PARTS(): string[] {
  return [
    ..." |  |    |\n|\n\n|\r\n|\t|\u00a0|\u3000|\u2003".split("|"),
    ..."def |return|self.|x = |'s|'LL|'Re|don't|0|12|3456|٣٤|Ⅷ|²".split("|"),
    ..."é|e\u0301|ﬁ|日本語|한국|하|👩‍👩‍👧|🇩🇪|\u0301|ß|Ǆ|Σας|𝒳|_|__init__|(|)[]|...|//|==|#!".split("|"),
    "<|endoftext|>",
    "<|endof",
  ];
}
