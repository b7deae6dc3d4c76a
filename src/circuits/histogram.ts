/** Equal bins: bin i counts the values from `(first + i) * width` (inclusive) to `(first + i + 1) * width`. */
export interface HistogramBins {
  readonly width: number;
  readonly first: number;
  /** From the first bin that holds anything to the last. */
  readonly counts: readonly number[];
}

/** Bins on either side of zero. */
const HALF = 2048;
/** Of the narrowest bins: 2 to this. */
const SMALLEST = -60;

/**
 * Counts numbers of unknown size in bounded memory: bins are multiples of a power of two, which doubles when a number
 * falls beside them. What is counted does not depend on the order of the numbers.
 */
export class Histogram {
  readonly #counts = new Float64Array(2 * HALF);
  #width = 2 ** SMALLEST;

  /** Numbers that are not finite are passed over. */
  add(value: number): void {
    if (!Number.isFinite(value)) return;
    while (Math.abs(value) >= HALF * this.#width) this.#double();
    this.#counts[Math.floor(value / this.#width) + HALF]++;
  }

  /** At most `most` (at least 2) bins, as narrow as that allows. */
  bins(most: number): HistogramBins {
    let width = this.#width;
    let first = -HALF;
    let counts = Array.from(this.#counts);
    for (;;) {
      const start = counts.findIndex((count) => count > 0);
      if (start < 0) return { width, first: 0, counts: [] };
      const end = counts.findLastIndex((count) => count > 0) + 1;
      if (end - start <= most) return { width, first: first + start, counts: counts.slice(start, end) };
      // Pairs begin at even bins, since the first bin is at an even multiple.
      counts = Array.from({ length: counts.length / 2 }, (_, i) => counts[2 * i] + counts[2 * i + 1]);
      first /= 2;
      width *= 2;
    }
  }

  #double(): void {
    const before = this.#counts.slice();
    this.#counts.fill(0);
    for (let i = 0; i < 2 * HALF; i++) this.#counts[(i >> 1) + HALF / 2] += before[i];
    this.#width *= 2;
  }
}
