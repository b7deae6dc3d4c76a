/** One merge rule: the pair `left`, `right` of token ids becomes `merged`. */
export interface Merge {
  readonly left: number;
  readonly right: number;
  readonly merged: number;
}

const EMPTY = -1;

/**
 * Byte-pair merging: of all adjacent pairs that have a rule, the one whose rule comes first in the list (and leftmost
 * among equals) is merged, until none is left. O(n log n) in the number of bytes.
 */
export class BytePairMerges {
  /** Open addressing: `[left, right, rank, merged]` per slot. */
  private readonly table: Int32Array;
  private readonly mask: number;

  // Scratch of the merge loop: a doubly linked list over the symbols, and a binary heap of candidate pairs.
  private symbols = new Int32Array(64);
  private previous = new Int32Array(64);
  private next = new Int32Array(64);
  private heap = new Float64Array(192);
  private heapSize = 0;

  /** @param merges Rules in order of rank. Of two rules for the same pair the later one counts. */
  constructor(merges: readonly Merge[]) {
    let capacity = 16;
    while (capacity < 2 * merges.length) capacity *= 2;
    this.mask = capacity - 1;
    this.table = new Int32Array(4 * capacity).fill(EMPTY);
    merges.forEach(({ left, right, merged }, rank) => {
      this.table.set([left, right, rank, merged], this.slot(left, right));
    });
  }

  /** Merges `symbols[0 … length - 1]` (token ids of single bytes) and appends the resulting ids to `output`. */
  merge(symbols: ArrayLike<number>, length: number, output: number[]): void {
    this.reserve(length);
    const { symbols: current, previous, next, table } = this;
    for (let index = 0; index < length; index++) {
      current[index] = symbols[index];
      previous[index] = index - 1;
      next[index] = index + 1 < length ? index + 1 : -1;
    }
    this.heapSize = 0;
    for (let index = 0; index + 1 < length; index++) this.consider(index, length);
    while (this.heapSize > 0) {
      const candidate = this.pop();
      const rank = Math.floor(candidate / length);
      const left = candidate - rank * length;
      if (current[left] < 0 || next[left] < 0) continue;
      const right = next[left];
      const slot = this.slot(current[left], current[right]);
      // An entry is outdated when one of its two symbols has been merged meanwhile.
      if (table[slot] === EMPTY || table[slot + 2] !== rank) continue;
      current[left] = table[slot + 3];
      current[right] = EMPTY;
      next[left] = next[right];
      if (next[left] >= 0) {
        previous[next[left]] = left;
        this.consider(left, length);
      }
      if (previous[left] >= 0) this.consider(previous[left], length);
    }
    for (let index = length > 0 ? 0 : -1; index >= 0; index = next[index]) output.push(current[index]);
  }

  /** Queues the pair that starts at `left`, if there is a rule for it. */
  private consider(left: number, length: number): void {
    const slot = this.slot(this.symbols[left], this.symbols[this.next[left]]);
    // Rank first, then position, in one number: exact, since ranks and lengths stay far below 2^26.
    if (this.table[slot] !== EMPTY) this.push(this.table[slot + 2] * length + left);
  }

  /** Where the table holds the pair, or the empty slot where it would be. */
  private slot(left: number, right: number): number {
    const { table, mask } = this;
    let hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    hash ^= hash >>> 15;
    for (let index = hash & mask; ; index = (index + 1) & mask) {
      const slot = 4 * index;
      if (table[slot] === EMPTY || (table[slot] === left && table[slot + 1] === right)) return slot;
    }
  }

  private reserve(length: number): void {
    if (this.symbols.length >= length) return;
    const capacity = 2 * length;
    this.symbols = new Int32Array(capacity);
    this.previous = new Int32Array(capacity);
    this.next = new Int32Array(capacity);
    // At most one candidate per initial pair and two per merge.
    this.heap = new Float64Array(3 * capacity);
  }

  private push(value: number): void {
    const { heap } = this;
    let index = this.heapSize++;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (heap[parent] <= value) break;
      heap[index] = heap[parent];
      index = parent;
    }
    heap[index] = value;
  }

  private pop(): number {
    const { heap } = this;
    const top = heap[0];
    const size = --this.heapSize;
    const value = heap[size];
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= size) break;
      if (child + 1 < size && heap[child + 1] < heap[child]) child++;
      if (heap[child] >= value) break;
      heap[index] = heap[child];
      index = child;
    }
    heap[index] = value;
    return top;
  }
}
