import type { KeyValueCache } from "./cache.js";
import { PANEL, type Pointer } from "./kernels.js";
import type { Arena } from "./memory.js";
import type {
  Activation,
  HookReply,
  HookRequest,
  HookTable,
  NormWeights,
  Operations,
  Steps,
  Value,
} from "./operations.js";
import type { Thread } from "./thread.js";
import { padded, type SparseWeights } from "./weights.js";

/** A vector of which every thread has its own copy, and the list of its nonzeros. */
interface Vector extends Value {
  readonly active: Pointer;
  /** Length of the list; -1: not up to date. */
  activeCount: number;
}

export interface DecodeOptions {
  readonly cache: KeyValueCache;
  readonly hooks: HookTable;
  readonly vocabularySize: number;
  /** The widest output of a linear layer, parts padded. */
  readonly widest: number;
}

/**
 * Operations on one token, which extends a cache of keys and values. Every thread holds all vectors and repeats the
 * cheap steps; products and the heads of attention are shared out, and gathered after a barrier.
 */
export class DecodeOperations implements Operations {
  readonly #thread: Thread;
  readonly #arena: Arena;
  readonly #options: DecodeOptions;
  /** Where threads put their shares, in turn: a slow thread may still read the one while a fast one fills the other. */
  readonly #shared: [Pointer, Pointer];
  /** Bytes from the first half of a shared sum to the second. */
  readonly #half: number;
  #turn = 0;
  readonly #scores: Pointer;
  readonly #positionScratch: Pointer;
  readonly #logits: Pointer;
  readonly #values: Vector[] = [];
  #token = 0;
  #position = 0;
  #recorded = new Map<string, Float32Array<ArrayBuffer>>();

  constructor(thread: Thread, arena: Arena, options: DecodeOptions) {
    this.#thread = thread;
    this.#arena = arena;
    this.#options = options;
    const { widest, vocabularySize, cache } = options;
    const width = padded(Math.max(widest, vocabularySize));
    this.#half = width * thread.memory.floatBytes;
    this.#shared = [arena.floats(2 * width), arena.floats(2 * width)];
    this.#logits = arena.floats(width);
    const scores = cache.panels * PANEL + 4 * cache.dHead;
    this.#scores = this.#mine(() => arena.floats(scores));
    this.#positionScratch = this.#mine(() => arena.floats(width));
  }

  /** The token that the next pass adds, and where it stands. */
  setToken(token: number, position: number): void {
    this.#token = token;
    this.#position = position;
    this.#recorded = new Map();
  }

  /** What the last pass recorded: hook point → `[width]`. */
  get recorded(): ReadonlyMap<string, Float32Array<ArrayBuffer>> {
    return this.#recorded;
  }

  /** f32[vocab] of the last pass. */
  get logits(): Pointer {
    return this.#logits;
  }

  value(width: number): Vector {
    const pointer = this.#mine(() => this.#arena.floats(padded(width)));
    const active = this.#mine(() => this.#arena.bytes(2 * (padded(width) + 4)));
    const value = { pointer, width, active, activeCount: -1 };
    this.#values.push(value);
    return value;
  }

  /** Zeroes the padding of all values, which operations leave alone. Once the memory is there. */
  clear(): void {
    for (const { pointer, width } of this.#values) {
      this.#kernels.zero(pointer, padded(width) * this.#floatBytes);
    }
  }

  embed(x: Vector, tokens: SparseWeights, positions: SparseWeights | null): void {
    this.#lookUp(x.pointer, x.width, tokens, this.#token);
    if (positions) this.#addRow(x.pointer, positions, this.#position);
    x.activeCount = -1;
  }

  norm(y: Vector, x: Value, weights: NormWeights): void {
    this.#norm(y.pointer, x.pointer, x.width, weights);
    y.activeCount = -1;
  }

  concatenatePositions(y: Vector, offset: number, positions: SparseWeights, weights: NormWeights): void {
    this.#lookUp(this.#positionScratch, positions.columns, positions, this.#position);
    const target = y.pointer + offset * this.#floatBytes;
    this.#norm(target, this.#positionScratch, positions.columns, weights);
    y.activeCount = -1;
  }

