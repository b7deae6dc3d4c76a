import { SparseLensError } from "../errors.js";
import { END_OF_TEXT, TINYPYTHON_PATTERN } from "../tokenizer/tinypython.js";
import { bytePairTokenizerJson, formatMerges, parseMerges } from "../tokenizer/tokenizer-json.js";
import type { TokenizerFiles } from "./checkpoint.js";
import { quote } from "./quote.js";

/**
 * Between the two forms in which a byte-level BPE tokenizer is published: `tokenizer.json`, and a vocabulary with a
 * list of merges (GPT-2's `encoder.json` and `vocab.bpe`), which leaves the pre-tokenizer unsaid.
 */

/** `tokenizer.json` for the tokenizer; its own, when that is how it came. */
export function toTokenizerJson(files: TokenizerFiles): Record<string, unknown> {
  if (files.tokenizerJson) return files.tokenizerJson;
  const { vocabulary, merges } = vocabularyAndMerges(files);
  const pairs = parseMerges(merges, files.location);
  const learned = new Set(pairs.map((pair) => pair.replace(" ", "")));
  // What neither a byte nor a merge makes is matched as a whole.
  const special = Object.entries(vocabulary).filter(
    ([token]) => [...token].length > 1 && !learned.has(token),
  );
  return bytePairTokenizerJson({ vocabulary, merges: pairs, specialTokens: Object.fromEntries(special) });
}

/** Vocabulary (token → id, added tokens included) and text of the merges; their own, when that is how they came. */
export function toVocabularyAndMerges(files: TokenizerFiles): {
  vocabulary: Record<string, number>;
  merges: string;
} {
  if (!files.tokenizerJson) return vocabularyAndMerges(files);
  const fail = (problem: string) => new SparseLensError(`${files.location}: ${problem}`);
  const { model, added_tokens: added = [] } = files.tokenizerJson as {
    model?: { type?: unknown; vocab?: unknown; merges?: unknown };
    added_tokens?: unknown;
  };
  if (
    model?.type !== "BPE" ||
    typeof model.vocab !== "object" ||
    !model.vocab ||
    !Array.isArray(model.merges)
  ) {
    throw fail("only a BPE tokenizer can be written as a vocabulary with merges.");
  }
  const vocabulary = new Map(Object.entries(model.vocab as Record<string, number>));
  for (const token of Array.isArray(added) ? added : []) vocabulary.set(token.content, token.id);
  for (const [token, id] of vocabulary) {
    if (!Number.isSafeInteger(id) || id < 0) throw fail(`the id of token ${quote(token)} is ${quote(id)}.`);
  }
  const lines = model.merges.map((merge: unknown) => {
    const pair = typeof merge === "string" ? merge.split(" ") : merge;
    if (!Array.isArray(pair) || pair.length !== 2 || pair.some((part) => typeof part !== "string")) {
      throw fail(`${quote(merge)} is not a merge of two tokens.`);
    }
    return `${pair[0]} ${pair[1]}`;
  });
  const inOrder = [...vocabulary].sort(([, a], [, b]) => a - b);
  return { vocabulary: Object.fromEntries(inOrder), merges: formatMerges(lines) };
}

/**
 * Whether a vocabulary with merges says all that this tokenizer does: it splits text as `tinypython_2k` does, and adds
 * nothing but special tokens.
 */
export function isTinypython(files: TokenizerFiles): boolean {
  if (!files.tokenizerJson) return true;
  const json = files.tokenizerJson as {
    normalizer?: unknown;
    post_processor?: unknown;
    pre_tokenizer?: { pretokenizers?: { type?: unknown; pattern?: { Regex?: unknown } }[] };
    added_tokens?: { special?: unknown; normalized?: unknown }[];
    model?: { ignore_merges?: unknown };
  };
  const steps = json.pre_tokenizer?.pretokenizers;
  return (
    !json.normalizer &&
    !json.post_processor &&
    !json.model?.ignore_merges &&
    (json.added_tokens ?? []).every(({ special, normalized }) => special && !normalized) &&
    Array.isArray(steps) &&
    steps.length === 2 &&
    steps[0]?.pattern?.Regex === TINYPYTHON_PATTERN &&
    steps[1]?.type === "ByteLevel"
  );
}

/** Id of `<|endoftext|>`, where the tokenizer has it. */
export function endOfTextId(files: TokenizerFiles): number | undefined {
  const { vocabulary } = toVocabularyAndMerges(files);
  return Object.hasOwn(vocabulary, END_OF_TEXT) ? vocabulary[END_OF_TEXT] : undefined;
}

function vocabularyAndMerges(files: TokenizerFiles): { vocabulary: Record<string, number>; merges: string } {
  const { vocabulary, merges } = files;
  if (!vocabulary || merges === undefined)
    throw new SparseLensError(`${files.location} is not a complete tokenizer.`);
  return { vocabulary, merges };
}
