/** The least entry of a table, by the formula's name in files. */
const floors = {
  "unigram-smoothed": Number.NEGATIVE_INFINITY,
  /** Of older models. Pairs that never occur stay likelier than their counts say. */
  "unigram-smoothed-log": -12,
};

/** What files call a formula of `bigramTable`. */
export type BigramFormula = keyof typeof floors;
export const BIGRAM_FORMULAS = Object.keys(floors) as readonly BigramFormula[];

/**
 * How often each token follows each other token in a corpus, as a matrix `[vocab, vocab]` of which the nonzeros are
 * stored, in compressed sparse row form: row `a` holds the tokens that follow `a`, ascending.
 */
export interface BigramCounts {
  readonly formula: BigramFormula;
  readonly vocabularySize: number;
  /** `[vocab + 1]` */
  readonly rowPointers: Uint32Array;
  /** `[pairs]`: second token. */
  readonly columnIndices: Uint16Array;
  /** `[pairs]`: at least 1. */
  readonly counts: Uint32Array;
}

/**
 * The bigram table that counts stand for, dense and row-major, `[vocab, vocab]`:
 *
 *     table[a, b] = log((count(a, b) + p(b)) / (count(a) + 1))
 *     p(b) = (count(·, b) + 1) / (number of pairs + vocab)
 *
 * and at least the formula's floor, where count(a) and count(·, b) are the row's and the column's sum: as if each token
 * had been followed once more, by the unigram distribution. Computed in float64 in the order written, the logarithm by additions, multiplications and
 * divisions alone (`Math.log` may differ between machines in its last bit), and rounded to float32 last: every platform
 * builds the same bits.
 */
export function bigramTable({
  formula,
  vocabularySize,
  rowPointers,
  columnIndices,
  counts,
}: BigramCounts): Float32Array {
  const columnSums = new Float64Array(vocabularySize);
  let pairs = 0;
  for (let i = 0; i < counts.length; i++) {
    columnSums[columnIndices[i]] += counts[i];
    pairs += counts[i];
  }
  const share = columnSums.map((sum) => (sum + 1) / (pairs + vocabularySize));
  const table = new Float32Array(vocabularySize * vocabularySize);
  const row = new Float64Array(vocabularySize);
  for (let a = 0; a < vocabularySize; a++) {
    row.fill(0);
    let rowSum = 0;
    for (let i = rowPointers[a]; i < rowPointers[a + 1]; i++) {
      row[columnIndices[i]] = counts[i];
      rowSum += counts[i];
    }
    const base = a * vocabularySize;
    for (let b = 0; b < vocabularySize; b++)
      table[base + b] = Math.max(floors[formula], logarithm((row[b] + share[b]) / (rowSum + 1)));
  }
  return table;
}

/** Of log m = 2 (s + s³/3 + s⁵/5 + …), s = (m - 1) / (m + 1): as many as float64 resolves for m in [√½, √2). */
const COEFFICIENTS = Array.from({ length: 12 }, (_, i) => 1 / (2 * i + 1)).reverse();

/** log x for x in (0, 1]. */
function logarithm(x: number): number {
  let mantissa = x;
  let exponent = 0;
  for (; mantissa < Math.SQRT1_2; exponent--) mantissa *= 2;
  const s = (mantissa - 1) / (mantissa + 1);
  const square = s * s;
  let sum = 0;
  for (const coefficient of COEFFICIENTS) sum = sum * square + coefficient;
  return exponent * Math.LN2 + 2 * s * sum;
}
