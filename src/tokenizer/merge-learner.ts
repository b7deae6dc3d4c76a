import { byteCharacters } from "./byte-alphabet.js";
import { PairQueue } from "./pair-queue.js";
import type { WordCounts } from "./word-counts.js";

/** Ids stay below this, so that a pair of them is one number. */
const BASE = 2 ** 16;

interface Pair {
  /** How often it occurs in the text as it is merged by now. */
  count: number;
  /** Words that hold it, or once did; some perhaps twice. */
  words: number[];
}

/**
 * Learns byte-pair merges (Sennrich et al., 2016): the most frequent pair of adjacent tokens becomes a token, again and
 * again. Of equally frequent pairs the one whose left token has the lower id comes first, then the one whose right token
 * has; ids follow the order in which tokens were made, after the 256 bytes in the order of their characters. That is the
 * rule of the Hugging Face `tokenizers` library.
 *
 * Counts are kept up to date: a merge visits only the words that hold its pair.
 */
export class MergeLearner {
  /** Tokens by id, as byte-level vocabularies spell them; the 256 bytes first. */
  readonly tokens: string[] = [...byteCharacters].sort();
  /** Each "left right", in order. */
  readonly merges: string[] = [];

  private readonly pairs = new Map<number, Pair>();
  /** Holds every pair that occurs, with a count that may since have fallen. */
  private readonly queue = new PairQueue();
  /** The tokens of all words, one after the other. */
  private readonly symbols: Uint16Array;
  /** Where each word starts among them, and how many tokens it has. */
  private readonly starts: Float64Array;
  private readonly lengths: Uint32Array;
  private readonly counts: readonly number[];

  constructor({ words, counts }: Pick<WordCounts, "words" | "counts">) {
    const encoder = new TextEncoder();
    const byteIds = byteCharacters.map((character) => this.tokens.indexOf(character));
    const bytes = words.map((word) => encoder.encode(word));
    this.counts = counts;
    this.starts = new Float64Array(words.length);
    this.lengths = Uint32Array.from(bytes, ({ length }) => length);
    this.symbols = new Uint16Array(this.lengths.reduce((sum, length) => sum + length, 0));
    let position = 0;
    bytes.forEach((word, index) => {
      this.starts[index] = position;
      for (let at = 0; at < word.length; at++, position++) {
        this.symbols[position] = byteIds[word[at]];
        if (at > 0) this.change(this.symbols[position - 1], this.symbols[position], index, counts[index]);
      }
    });
    for (const [key, { count }] of this.pairs) this.queue.push(key, count);
  }

  /**
   * Makes one merge.
   * @param minimumCount Pairs that occur less often are left alone.
   * @returns whether there was a pair to merge
   */
  step(minimumCount: number): boolean {
    while (this.queue.length > 0) {
      const { key, count } = this.queue.pop();
      const pair = this.pairs.get(key);
      if (!pair) continue;
      if (pair.count !== count) this.queue.push(key, pair.count);
      else if (count < minimumCount) return false;
      else {
        this.merge(key, pair);
        return true;
      }
    }
    return false;
  }

  private merge(key: number, pair: Pair): void {
    const left = Math.floor(key / BASE);
    const right = key % BASE;
    // No other pair has made this token: between the same boundaries the same bytes were merged in the same way.
    const merged = this.tokens.push(this.tokens[left] + this.tokens[right]) - 1;
    this.merges.push(`${this.tokens[left]} ${this.tokens[right]}`);
    const grown = new Set<number>();
    for (const word of pair.words) this.mergeIn(word, left, right, merged, grown);
    // Of overlapping occurrences (a a a) all were counted, and none is left.
    this.pairs.delete(key);
    for (const key of grown) this.queue.push(key, this.pairs.get(key)!.count);
  }

  /** Merges a pair in one word and counts the neighbours anew; pairs that became more frequent are added to `grown`. */
  private mergeIn(word: number, left: number, right: number, merged: number, grown: Set<number>): void {
    const { symbols } = this;
    const start = this.starts[word];
    const end = start + this.lengths[word];
    const count = this.counts[word];
    let written = start;
    // The last of the tokens that the token written last was made of, and whether these were two.
    let last = -1;
    let lastIsMerged = false;
    for (let read = start; read < end; ) {
      const first = symbols[read];
      const isMerged = first === left && read + 1 < end && symbols[read + 1] === right;
      const symbol = isMerged ? merged : first;
      if (written > start && (isMerged || lastIsMerged)) {
        this.change(last, first, word, -count);
        grown.add(this.change(symbols[written - 1], symbol, word, count));
      }
      symbols[written++] = symbol;
      last = isMerged ? right : first;
      lastIsMerged = isMerged;
      read += isMerged ? 2 : 1;
    }
    this.lengths[word] = written - start;
  }

  /** Counts a pair `by` more occurrences, in a word; the result is its key. */
  private change(left: number, right: number, word: number, by: number): number {
    const key = left * BASE + right;
    const pair = this.pairs.get(key);
    if (!pair) this.pairs.set(key, { count: by, words: [word] });
    else {
      pair.count += by;
      if (by > 0 && pair.words.at(-1) !== word) pair.words.push(word);
    }
    return key;
  }
}