  absTopK(x: Vector, k: number | null): void {
    if (k === null) return;
    x.activeCount = this.#kernels.abs_top_k(x.pointer, x.width, k, x.active);
  }

  linear(
    outputs: readonly Vector[],
    x: Vector,
    weights: SparseWeights,
    activation: Activation = "identity",
  ): void {
    const target = this.#nextShared();
    if (weights.byColumn) this.#scatter(target, x, weights, weights.byColumn);
    else this.#gather(target, x, weights);
    this.#thread.barrier();
    outputs.forEach((y, i) => {
      const sum = target + weights.partOffsets[i] * this.#floatBytes;
      if (weights.byColumn) this.#kernels.sum(y.pointer, sum, sum + this.#half, y.width);
      else this.#kernels.copy(y.pointer, sum, y.width * this.#floatBytes);
      if (activation !== "identity") this.#kernels[activation](y.pointer, y.width);
      y.activeCount = -1;
    });
  }

  attention(layer: number, y: Vector, q: Value, k: Value, v: Value, heads: number, sinks: Pointer): void {
    const { cache } = this.#options;
    const [headStart, headEnd] = this.#thread.share(heads);
    const dHead = q.width / heads;
    const [keys, values] = [cache.keys[layer], cache.values[layer]];
    const mine = [headStart, headEnd, dHead] as const;
    this.#kernels.append_to_cache(keys, cache.panels, k.pointer, ...mine, this.#position);
    this.#kernels.append_to_cache(values, cache.panels, v.pointer, ...mine, this.#position);
    const target = this.#nextShared();
    this.#kernels.attention_decode(
      ...([target, q.pointer, keys, values, cache.panels, sinks, ...mine] as const),
      ...([this.#position + 1, 1 / Math.sqrt(dHead), this.#scores] as const),
    );
    this.#thread.barrier();
    this.#kernels.copy(y.pointer, target, y.width * this.#floatBytes);
    y.activeCount = -1;
  }

  add(y: Vector, x: Value, delta: Value): void {
    this.#kernels.sum(y.pointer, x.pointer, delta.pointer, y.width);
    y.activeCount = -1;
  }

  relu(x: Vector): void {
    this.#kernels.relu(x.pointer, x.width);
    x.activeCount = -1;
  }

  unembed(x: Vector, weights: SparseWeights, bigram: Pointer): void {
    this.#gather(this.#logits, x, weights);
    const [start, end] = this.#rows(weights);
    if (bigram) {
      const row = bigram + this.#token * this.#options.vocabularySize * this.#floatBytes;
      const offset = start * this.#floatBytes;
      this.#kernels.add(this.#logits + offset, row + offset, end - start);
    }
    this.#thread.barrier();
  }

  watches(point: string): boolean {
    return this.#options.hooks.has(point);
  }

  *hook(point: string, value: Vector): Steps {
    const { replacements, record } = this.#options.hooks.get(point)!;
    for (const replacement of replacements) {
      if (replacement.kind === "function") yield* this.#callFunction(point, value, replacement.id);
      else if (replacement.positions === null || replacement.positions.includes(this.#position)) {
        this.#kernels.set_channels(
          value.pointer,
          replacement.channels,
          replacement.values,
          replacement.count,
        );
      }
      value.activeCount = -1;
    }
    if (record && this.#thread.index === 0) {
      this.#recorded.set(point, this.#thread.memory.copyOut(value.pointer, value.width));
    }
  }

  get #kernels() {
    return this.#thread.kernels;
  }

