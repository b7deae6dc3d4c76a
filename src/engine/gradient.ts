import type { BatchOptions, Rows } from "./batch.js";
import { InputGradientOperations } from "./input-gradient.js";
import { PANEL, type Pointer } from "./kernels.js";
import type { Arena } from "./memory.js";
import { NonzeroGradients, type RowGroup } from "./nonzero-gradients.js";
import type { BackwardOperations, NormWeights, Value } from "./operations.js";
import type { Thread } from "./thread.js";
import { blocksOf, type TrainedMatrix } from "./trained-weights.js";
import type { SparseWeights } from "./weights.js";

/** Rows of a weight gradient that a thread takes at a time. */
const GROUP = 32;
/** Panels whose tokens are summed up in one go: their inputs, 32 channels of each, stay in the nearest cache. */
const CHUNK = 8;
/** From this many bytes of a panel's input on, an output half as large or less is what should stay in the cache. */
const WIDE = 1 << 16;

export interface GradientOptions extends BatchOptions {
  /** Where the gradient of a vector of parameters goes; absent: not wanted. */
  readonly vectorGradients: ReadonlyMap<Pointer, Pointer>;
  /** Which weights of the matrices that are stored sparse get a gradient. */
  readonly weightGradients: "all" | "nonzero";
  /** The widest input of a product. */
  readonly widestInput: number;
  readonly headWidth: number;
  /** Channels of concatenated positions, or 0. */
  readonly positionWidth: number;
}

/**
 * Operations on many tokens at once that remember what a backward pass needs, and that backward pass. Weights are
 * TrainedMatrix. While a matrix has few zeros, its products skip the zeros of activations and gradients instead; later
 * they skip those of the matrix.
 *
 * Each thread owns panels in products and norms, rows in weight gradients: every sum has one owner and one order, so that
 * results do not depend on the number of threads.
 */
export class GradientOperations extends InputGradientOperations implements BackwardOperations {
  readonly #gradients: GradientOptions;
  readonly #lanes: number;
  /** i32[lanes] */
  readonly #rows: Record<Rows, Pointer>;
  readonly #targetRows: Pointer;
  readonly #tokenLosses: Pointer;
  /** Logits, then their gradients. */
  readonly #logitGradients: Value;
  /** f32[panels][width]: each panel's part of the gradient of a norm's weight and bias. */
  readonly #normParts: [Pointer, Pointer];
  /** f32[channels / 32][lanes][32]: inputs of a product, token by token. */
  readonly #inputBlocks: Pointer;
  readonly #positionGradients: Value | null;
  // Scratch of this thread: compressed rows, a tile of 32 × 32.
  readonly #compressed: { pointers: Pointer; indices: Pointer; values: Pointer };
  readonly #tile: Pointer;
  readonly #nonzeroGradients: NonzeroGradients;

