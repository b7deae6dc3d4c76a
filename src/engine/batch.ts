import { cacheOffset, type KeyValueCache } from "./cache.js";
import { type Kernels, PANEL, type Pointer } from "./kernels.js";
import type { Arena } from "./memory.js";
import type {
  Activation,
  ChannelReplacement,
  FunctionReplacement,
  HookTable,
  HookValue,
  NormWeights,
  Operations,
  Steps,
  Value,
} from "./operations.js";
import type { Thread } from "./thread.js";
import type { SparseWeights } from "./weights.js";

/** Sequences begin at multiples of this many tokens, as the attention kernel asks. */
const ALIGNMENT = 8;

export interface BatchSequence {
  /** Index in the caller's batch. */
  readonly index: number;
  readonly tokens: readonly number[];
  /** Next tokens, -1 where none counts. */
  readonly targets?: readonly number[];
  /** Where the first token stands for hooks: behind 0 when a longer sequence was cropped. */
  readonly offset?: number;
  /** Its first token has the first lane of a panel. */
  readonly startsPanel?: boolean;
  /** Only others refer to it: no hook sees it, and nothing of it is returned. */
  readonly isSilent?: boolean;
}

export interface BatchOptions {
  readonly sequences: readonly BatchSequence[];
  readonly hooks: HookTable;
  /** Which logits are kept. */
  readonly logits: "all" | "last" | "none";
  readonly vocabularySize: number;
  /** The widest value that will be made. */
  readonly widest: number;
  /** Keys and values of the one sequence of the batch are kept here. */
  readonly cache?: KeyValueCache;
}

interface Placed extends BatchSequence {
  /** Its first token's index among all tokens. */
  readonly start: number;
}

/** What a batch left behind, copied out of the engine. One entry per sequence. */
export interface BatchResult {
  /** `[tokens, vocab]`, or `[1, vocab]` for the last. */
  readonly logits: Float32Array<ArrayBuffer>[];
  /** `[tokens]`: −log p(target), 0 where the target is -1. */
  readonly losses: Float32Array<ArrayBuffer>[];
  /** Hook point → `[tokens, width]` of each sequence. */
  readonly activations: Map<string, Float32Array<ArrayBuffer>[]>;
}

/** What selects the row of a table for each lane. */
export type Rows = "tokens" | "positions";

/** Number of tokens that a sequence occupies, the gap behind it included. */
export function occupiedTokens(length: number): number {
  return align(length, ALIGNMENT);
}

