import { SparseLensError } from "../errors.js";
import { Turns } from "../io/turns.js";
import { MergeLearner } from "./merge-learner.js";
import { END_OF_TEXT } from "./tinypython.js";
import { Tokenizer } from "./tokenizer.js";
import { formatMerges } from "./tokenizer-json.js";
import { WordCounts } from "./word-counts.js";

export interface TrainOptions {
  /**
   * Tokens, with the 256 bytes and `<|endoftext|>`: from 257 to 65536. There are fewer where the text has no more pairs to
   * merge.
   */
  readonly vocabularySize: number;
  /** Pairs that occur less often are not merged; 2 unless given. */
  readonly minimumCount?: number;
  /** Tokens made so far, of `vocabularySize`. */
  readonly onProgress?: (tokens: number, vocabularySize: number) => void;
  readonly signal?: AbortSignal;
}

const SMALLEST = 257;
const LARGEST = 2 ** 16;

/**
 * Learns a byte-level BPE tokenizer like `tinypython_2k`: the 256 bytes, tokens in the order in which they were merged,
 * and `<|endoftext|>` as the last id, whether or not the text holds it. The same documents, in whatever order, give the
 * same tokenizer.
 *
 * @throws SparseLensError when the vocabulary size is out of range or there is no text
 */
export async function trainTokenizer(
  documents: Iterable<string> | AsyncIterable<string>,
  options: TrainOptions,
): Promise<Tokenizer> {
  checkVocabularySize(options.vocabularySize);
  const words = new WordCounts();
  const turns = new Turns();
  for await (const document of documents) {
    words.add(document);
    await turns.pause(options.signal);
  }
  return await learnTokenizer(words, options);
}

/** As {@link trainTokenizer}, from the words of the documents. */
export async function learnTokenizer(words: WordCounts, options: TrainOptions): Promise<Tokenizer> {
  const { vocabularySize, minimumCount = 2, onProgress, signal } = options;
  checkVocabularySize(vocabularySize);
  if (words.words.length === 0) {
    throw new SparseLensError("A tokenizer cannot be trained on no text: all documents are empty.");
  }
  signal?.throwIfAborted();
  const learner = new MergeLearner(words);
  const turns = new Turns();
  while (learner.tokens.length < vocabularySize - 1 && learner.step(minimumCount)) {
    onProgress?.(learner.tokens.length, vocabularySize);
    await turns.pause(signal);
  }
  const { tokens, merges } = learner;
  const vocabulary = Object.fromEntries([...tokens, END_OF_TEXT].map((token, id) => [token, id]));
  return Tokenizer.fromVocabulary({ vocabulary, merges: formatMerges(merges) }, "the trained tokenizer");
}

export function checkVocabularySize(size: number): void {
  if (Number.isInteger(size) && size >= SMALLEST && size <= LARGEST) return;
  throw new SparseLensError(
    `A vocabulary of ${size} tokens is not possible: it must be an integer from ${SMALLEST} (the 256 bytes and ` +
      `${END_OF_TEXT}) to ${LARGEST}.`,
  );
}
