import type { BatchOptions, BatchSequence } from "./batch.js";
import { InputGradientOperations } from "./input-gradient.js";
import { PANEL, type Pointer } from "./kernels.js";
import type { Arena } from "./memory.js";
import type { BackwardOperations, Steps, Value } from "./operations.js";
import type { Thread } from "./thread.js";
import type { CompressedRows, SparseWeights } from "./weights.js";

export interface MaskedSequence extends Pick<BatchSequence, "index" | "tokens"> {
  /** The right and the wrong next token. */
  readonly candidates: readonly [number, number];
}

/** Addresses of what masks one value. */
export interface ValueMask {
  readonly width: number;
  /** f32[width]: how much of each channel stays. */
  readonly masks: Pointer;
  /** f32[width]: what takes the place of the rest. */
  readonly constants: Pointer;
  /** f32[width]: gradients by the masks are added to it. */
  readonly gradients: Pointer;
}

/** Weights of one matrix for whose ablation the gradient is asked. */
export interface AblatedWeights {
  /** Of each weight: output and input. */
  readonly rows: ArrayLike<number>;
  readonly columns: ArrayLike<number>;
  /** What the input would be for this output alone. */
  readonly constants: ArrayLike<number>;
  /** f32[weights]: Σ over tokens of the gradient by the output · (input − constant) is added to it. */
  readonly sums: Pointer;
}

/** Up to so many channels that stay are ranked one by one; beyond, a threshold for all of them takes less time. */
const RANKED_CHANNELS = 10;

export interface MaskedOptions extends Pick<BatchOptions, "widest"> {
  readonly sequences: readonly MaskedSequence[];
  /** By hook point. */
  readonly masks: ReadonlyMap<string, ValueMask>;
  readonly headWidth: number;
  /** For a backward pass: each matrix transposed, and by what each sequence's loss is multiplied. */
  readonly backward: {
    readonly transposed: ReadonlyMap<SparseWeights, CompressedRows>;
    readonly scale: number;
    readonly ablated?: ReadonlyMap<SparseWeights, AblatedWeights>;
  } | null;
}

/**
 * A forward pass in which channels are mixed with constants, up to the logits of two candidates behind each sequence;
 * and backward from the cross-entropy over the two to the masks alone. Weights are those of inference, so that the cost
 * of every product follows their nonzeros.
 *
 * Threads own panels, and channels in the gradients of masks: every sum has one owner and one order.
 */
export class MaskedOperations extends InputGradientOperations implements BackwardOperations {
  readonly #options: MaskedOptions;
  /** f32[sequences][2] */
  readonly #candidateLogits: Pointer;
  /** Values before they were masked, by hook point and by address. */
  readonly #originals = new Map<string | Pointer, Value>();

  constructor(thread: Thread, arena: Arena, options: MaskedOptions) {
    super(thread, arena, { ...options, hooks: new Map(), logits: "none", vocabularySize: 0 });
    this.#options = options;
    this.#candidateLogits = arena.floats(2 * options.sequences.length);
    if (!options.backward) return;
    for (const [point, { width }] of options.masks) this.#originals.set(point, this.value(width));
  }

  /** `[sequences, 2]`, copied out: after a barrier. */
  candidateLogits(): Float32Array<ArrayBuffer> {
    return this.thread.memory.copyOut(this.#candidateLogits, 2 * this.sequences.length);
  }

  /** A value before it was masked, where there is a backward pass. */
  protected original(point: string): Value {
    return this.#originals.get(point)!;
  }

  override watches(point: string): boolean {
    return this.#options.masks.has(point);
  }

  override *hook(point: string, value: Value): Steps {
    const { masks, constants } = this.#options.masks.get(point)!;
    const original = this.#originals.get(point);
    if (original) this.#originals.set(value.pointer, original);
    this.eachPanel((panel) => {
      const kept = original ? this.panelOf(original, panel) : 0;
      this.kernels.mask_panel(this.panelOf(value, panel), kept, masks, constants, value.width);
    });
  }

  /** Without a backward pass nobody asks for the channels that are masked. */
  override absTopK(x: Value, k: number | null, point?: string): void {
    const mask = point !== undefined && !this.#options.backward ? this.#options.masks.get(point) : undefined;
    if (k === null || !mask || this.#staying(mask) > RANKED_CHANNELS) {
      super.absTopK(x, k);
      return;
    }
    this.eachPanel((panel) => {
      this.kernels.abs_top_k_some_panel(this.panelOf(x, panel), x.width, k, mask.masks);
    });
  }

  /** Channels that are not wholly masked. */
  #staying({ masks, width }: ValueMask): number {
    let count = 0;
    for (const mask of this.thread.memory.floats(masks, width)) if (mask !== 0) count++;
    return count;
  }

