import type { BigramCounts } from "../model/bigram-table.js";

/** Steps over which the loss is averaged, and for which it must stay too high. */
const WINDOW = 100;
const PATIENCE = 200;
/** Nats above the baseline. */
const MARGIN = 1;

/** Notices when the training loss stays far above what a guess without context would have. */
export class DivergenceMonitor {
  private readonly recent: number[] = [];
  private sum = 0;
  private above = 0;

  /**
   * @param baseline cross-entropy without context, in nats
   * @param grace steps in which the loss may be anything
   */
  constructor(
    readonly baseline: number,
    private readonly grace: number,
  ) {}

  /** Whether the run has diverged, now that a step had this loss. */
  add(step: number, loss: number): boolean {
    this.recent.push(loss);
    this.sum += loss;
    if (this.recent.length > WINDOW) this.sum -= this.recent.shift()!;
    const isHigh =
      step > this.grace && this.recent.length === WINDOW && this.average > this.baseline + MARGIN;
    this.above = isHigh ? this.above + 1 : 0;
    return this.above >= PATIENCE;
  }

  /** Mean loss of the latest steps. */
  get average(): number {
    return this.sum / this.recent.length;
  }
}

/** Entropy of a token given the one before, in nats: the training loss of the bare counts. */
export function bigramEntropy({ rowPointers, counts }: BigramCounts): number {
  let pairs = 0;
  let total = 0;
  for (let a = 0; a + 1 < rowPointers.length; a++) {
    const row = counts.subarray(rowPointers[a], rowPointers[a + 1]);
    const rowSum = row.reduce((sum, count) => sum + count, 0);
    pairs += rowSum;
    for (const count of row) total -= count * Math.log(count / rowSum);
  }
  return total / pairs;
}
