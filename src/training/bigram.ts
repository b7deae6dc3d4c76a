import { SparseLensError } from "../errors.js";
import type { BigramCounts } from "../model/bigram-table.js";

export { type BigramCounts, bigramTable } from "../model/bigram-table.js";

/**
 * Counts the pairs of neighbouring tokens. A pair across the border of two documents, of which `<|endoftext|>` is one
 * token, counts like any other.
 * @throws SparseLensError when a token is not in the vocabulary
 */
export function countBigrams(tokens: Uint16Array, vocabularySize: number): BigramCounts {
  const starts = groupStarts(tokens, vocabularySize);
  // The second tokens, grouped by the first.
  const following = new Uint16Array(Math.max(0, tokens.length - 1));
  const next = starts.slice();
  for (let i = 0; i < following.length; i++) following[next[tokens[i]]++] = tokens[i + 1];

  const rowPointers = new Uint32Array(vocabularySize + 1);
  const columnIndices: number[] = [];
  const counts: number[] = [];
  const count = new Uint32Array(vocabularySize);
  for (let a = 0; a < vocabularySize; a++) {
    const seen: number[] = [];
    for (const b of following.subarray(starts[a], starts[a + 1])) if (count[b]++ === 0) seen.push(b);
    for (const b of seen.sort((x, y) => x - y)) {
      columnIndices.push(b);
      counts.push(count[b]);
      count[b] = 0;
    }
    rowPointers[a + 1] = counts.length;
  }
  return {
    ...{ formula: "unigram-smoothed", vocabularySize },
    rowPointers,
    columnIndices: Uint16Array.from(columnIndices),
    counts: Uint32Array.from(counts),
  };
}

/** `[vocab + 1]`: where each token's pairs start when pairs are sorted by their first token. */
function groupStarts(tokens: Uint16Array, vocabularySize: number): Uint32Array {
  const starts = new Uint32Array(vocabularySize + 1);
  tokens.forEach((token, position) => {
    if (token >= vocabularySize) {
      throw new SparseLensError(
        `Token ${token} at position ${position} is not in a vocabulary of ${vocabularySize}: the corpus was made with ` +
          "another tokenizer.",
      );
    }
    if (position < tokens.length - 1) starts[token + 1]++;
  });
  for (let token = 0; token < vocabularySize; token++) starts[token + 1] += starts[token];
  return starts;
}
