/**
 * A binary heap of pairs of tokens: the most frequent comes first, of equally frequent ones the one with the lowest key.
 */
export class PairQueue {
  private readonly counts: number[] = [];
  private readonly keys: number[] = [];

  get length(): number {
    return this.keys.length;
  }

  push(key: number, count: number): void {
    let index = this.keys.length;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.precedes(count, key, parent)) break;
      this.counts[index] = this.counts[parent];
      this.keys[index] = this.keys[parent];
      index = parent;
    }
    this.counts[index] = count;
    this.keys[index] = key;
  }

  /** Takes out the first; the queue must not be empty. */
  pop(): { key: number; count: number } {
    const first = { key: this.keys[0], count: this.counts[0] };
    const key = this.keys.pop()!;
    const count = this.counts.pop()!;
    const size = this.keys.length;
    if (size === 0) return first;
    let index = 0;
    for (let child = 1; child < size; child = 2 * index + 1) {
      if (child + 1 < size && this.precedes(this.counts[child + 1], this.keys[child + 1], child)) child++;
      if (this.precedes(count, key, child)) break;
      this.counts[index] = this.counts[child];
      this.keys[index] = this.keys[child];
      index = child;
    }
    this.counts[index] = count;
    this.keys[index] = key;
    return first;
  }

  private precedes(count: number, key: number, other: number): boolean {
    return count > this.counts[other] || (count === this.counts[other] && key < this.keys[other]);
  }
}
