import { BatchOperations, type BatchOptions } from "./batch.js";
import { PANEL, type Pointer } from "./kernels.js";
import type { Arena } from "./memory.js";
import type { Steps, Value } from "./operations.js";
import type { Thread } from "./thread.js";

export interface SumOptions extends Omit<BatchOptions, "hooks" | "logits" | "cache"> {
  /** Widths of the values to be summed up, by hook point. */
  readonly widths: ReadonlyMap<string, number>;
}

/** A forward pass that adds up values over all tokens. Threads own channels of the sums. */
export class SumOperations extends BatchOperations {
  /** f32[width] by hook point. */
  readonly #sums: ReadonlyMap<string, Pointer>;
  readonly #widths: ReadonlyMap<string, number>;
  /** Whether each lane holds a token. */
  readonly #holdsToken: Uint8Array;

  constructor(thread: Thread, arena: Arena, options: SumOptions) {
    super(thread, arena, { ...options, hooks: new Map(), logits: "none" });
    this.#widths = options.widths;
    this.#sums = new Map([...options.widths].map(([point, width]) => [point, arena.floats(width)]));
    this.#holdsToken = new Uint8Array(this.panels * PANEL);
    for (const { start, tokens } of this.sequences) this.#holdsToken.fill(1, start, start + tokens.length);
  }

  /** Once the memory is there: call on every thread. */
  begin(): void {
    if (this.thread.index === 0) {
      for (const [point, pointer] of this.#sums) {
        this.thread.memory.floats(pointer, this.#widths.get(point)!).fill(0);
      }
    }
    this.thread.barrier();
  }

  /** Adds the sums of this pass to `totals`: after a barrier. */
  addTo(totals: ReadonlyMap<string, Float64Array>): void {
    for (const [point, pointer] of this.#sums) {
      const total = totals.get(point)!;
      const sums = this.thread.memory.floats(pointer, total.length);
      for (let channel = 0; channel < total.length; channel++) total[channel] += sums[channel];
    }
  }

  override watches(point: string): boolean {
    return this.#sums.has(point);
  }

  // biome-ignore lint/correctness/useYield: sums ask nobody
  override *hook(point: string, value: Value): Steps {
    const sums = this.#sums.get(point)!;
    this.thread.barrier();
    const [first, last] = this.thread.share(value.width);
    for (let panel = 0; panel < this.panels; panel++) {
      const isFull = !this.#holdsToken.subarray(panel * PANEL, (panel + 1) * PANEL).includes(0);
      if (isFull) this.kernels.sum_rows_panel(sums, this.panelOf(value, panel), first, last);
      else this.#addTokens(sums, value, panel, first, last);
    }
    this.thread.barrier();
  }

  #addTokens(sums: Pointer, value: Value, panel: number, first: number, last: number): void {
    const { memory } = this.thread;
    const target = memory.floats(sums, value.width);
    const floats = this.floatsOf(value, panel);
    for (let channel = first; channel < last; channel++) {
      for (let lane = 0; lane < PANEL; lane++) {
        if (this.#holdsToken[panel * PANEL + lane]) target[channel] += floats[channel * PANEL + lane];
      }
    }
  }
}
