import { PANEL, type Pointer } from "./kernels.js";
import type { Arena } from "./memory.js";
import type { Value } from "./operations.js";
import type { Thread } from "./thread.js";
import type { TrainedMatrix } from "./trained-weights.js";

/** Nonzeros that go through the panels together, so that they share what a panel brings into the cache. */
const TOGETHER = 1 << 13;
/** Parts of a sum over tokens. */
const PARTS = 4;

/** Rows of a weight gradient: `count` from `row` of the output dy on, whose first row is W's row `start`. */
export interface RowGroup {
  readonly dy: Value;
  readonly row: number;
  readonly count: number;
  readonly start: number;
}

/** A group and its nonzeros: the first one's number, how many, and where the parts of their sums lie. */
interface Entries extends RowGroup {
  readonly first: number;
  readonly entries: number;
  readonly parts: Pointer;
}

/** One thread's gradients of nonzeros alone. The order of every sum is that of the tokens, however the rows are cut. */
export class NonzeroGradients {
  readonly #thread: Thread;
  readonly #panels: number;
  readonly #parts: Pointer;

  /** @param most nonzeros of a group */
  constructor(thread: Thread, arena: Arena, panels: number, most: number) {
    this.#thread = thread;
    this.#panels = panels;
    this.#parts = arena.floats(PARTS * Math.max(TOGETHER, most));
  }

  /** Writes the gradients of the groups' nonzeros. */
  compute(groups: readonly RowGroup[], x: Value, matrix: TrainedMatrix): void {
    const { kernels, memory } = this.#thread;
    const { pointers, indices } = matrix.byRow;
    const { floatBytes } = memory;
    const partBytes = PARTS * floatBytes;
    const rowBytes = PANEL * floatBytes;
    for (let next = 0; next < groups.length; ) {
      const batch = this.#take(groups.slice(next), matrix);
      next += batch.length;
      const total = batch.reduce((sum, { entries }) => sum + entries, 0);
      kernels.zero(this.#parts, total * partBytes);
      for (let panel = 0; panel < this.#panels; panel++) {
        const input = x.pointer + panel * x.width * rowBytes;
        for (const { dy, row, count, start, first, parts } of batch) {
          const output = dy.pointer + (panel * dy.width - start) * rowBytes;
          kernels.csr_gradient_panel(
            ...([parts - first * partBytes, pointers, indices] as const),
            ...([output, input, start + row, start + row + count] as const),
          );
        }
      }
      for (const { first, entries, parts } of batch)
        kernels.sum_parts(matrix.nonzeroGradient + first * floatBytes, parts, entries);
    }
  }

  /** The first groups, as many as go together. */
  #take(groups: readonly RowGroup[], { byRow }: TrainedMatrix): Entries[] {
    const { words, floatBytes } = this.#thread.memory;
    const entryOf = (row: number) => words[(byRow.pointers >> 2) + row];
    const batch: Entries[] = [];
    let total = 0;
    for (const group of groups) {
      const first = entryOf(group.start + group.row);
      const entries = entryOf(group.start + group.row + group.count) - first;
      if (batch.length > 0 && total + entries > TOGETHER) break;
      batch.push({ ...group, first, entries, parts: this.#parts + total * PARTS * floatBytes });
      total += entries;
    }
    return batch;
  }
}