  override unembed(x: Value, weights: SparseWeights, bigram: Pointer): void {
    const { memory } = this.thread;
    const logits = this.#logits();
    const bias = weights.bias ? memory.floats(weights.bias, weights.rows) : null;
    this.#eachMine((sequence, last) => {
      const { tokens, candidates } = this.#options.sequences[sequence];
      const [inputs, indexOf] = this.#token(x, last);
      for (const side of [0, 1]) {
        const token = candidates[side];
        let logit = bias ? bias[token] : 0;
        this.#eachWeight(weights, token, (column, weight) => {
          logit += weight * inputs[indexOf(column)];
        });
        if (bigram) {
          const row = bigram + tokens[tokens.length - 1] * weights.rows * memory.floatBytes;
          logit += memory.floats(row, weights.rows)[token];
        }
        logits[2 * sequence + side] = logit;
      }
    });
  }

  unembedBackward(dx: Value, _x: Value, weights: SparseWeights): void {
    const logits = this.#logits();
    this.zero(dx);
    this.#eachMine((sequence, last) => {
      const { candidates } = this.#options.sequences[sequence];
      // Of log(1 + e^-margin).
      const margin = logits[2 * sequence] - logits[2 * sequence + 1];
      const gradient = this.#options.backward!.scale / (1 + Math.exp(margin));
      const [gradients, indexOf] = this.#token(dx, last);
      for (const side of [0, 1]) {
        this.#eachWeight(weights, candidates[side], (column, weight) => {
          gradients[indexOf(column)] += (side === 0 ? -gradient : gradient) * weight;
        });
      }
    });
  }

  hookBackward(point: string, dx: Value): void {
    const { masks, constants, gradients, width } = this.#options.masks.get(point)!;
    const original = this.#originals.get(point)!;
    this.thread.barrier();
    const [first, last] = this.thread.share(width);
    for (let panel = 0; panel < this.panels; panel++) {
      this.kernels.mask_backward_panel(
        ...([gradients, this.panelOf(dx, panel), this.panelOf(original, panel)] as const),
        ...([masks, constants, first, last] as const),
      );
    }
    this.thread.barrier();
  }

  linearBackward(dx: Value, douts: readonly Value[], x: Value, weights: SparseWeights): void {
    const ablated = this.#options.backward!.ablated?.get(weights);
    if (ablated) this.#ablateWeights(ablated, douts, x);
    const transposed = this.#options.backward!.transposed.get(weights)!;
    this.eachPanel((panel) => {
      const parts = douts.map((dy) => ({ pointer: this.panelOf(dy, panel), width: dy.width }));
      this.multiplyTransposed(this.panelOf(dx, panel), parts, transposed, weights.columns);
    });
  }

  /** Threads own weights: every sum has one order. */
  #ablateWeights({ rows, columns, constants, sums }: AblatedWeights, douts: readonly Value[], x: Value) {
    const { thread } = this;
    thread.barrier();
    const total = thread.memory.floats(sums, rows.length);
    const [first, last] = thread.share(rows.length);
    for (let panel = 0; panel < this.panels; panel++) {
      const inputs = this.floatsOf(x, panel);
      const outputs = douts.map((dy) => this.floatsOf(dy, panel));
      for (let i = first; i < last; i++) {
        let [part, row] = [0, rows[i]];
        for (; row >= douts[part].width; part++) row -= douts[part].width;
        const [gradients, from, input] = [outputs[part], row * PANEL, columns[i] * PANEL];
        let sum = 0;
        for (let lane = 0; lane < PANEL; lane++)
          sum += gradients[from + lane] * (inputs[input + lane] - constants[i]);
        total[i] += sum;
      }
    }
    thread.barrier();
  }

  // What AbsTopK and relu kept is to be seen before the mask.

  override absTopKBackward(dx: Value, y: Value, k: number | null): void {
    super.absTopKBackward(dx, this.#originals.get(y.pointer) ?? y, k);
  }

  override reluBackward(dx: Value, y: Value): void {
    super.reluBackward(dx, this.#originals.get(y.pointer) ?? y);
  }

  // No weight has a gradient.

  concatenatePositionsBackward(): void {}

  embedBackward(): void {}

  /** The sequences whose last token is in a panel of this thread: number, and index of that token. */
  #eachMine(visit: (sequence: number, last: number) => void): void {
    const mine = new Set<number>();
    this.eachPanel((panel) => mine.add(panel));
    this.sequences.forEach(({ start, tokens }, i) => {
      const last = start + tokens.length - 1;
      if (mine.has(Math.floor(last / PANEL))) visit(i, last);
    });
  }

  #eachWeight({ byRow }: SparseWeights, row: number, visit: (column: number, value: number) => void): void {
    const { memory } = this.thread;
    const [first, end] = [0, 1].map((next) => memory.words[(byRow.pointers >> 2) + row + next]);
    const indices = new Uint16Array(memory.bytes.buffer, byRow.indices, end);
    const values = memory.floats(byRow.values, end);
    for (let i = first; i < end; i++) visit(indices[i], values[i]);
  }

  #logits() {
    return this.thread.memory.floats(this.#candidateLogits, 2 * this.sequences.length);
  }

  /** A value's floats, and the index of a channel of one token among them. */
  #token(value: Value, token: number) {
    const lane = token % PANEL;
    const floats = this.floatsOf(value, (token - lane) / PANEL);
    return [floats, (channel: number) => channel * PANEL + lane] as const;
  }
}