  constructor(thread: Thread, arena: Arena, options: GradientOptions) {
    super(thread, arena, options);
    const { widest, vocabularySize, widestInput, positionWidth } = options;
    this.#gradients = options;
    this.#lanes = this.panels * PANEL;
    this.#rows = { tokens: arena.bytes(4 * this.#lanes), positions: arena.bytes(4 * this.#lanes) };
    this.#targetRows = arena.bytes(4 * this.#lanes);
    this.#tokenLosses = arena.floats(this.#lanes);
    this.#logitGradients = this.value(vocabularySize);
    this.#normParts = [arena.floats(this.panels * widestInput), arena.floats(this.panels * widestInput)];
    this.#inputBlocks = arena.floats(blocksOf(widestInput) * PANEL * this.#lanes);
    this.#positionGradients = positionWidth > 0 ? this.value(positionWidth) : null;
    const entries = PANEL * Math.max(widest, vocabularySize, CHUNK * GROUP) + 4;
    const mine = <T>(make: () => T): T => Array.from({ length: thread.count }, make)[thread.index];
    this.#compressed = mine(() => ({
      pointers: arena.bytes(4 * (PANEL + 1)),
      indices: arena.bytes(2 * entries),
      values: arena.floats(entries),
    }));
    this.#tile = mine(() => arena.floats(PANEL * PANEL));
    this.#nonzeroGradients = mine(
      () => new NonzeroGradients(thread, arena, this.panels, GROUP * widestInput),
    );
  }

  /** Writes the batch into the engine's memory, once it is there: call on every thread. */
  begin(): void {
    if (this.thread.index === 0) {
      const { buffer } = this.thread.memory.bytes;
      const write = (pointer: Pointer, values: Int32Array) =>
        new Int32Array(buffer, pointer, values.length).set(values);
      write(this.#rows.tokens, this.tokens);
      write(this.#rows.positions, this.positions);
      write(this.#targetRows, this.targets);
    }
    this.thread.barrier();
  }

  /** Mean cross-entropy of the batch: after a barrier. */
  get loss(): number {
    let sum = 0;
    for (const loss of this.thread.memory.floats(this.#tokenLosses, this.#lanes)) sum += loss;
    return sum / this.#counted;
  }

  get #counted(): number {
    return this.targets.reduce((count, target) => count + (target >= 0 ? 1 : 0), 0);
  }

  // Forward.

  protected override addRows(target: Pointer, panel: number, table: TrainedMatrix, rows: Rows): void {
    for (let block = 0; block < blocksOf(table.columns); block++) {
      this.kernels.add_rows_panel(
        target + block * PANEL * this.rowBytes,
        Math.min(PANEL, table.columns - block * PANEL),
        this.#blockOf(table.weights, table, block),
        PANEL,
        this.#rows[rows] + 4 * panel * PANEL,
      );
    }
  }

  protected override multiply(outputs: readonly Value[], x: Pointer, weights: TrainedMatrix): void {
    const { rows, columns, bias, transposed, layout } = weights;
    if (layout.forward === "sparse") {
      if (layout.backward === "sparse" && outputs.length === 1 && this.#isWide(columns, rows)) {
        const [{ pointer }] = outputs;
        const { pointers, indices, values } = transposed;
        this.kernels.begin_panel(pointer, bias, rows);
        this.kernels.csr_scatter_panel(pointer, pointers, indices, values, x, 0, columns);
      } else super.multiply(outputs, x, weights);
      return;
    }
    if (layout.forward === "full") {
      this.#multiplyFull(outputs, x, weights);
      return;
    }
    this.#compressTokens([{ pointer: x, width: columns }]);
    const { pointers, indices, values } = this.#compressed;
    let start = 0;
    for (const { pointer, width } of outputs) {
      for (let row = start; row < start + width; ) {
        const block = Math.floor(row / PANEL);
        const count = Math.min((block + 1) * PANEL, start + width) - row;
        const panel = weights.panels + block * columns * this.rowBytes;
        this.kernels.csr_multiply_panel(this.#tile, pointers, indices, values, 0, panel, 0, PANEL);
        this.kernels.transpose_tile(
          pointer + (row - start) * this.rowBytes,
          this.#tile + (row % PANEL) * this.#floatBytes,
          bias && bias + row * this.#floatBytes,
          PANEL,
          count,
        );
        row += count;
      }
      start += width;
    }
  }

  override unembed(x: Value, weights: SparseWeights, bigram: Pointer): void {
    const { vocabularySize } = this.options;
    const scale = 1 / this.#counted;
    this.eachPanel((panel) => {
      const logits = this.panelOf(this.#logitGradients, panel);
      const first = 4 * panel * PANEL;
      this.multiply(
        [{ pointer: logits, width: vocabularySize }],
        this.panelOf(x, panel),
        weights as TrainedMatrix,
      );
      if (bigram) {
        const tokens = this.#rows.tokens + first;
        this.kernels.add_rows_panel(logits, vocabularySize, bigram, vocabularySize, tokens);
      }
      const losses = this.#tokenLosses + panel * this.rowBytes;
      this.kernels.cross_entropy_panel(logits, vocabularySize, this.#targetRows + first, losses, scale);
    });
  }

  // Backward. dx is overwritten unless said otherwise.

  unembedBackward(dx: Value, x: Value, weights: SparseWeights, bigram: Pointer): void {
    const dy = this.#logitGradients;
    this.linearBackward(dx, [dy], x, weights);
    const gradient = this.#gradients.vectorGradients.get(bigram);
    if (gradient === undefined) return;
    const { vocabularySize } = this.options;
    const [first, last] = this.thread.share(vocabularySize);
    this.kernels.zero(
      gradient + first * vocabularySize * this.#floatBytes,
      (last - first) * vocabularySize * this.#floatBytes,
    );
    this.#allPanels((panel) => {
      const tokens = this.#rows.tokens + 4 * panel * PANEL;
      const part = this.panelOf(dy, panel);
      // The released code looks the table up with padding_idx -1: its last row has no gradient.
      const end = Math.min(last, vocabularySize - 1);
      this.kernels.scatter_rows_panel(gradient, vocabularySize, tokens, part, vocabularySize, first, end);
    });
    this.thread.barrier();
  }

  linearBackward(dx: Value | null, douts: readonly Value[], x: Value, given: SparseWeights): void {
    const weights = given as TrainedMatrix;
    this.eachPanel((panel) => {
      if (dx) this.#inputGradient(this.panelOf(dx, panel), douts, panel, weights);
      if (this.#isDense(weights)) this.#storeInputs(x, panel);
    });
    if (weights.gradient === 0) return;
    this.thread.barrier();
    const groups = this.#groupsOf(douts);
    if (this.#isDense(weights)) for (const group of groups) this.#weightGradient(group, weights);
    else this.#nonzeroGradients.compute(groups, x, weights);
    for (const group of groups) this.#biasGradient(group, weights.bias);
    this.thread.barrier();
  }

  override normBackward(dx: Value, dy: Value, x: Value, weights: NormWeights): void {
    super.normBackward(dx, dy, x, weights);
    this.#sumNormParts(x.width, weights);
  }

  /** The gradient of the positions behind channel `offset` of y, through their norm. */
  concatenatePositionsBackward(
    dy: Value,
    offset: number,
    positions: SparseWeights,
    weights: NormWeights,
  ): void {
    const table = positions as TrainedMatrix;
    const dx = this.#positionGradients!;
    this.eachPanel((panel) => {
      this.lookUp(this.panelScratch, table.columns, panel, table, "positions");
      this.kernels.zero(this.panelOf(dx, panel), dx.width * this.rowBytes);
      this.normPanelBackward(
        this.panelOf(dx, panel),
        this.panelOf(dy, panel) + offset * this.rowBytes,
        this.panelScratch,
        panel,
        table.columns,
        weights,
      );
    });
    this.#sumNormParts(table.columns, weights);
    this.embedBackward(dx, table, "positions");
  }

  /** Adds to the gradient of an embedding; the gaps behind sequences have no gradient. */
  embedBackward(dx: Value, given: SparseWeights, rows: Rows): void {
    const table = given as TrainedMatrix;
    if (table.gradient === 0) return;
    this.thread.barrier();
    for (let block = this.thread.index; block < blocksOf(table.columns); block += this.thread.count) {
      this.#allPanels((panel) => {
        this.kernels.scatter_rows_panel(
          this.#blockOf(table.gradient, table, block),
          PANEL,
          this.#rows[rows] + 4 * panel * PANEL,
          this.panelOf(dx, panel) + block * PANEL * this.rowBytes,
          Math.min(PANEL, table.columns - block * PANEL),
          0,
          table.rows,
        );
      });
    }
    this.thread.barrier();
  }

  /** Nothing is replaced in training. */
  hookBackward(): void {}

  get #floatBytes(): number {
    return this.thread.memory.floatBytes;
  }

  #isDense(weights: TrainedMatrix): boolean {
    return this.#gradients.weightGradients === "all" || weights.layout.gradient === "dense";
  }

  /** Whether a product reads so much more than it writes that what it writes should be scattered, not what it reads gathered. */
  #isWide(inputs: number, outputs: number): boolean {
    return inputs * this.rowBytes > WIDE && inputs >= 2 * outputs;
  }

  #allPanels(work: (panel: number) => void): void {
    for (let panel = 0; panel < this.panels; panel++) work(panel);
  }

  #blockOf(pointer: Pointer, { rows }: TrainedMatrix, block: number): Pointer {
    return pointer + block * rows * this.rowBytes;
  }

  /** The tokens of a panel as compressed rows of their nonzero channels; parts of a value one behind the other. */
  #compressTokens(parts: readonly Value[]): void {
    const width = parts.reduce((sum, part) => sum + part.width, 0);
    const stride = (width + 3) & ~3;
    const bytes = stride * this.#floatBytes;
    if (stride !== width) this.kernels.zero(this.rowScratch, PANEL * bytes);
    let offset = 0;
    for (const part of parts) {
      const target = this.rowScratch + offset * this.#floatBytes;
      this.kernels.panel_to_rows(target, stride, part.pointer, part.width, 0, PANEL);
      offset += part.width;
    }
    const { pointers, indices, values } = this.#compressed;
    this.kernels.compress_rows(pointers, indices, values, this.rowScratch, PANEL, bytes, 1, 0, stride);
  }

  #multiplyFull(outputs: readonly Value[], x: Pointer, weights: TrainedMatrix): void {
    const { columns, bias } = weights;
    let row = 0;
    for (const { pointer, width } of outputs) {
      this.kernels.begin_panel(pointer, bias && bias + row * this.#floatBytes, width);
      for (let block = 0; block < blocksOf(columns); block++) {
        const source = this.#blockOf(weights.weights, weights, block) + row * this.rowBytes;
        const count = Math.min(PANEL, columns - block * PANEL);
        this.kernels.multiply_full_panel(
          ...([pointer, source, this.rowBytes, this.#floatBytes] as const),
          ...([x + block * PANEL * this.rowBytes, width, count] as const),
        );
      }
      row += width;
    }
  }

  /** dx = Wᵀ dy over one panel. */
  #inputGradient(dx: Pointer, douts: readonly Value[], panel: number, weights: TrainedMatrix): void {
    const { rows, columns, byRow, transposed } = weights;
    const parts = douts.map((dy) => ({ pointer: this.panelOf(dy, panel), width: dy.width }));
    if (weights.layout.backward === "sparse") {
      if (this.#isWide(rows, columns)) {
        const { pointers, indices, values } = byRow;
        this.kernels.zero(dx, columns * this.rowBytes);
        let row = 0;
        for (const { pointer, width } of parts) {
          const dy = pointer - row * this.rowBytes;
          this.kernels.csr_scatter_panel(dx, pointers, indices, values, dy, row, row + width);
          row += width;
        }
      } else this.multiplyTransposed(dx, parts, transposed, columns);
      return;
    }
    if (weights.layout.backward === "full") {
      this.kernels.zero(dx, columns * this.rowBytes);
      for (let block = 0; block < blocksOf(columns); block++) {
        const target = dx + block * PANEL * this.rowBytes;
        const count = Math.min(PANEL, columns - block * PANEL);
        let source = this.#blockOf(weights.weights, weights, block);
        for (const { pointer, width } of parts) {
          // The transposed block: from one of its rows to the next is one float.
          this.kernels.multiply_full_panel(
            ...([target, source, this.#floatBytes, this.rowBytes, pointer, count, width] as const),
          );
          source += width * this.rowBytes;
        }
      }
      return;
    }
    this.#compressTokens(parts);
    const { pointers, indices, values } = this.#compressed;
    for (let block = 0; block < blocksOf(columns); block++) {
      const source = this.#blockOf(weights.weights, weights, block);
      this.kernels.csr_multiply_panel(this.#tile, pointers, indices, values, 0, source, 0, PANEL);
      const target = dx + block * PANEL * this.rowBytes;
      this.kernels.transpose_tile(target, this.#tile, 0, PANEL, Math.min(PANEL, columns - block * PANEL));
    }
  }

  /** Inputs of a product, token by token, in blocks of 32 channels. */
  #storeInputs(x: Value, panel: number): void {
    for (let block = 0; block < blocksOf(x.width); block++) {
      const target = this.#inputBlocks + (block * this.#lanes + panel * PANEL) * this.rowBytes;
      const source = this.panelOf(x, panel) + block * PANEL * this.rowBytes;
      this.kernels.transpose_tile(target, source, 0, Math.min(PANEL, x.width - block * PANEL), PANEL);
    }
  }

  /** The rows of a weight gradient that are this thread's. */
  #groupsOf(douts: readonly Value[]): RowGroup[] {
    const groups: RowGroup[] = [];
    let start = 0;
    for (const dy of douts) {
      for (let row = 0; row < dy.width; row += GROUP)
        groups.push({ dy, row, count: Math.min(GROUP, dy.width - row), start });
      start += dy.width;
    }
    return groups.filter((_, i) => i % this.thread.count === this.thread.index);
  }

  /** The gradient of all weights of rows. */
  #weightGradient({ dy, row, count, start }: RowGroup, weights: TrainedMatrix): void {
    const { rows, columns, gradient } = weights;
    const stride = dy.width * this.rowBytes;
    const targets = Array.from(
      { length: blocksOf(columns) },
      (_, block) => gradient + (block * rows + start + row) * this.rowBytes,
    );
    const inputs = (block: number, panel: number) =>
      this.#inputBlocks + (block * this.#lanes + panel * PANEL) * this.rowBytes;
    for (const target of targets) this.kernels.zero(target, count * this.rowBytes);
    if (!weights.sparseOutput) {
      this.#allPanels((panel) => {
        const source = this.panelOf(dy, panel) + row * this.rowBytes;
        targets.forEach((target, block) => {
          const x = inputs(block, panel);
          this.kernels.multiply_full_panel(target, source, this.rowBytes, this.#floatBytes, x, count, PANEL);
        });
      });
      return;
    }
    const { pointers, indices, values } = this.#compressed;
    for (let panel = 0; panel < this.panels; panel += CHUNK) {
      const pieces = Math.min(CHUNK, this.panels - panel);
      const source = this.panelOf(dy, panel) + row * this.rowBytes;
      this.kernels.compress_rows(
        ...([pointers, indices, values, source, count, this.rowBytes, pieces, stride, PANEL] as const),
      );
      targets.forEach((target, block) => {
        this.kernels.csr_accumulate_panel(target, pointers, indices, values, inputs(block, panel), 0, count);
      });
    }
  }

  #biasGradient({ dy, row, count, start }: RowGroup, bias: Pointer): void {
    const gradient = this.#gradients.vectorGradients.get(bias);
    if (gradient === undefined) return;
    this.kernels.zero(gradient + (start + row) * this.#floatBytes, count * this.#floatBytes);
    this.#allPanels((panel) => {
      this.kernels.sum_rows_panel(
        gradient + start * this.#floatBytes,
        this.panelOf(dy, panel),
        row,
        row + count,
      );
    });
  }

  protected override normParts(panel: number, width: number): [Pointer, Pointer] {
    const [weight, bias] = this.#normParts.map((part) => part + panel * width * this.#floatBytes);
    return [weight, bias];
  }

  protected override sinkGradients(sinks: Pointer): Pointer {
    return this.#gradients.vectorGradients.get(sinks) ?? 0;
  }

  #sumNormParts(width: number, { weight, bias }: NormWeights): void {
    this.thread.barrier();
    if (this.thread.index === 0) {
      [weight, bias].forEach((vector, i) => {
        const gradient = this.#gradients.vectorGradients.get(vector);
        if (gradient === undefined) return;
        this.kernels.zero(gradient, width * this.#floatBytes);
        this.#allPanels((panel) => {
          this.kernels.add(gradient, this.#normParts[i] + panel * width * this.#floatBytes, width);
        });
      });
    }
    this.thread.barrier();
  }
}