function align(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/**
 * Operations on many tokens at once. A value is `[panel][channel][32 tokens]`, so that one nonzero weight is one vector
 * operation on 32 tokens. Each thread owns a range of panels; attention, which crosses panels, is shared by heads.
 */
export class BatchOperations implements Operations {
  protected readonly thread: Thread;
  readonly #arena: Arena;
  protected readonly options: BatchOptions;
  protected readonly sequences: Placed[] = [];
  protected readonly panels: number;
  /** This thread's panels. */
  readonly #first: number;
  readonly #last: number;
  /** Token of each lane; 0 in the gaps. */
  protected readonly tokens: Int32Array;
  protected readonly positions: Int32Array;
  /** The same as hooks see them; -1 in the gaps. */
  readonly #hookPositions: Int32Array;
  protected readonly targets: Int32Array;
  /** Row of each lane's logits in the result, or -1. */
  readonly #logitRows: Int32Array;
  readonly #recorded = new Map<string, { pointer: Pointer; width: number }>();
  // Scratch of this thread: one panel, the same as rows, attention scores.
  protected readonly panelScratch: Pointer;
  protected readonly rowScratch: Pointer;
  protected readonly scores: Pointer;
  readonly #logits: Pointer;
  readonly #losses: Pointer;

  constructor(thread: Thread, arena: Arena, options: BatchOptions) {
    this.thread = thread;
    this.#arena = arena;
    this.options = options;
    let end = 0;
    for (const sequence of options.sequences) {
      if (sequence.startsPanel) end = align(end, PANEL);
      this.sequences.push({ ...sequence, start: end });
      end += occupiedTokens(sequence.tokens.length);
    }
    this.panels = Math.ceil(end / PANEL);
    [this.#first, this.#last] = thread.share(this.panels);

    const lanes = this.panels * PANEL;
    this.tokens = new Int32Array(lanes);
    this.positions = new Int32Array(lanes);
    this.#hookPositions = new Int32Array(lanes).fill(-1);
    this.targets = new Int32Array(lanes).fill(-1);
    this.#logitRows = new Int32Array(lanes).fill(-1);
    let rows = 0;
    for (const { start, tokens, targets, offset = 0, isSilent } of this.sequences) {
      this.tokens.set(tokens, start);
      for (let t = 0; t < tokens.length; t++) this.positions[start + t] = t;
      if (isSilent) continue;
      if (targets) this.targets.set(targets, start);
      for (let t = 0; t < tokens.length; t++) {
        this.#hookPositions[start + t] = offset + t;
        const kept = options.logits === "all" || (options.logits === "last" && t === tokens.length - 1);
        if (kept) this.#logitRows[start + t] = rows++;
      }
    }

    const { vocabularySize, widest } = options;
    const scratch = PANEL * Math.max(vocabularySize, widest);
    const longest = Math.max(...options.sequences.map(({ tokens }) => tokens.length));
    const mine = <T>(make: () => T): T => Array.from({ length: thread.count }, make)[thread.index];
    this.panelScratch = mine(() => arena.floats(scratch));
    this.rowScratch = mine(() => arena.floats(scratch));
    this.scores = mine(() => arena.floats(align(longest, ALIGNMENT) * ALIGNMENT));
    this.#logits = arena.floats(rows * vocabularySize);
    this.#losses = arena.floats(lanes);
  }

  value(width: number): Value {
    return { pointer: this.#arena.floats(this.panels * width * PANEL), width };
  }

  embed(x: Value, tokens: SparseWeights, positions: SparseWeights | null): void {
    this.eachPanel((panel) => {
      this.lookUp(this.panelOf(x, panel), x.width, panel, tokens, "tokens");
      if (positions) this.addRows(this.panelOf(x, panel), panel, positions, "positions");
    });
  }

  norm(y: Value, x: Value, weights: NormWeights): void {
    this.eachPanel((panel) => {
      this.normPanel(this.panelOf(y, panel), this.panelOf(x, panel), x.width, weights);
    });
  }

  concatenatePositions(y: Value, offset: number, positions: SparseWeights, weights: NormWeights): void {
    this.eachPanel((panel) => {
      this.lookUp(this.panelScratch, positions.columns, panel, positions, "positions");
      const target = this.panelOf(y, panel) + offset * this.rowBytes;
      this.normPanel(target, this.panelScratch, positions.columns, weights);
    });
  }

  absTopK(x: Value, k: number | null): void {
    if (k === null) return;
    this.eachPanel((panel) => this.kernels.abs_top_k_panel(this.panelOf(x, panel), x.width, k));
  }

  linear(
    outputs: readonly Value[],
    x: Value,
    weights: SparseWeights,
    activation: Activation = "identity",
    derivative?: Value,
  ): void {
    this.eachPanel((panel) => {
      this.multiply(
        outputs.map((y) => ({ pointer: this.panelOf(y, panel), width: y.width })),
        this.panelOf(x, panel),
        weights,
      );
      for (const y of outputs) {
        const target = this.panelOf(y, panel);
        if (activation === "gelu" && derivative)
          this.kernels.gelu_with_derivative(target, this.panelOf(derivative, panel), y.width * PANEL);
        else if (activation !== "identity") this.kernels[activation](target, y.width * PANEL);
      }
    });
  }

  attention(layer: number, y: Value, q: Value, k: Value, v: Value, heads: number, sinks: Pointer): void {
    // Lanes behind a sequence are written by nobody: what an earlier call left there must not reach a cache.
    this.eachPanel((panel) => this.kernels.zero(this.panelOf(y, panel), y.width * this.rowBytes));
    const { cache } = this.options;
    if (cache) {
      this.eachPanel((panel) => {
        const bytes = cache.dHead * this.rowBytes;
        for (let head = 0; head < heads; head++) {
          const offset = cacheOffset(cache, head, panel) * this.thread.memory.floatBytes;
          this.kernels.copy(cache.keys[layer] + offset, this.panelOf(k, panel) + head * bytes, bytes);
          this.kernels.copy(cache.values[layer] + offset, this.panelOf(v, panel) + head * bytes, bytes);
        }
      });
    }
    this.thread.barrier();
    const [headStart, headEnd] = this.thread.share(heads);
    const dHead = q.width / heads;
    for (const { start, tokens } of this.sequences) {
      this.kernels.attention_panel(
        ...([y.pointer, y.width, q.pointer, q.width, start, k.pointer, v.pointer, k.width, start] as const),
        ...([sinks, headStart, headEnd, dHead, tokens.length, 1 / Math.sqrt(dHead), this.scores] as const),
      );
    }
    this.thread.barrier();
  }

  add(y: Value, x: Value, delta: Value): void {
    this.eachPanel((panel) => {
      const [target, a, b] = [y, x, delta].map((value) => this.panelOf(value, panel));
      this.kernels.sum(target, a, b, y.width * PANEL);
    });
  }

  relu(x: Value): void {
    this.eachPanel((panel) => this.kernels.relu(this.panelOf(x, panel), x.width * PANEL));
  }

  unembed(x: Value, weights: SparseWeights, bigram: Pointer): void {
    const { vocabularySize } = this.options;
    const rowBytes = vocabularySize * this.thread.memory.floatBytes;
    this.eachPanel((panel) => {
      const first = panel * PANEL;
      const lanes = Array.from({ length: PANEL }, (_, lane) => lane).filter(
        (lane) => this.#logitRows[first + lane] >= 0 || this.targets[first + lane] >= 0,
      );
      if (lanes.length === 0) return;
      const logits = { pointer: this.panelScratch, width: vocabularySize };
      this.multiply([logits], this.panelOf(x, panel), weights);
      this.kernels.panel_to_rows(
        this.rowScratch,
        vocabularySize,
        this.panelScratch,
        vocabularySize,
        0,
        PANEL,
      );
      for (const lane of lanes) {
        const row = this.rowScratch + lane * rowBytes;
        if (bigram) {
          this.kernels.add(row, bigram + this.tokens[first + lane] * rowBytes, vocabularySize);
        }
        const kept = this.#logitRows[first + lane];
        if (kept >= 0) this.kernels.copy(this.#logits + kept * rowBytes, row, rowBytes);
        const target = this.targets[first + lane];
        if (target >= 0) {
          const logits = this.thread.memory.floats(row, vocabularySize);
          const loss = this.kernels.log_sum_exp(row, vocabularySize) - logits[target];
          this.thread.memory.floats(this.#losses, first + lane + 1)[first + lane] = loss;
        }
      }
    });
  }

  watches(point: string): boolean {
    return this.options.hooks.has(point);
  }

  *hook(point: string, value: Value): Steps {
    const { replacements, record } = this.options.hooks.get(point)!;
    for (const replacement of replacements) {
      if (replacement.kind === "channels") this.#replaceChannels(value, replacement);
      else yield* this.#callFunction(point, value, replacement);
    }
    if (record) this.#record(point, value);
  }

  /** Makes room for what the hook table wants recorded. Before the first operation. */
  reserveRecords(widths: ReadonlyMap<string, number>): void {
    for (const [point, { record }] of this.options.hooks) {
      if (!record) continue;
      const width = widths.get(point)!;
      this.#recorded.set(point, { pointer: this.#arena.floats(this.panels * PANEL * width), width });
    }
  }

  /** Copies the results out; on thread 0, when all threads are done. */
  result(): BatchResult {
    const { memory } = this.thread;
    const { vocabularySize } = this.options;
    const bytes = memory.floatBytes;
    let row = 0;
    const sequences = this.#heard;
    const logits = sequences.map(({ tokens }) => {
      const rows = { all: tokens.length, last: 1, none: 0 }[this.options.logits];
      row += rows;
      return memory.copyOut(this.#logits + (row - rows) * vocabularySize * bytes, rows * vocabularySize);
    });
    const losses = sequences.map(({ start, tokens, targets }) => {
      const values = memory.copyOut(this.#losses + start * bytes, tokens.length);
      return values.map((loss, t) => (targets && targets[t] >= 0 ? loss : 0));
    });
    const activations = new Map<string, Float32Array<ArrayBuffer>[]>();
    for (const [point, { pointer, width }] of this.#recorded) {
      activations.set(
        point,
        sequences.map(({ start, tokens }) =>
          memory.copyOut(pointer + start * width * bytes, tokens.length * width),
        ),
      );
    }
    return { logits, losses, activations };
  }

  get #heard(): Placed[] {
    return this.sequences.filter(({ isSilent }) => !isSilent);
  }

  protected get kernels(): Kernels {
    return this.thread.kernels;
  }

  /** Bytes of one channel of a panel. */
  protected get rowBytes(): number {
    return PANEL * this.thread.memory.floatBytes;
  }

  protected panelOf(value: Value, panel: number): Pointer {
    return value.pointer + panel * value.width * this.rowBytes;
  }

  /** The floats of one panel. */
  protected floatsOf(value: Value, panel: number): Float32Array | Float64Array {
    return this.thread.memory.floats(this.panelOf(value, panel), value.width * PANEL);
  }

  protected eachPanel(work: (panel: number) => void): void {
    for (let panel = this.#first; panel < this.#last; panel++) work(panel);
  }

  /** The panels in which hooks replace values. */
  protected eachHookedPanel(work: (panel: number) => void): void {
    this.eachPanel(work);
  }

  protected lookUp(target: Pointer, width: number, panel: number, table: SparseWeights, rows: Rows): void {
    this.kernels.zero(target, width * this.rowBytes);
    this.addRows(target, panel, table, rows);
  }

  /** Adds to each lane of a panel the row of a table that its token or position stands for. */
  protected addRows(target: Pointer, panel: number, { byRow }: SparseWeights, rows: Rows): void {
    const { floatBytes } = this.thread.memory;
    for (let lane = 0; lane < PANEL; lane++) {
      const row = this[rows][panel * PANEL + lane];
      const y = target + lane * floatBytes;
      this.kernels.csr_add_row(y, PANEL, byRow.pointers, byRow.indices, byRow.values, row);
    }
  }

  protected normPanel(y: Pointer, x: Pointer, width: number, { kind, weight, bias, eps }: NormWeights): void {
    if (kind === "rms") this.kernels.rms_norm_panel(y, x, weight, width, eps);
    else this.kernels.layer_norm_panel(y, x, weight, bias, width, eps);
  }

  /** The outputs, parts of one panel each, = W x + bias over one panel. */
  protected multiply(outputs: readonly Value[], x: Pointer, { byRow, bias }: SparseWeights): void {
    const { pointers, indices, values } = byRow;
    let row = 0;
    for (const { pointer, width } of outputs) {
      const y = pointer - row * this.rowBytes;
      this.kernels.csr_multiply_panel(y, pointers, indices, values, bias, x, row, row + width);
      row += width;
    }
  }

  #replaceChannels(value: Value, { channels, values, count, positions }: ChannelReplacement): void {
    if (positions === null) {
      this.eachHookedPanel((panel) => {
        this.kernels.set_channels_panel(this.panelOf(value, panel), channels, values, count);
      });
      return;
    }
    const { memory } = this.thread;
    const wanted = new Set(positions);
    const constants = memory.floats(values, count);
    this.eachPanel((panel) => {
      const floats = this.floatsOf(value, panel);
      for (let lane = 0; lane < PANEL; lane++) {
        if (!wanted.has(this.#hookPositions[panel * PANEL + lane])) continue;
        for (let i = 0; i < count; i++) {
          floats[memory.words[(channels >>> 2) + i] * PANEL + lane] = constants[i];
        }
      }
    });
  }

  *#callFunction(point: string, value: Value, { id }: FunctionReplacement): Steps {
    this.thread.barrier();
    if (this.thread.index === 0) {
      const values = this.#heard.map((sequence): HookValue => {
        const data = new Float32Array(sequence.tokens.length * value.width);
        this.#eachRun(sequence, value, (panel, lane, count, t) => {
          this.kernels.panel_to_rows(this.rowScratch, value.width, panel, value.width, lane, count);
          data.set(this.thread.memory.floats(this.rowScratch, count * value.width), t * value.width);
        });
        const { index, offset = 0 } = sequence;
        return { sequence: index, position: offset, data, width: value.width };
      });
      const replaced = yield { type: "hook", id, point, values };
      this.#heard.forEach((sequence, i) => {
        this.#eachRun(sequence, value, (panel, lane, count, t) => {
          const rows = replaced[i].subarray(t * value.width, (t + count) * value.width);
          this.thread.memory.floats(this.rowScratch, rows.length).set(rows);
          this.kernels.rows_to_panel(panel, value.width, lane, count, this.rowScratch, value.width);
        });
      });
    }
    this.thread.barrier();
  }

  /** The runs of a sequence's tokens that lie in one panel: address of the panel, first lane, count, position. */
  #eachRun(
    { start, tokens }: Placed,
    value: Value,
    visit: (panel: Pointer, lane: number, count: number, t: number) => void,
  ): void {
    for (let t = 0; t < tokens.length; ) {
      const lane = (start + t) % PANEL;
      const count = Math.min(PANEL - lane, tokens.length - t);
      visit(this.panelOf(value, Math.floor((start + t) / PANEL)), lane, count, t);
      t += count;
    }
  }

  #record(point: string, value: Value): void {
    const { pointer, width } = this.#recorded.get(point)!;
    this.eachPanel((panel) => {
      const target = pointer + panel * PANEL * width * this.thread.memory.floatBytes;
      this.kernels.panel_to_rows(target, width, this.panelOf(value, panel), width, 0, PANEL);
    });
  }
}