  get #floatBytes(): number {
    return this.#thread.memory.floatBytes;
  }

  /** Room for each thread; this thread's. */
  #mine(make: () => Pointer): Pointer {
    return Array.from({ length: this.#thread.count }, make)[this.#thread.index];
  }

  #nextShared(): Pointer {
    this.#turn ^= 1;
    return this.#shared[this.#turn];
  }

  #rows({ rowStarts }: SparseWeights): [number, number] {
    return [rowStarts[this.#thread.index], rowStarts[this.#thread.index + 1]];
  }

  /** This thread's rows of W x + bias. */
  #gather(target: Pointer, x: Vector, weights: SparseWeights): void {
    const { pointers, indices, values } = weights.byRow;
    const [start, end] = this.#rows(weights);
    this.#begin(target, weights, start, end, true);
    this.#eachPart(weights, start, end, (offset, first, last) => {
      const y = target + offset * this.#floatBytes;
      this.#kernels.csr_accumulate(y, pointers, indices, values, x.pointer, first, last);
    });
  }

  /**
   * W x + bias as the sum of two vectors: what the first half of the active inputs adds to the bias, and what the second
   * half does. An even number of threads shares out the halves; rows are shared out in blocks.
   */
  #scatter(
    target: Pointer,
    x: Vector,
    weights: SparseWeights,
    blocks: NonNullable<SparseWeights["byColumn"]>,
  ): void {
    if (x.activeCount < 0) x.activeCount = this.#kernels.list_nonzeros(x.pointer, x.width, x.active);
    const { index, count } = this.#thread;
    const middle = x.activeCount >> 1;
    const block = count % 2 === 0 ? index >> 1 : index;
    const { offsets, columns } = blocks[block];
    for (const half of count % 2 === 0 ? [index % 2] : [0, 1]) {
      const y = target + half * this.#half;
      this.#begin(y, weights, weights.blockStarts[block], weights.blockStarts[block + 1], half === 0);
      const active = x.active + half * middle * 2;
      const activeCount = half === 0 ? middle : x.activeCount - middle;
      this.#kernels.csc_accumulate(y, offsets, columns, active, activeCount, x.pointer);
    }
  }

  /** Sets rows to the bias, or to zero. */
  #begin(target: Pointer, weights: SparseWeights, start: number, end: number, withBias: boolean): void {
    const bytes = this.#floatBytes;
    this.#eachPart(weights, start, end, (offset, first, last) => {
      const y = target + (offset + first) * bytes;
      if (withBias && weights.bias)
        this.#kernels.copy(y, weights.bias + first * bytes, (last - first) * bytes);
      else this.#kernels.zero(y, (last - first) * bytes);
    });
  }

  /** The parts among rows start ≤ row < end: how far the part's rows are moved, and which they are. */
  #eachPart(
    { parts, partOffsets }: SparseWeights,
    start: number,
    end: number,
    visit: (offset: number, first: number, last: number) => void,
  ): void {
    let row = 0;
    for (let i = 0; i < parts.length; i++) {
      const first = Math.max(start, row);
      const last = Math.min(end, row + parts[i]);
      if (first < last) visit(partOffsets[i] - row, first, last);
      row += parts[i];
    }
  }

  #lookUp(target: Pointer, width: number, table: SparseWeights, row: number): void {
    this.#kernels.zero(target, width * this.#floatBytes);
    this.#addRow(target, table, row);
  }

  #addRow(target: Pointer, { byRow }: SparseWeights, row: number): void {
    this.#kernels.csr_add_row(target, 1, byRow.pointers, byRow.indices, byRow.values, row);
  }

  #norm(y: Pointer, x: Pointer, width: number, { kind, weight, bias, eps }: NormWeights): void {
    if (kind === "rms") this.#kernels.rms_norm(y, x, weight, width, eps);
    else this.#kernels.layer_norm(y, x, weight, bias, width, eps);
  }

  *#callFunction(point: string, value: Vector, id: number): Generator<HookRequest, void, HookReply> {
    const { memory } = this.#thread;
    const target = this.#nextShared();
    if (this.#thread.index === 0) {
      const data = memory.copyOut(value.pointer, value.width);
      const values = [{ sequence: 0, position: this.#position, data, width: value.width }];
      const [replaced] = yield { type: "hook", id, point, values };
      memory.floats(target, value.width).set(replaced);
    }
    this.#thread.barrier();
    this.#kernels.copy(value.pointer, target, value.width * this.#floatBytes);
  }
}
