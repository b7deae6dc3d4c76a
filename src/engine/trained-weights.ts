import { PANEL, type Pointer } from "./kernels.js";
import type { Arena } from "./memory.js";
import type { Thread } from "./thread.js";
import type { CompressedRows, SparseWeights } from "./weights.js";

/**
 * What a product with a matrix skips. `full`: nothing. `dense`: zero activations, or their gradients. `sparse`: zero
 * weights.
 */
export type Layout = "full" | "dense" | "sparse";

/**
 * A matrix `[rows, columns]` in training. It lies in blocks of 32 columns, `[columns / 32][rows][32]`, and so do its
 * gradient and its moments; its products read copies that are made after each step.
 */
export interface TrainedMatrix extends SparseWeights {
  readonly weights: Pointer;
  /** 0: not trained. */
  readonly gradient: Pointer;
  /** Gradients of the nonzeros alone, in the order of byRow. */
  readonly nonzeroGradient: Pointer;
  /** `[rows / 32][columns][32]`: what dense products read. */
  readonly panels: Pointer;
  /** Compressed rows of the transposed matrix. */
  readonly transposed: CompressedRows;
  /** A table that is looked up: its gradient is dense and cheap. */
  readonly isEmbedding: boolean;
  /** A table that activations are multiplied with, too. */
  readonly isTied: boolean;
  /** Whether AbsTopK thins out the gradient of what the matrix puts out. */
  readonly sparseOutput: boolean;
  /** Shared by all views of the matrix (a tied unembedding is one). */
  readonly layout: {
    forward: Layout;
    backward: Layout;
    /** Whether a gradient may be restricted to the nonzeros. */
    gradient: "dense" | "sparse";
  };
}

/** Blocks of 32 that hold `count`. */
export function blocksOf(count: number): number {
  return Math.ceil(count / PANEL);
}

/** Floats that a matrix in blocks takes. */
export function blockedSize(rows: number, columns: number): number {
  return rows * blocksOf(columns) * PANEL;
}

export interface MatrixOptions {
  readonly bias: Pointer;
  readonly isEmbedding: boolean;
  readonly isTied: boolean;
  readonly trained: boolean;
  readonly sparseOutput: boolean;
}

/** Room for a matrix and the copies that its products read. The same addresses on every thread. */
export function reserveMatrix(
  arena: Arena,
  rows: number,
  columns: number,
  { bias, isEmbedding, isTied, trained, sparseOutput }: MatrixOptions,
): TrainedMatrix {
  const size = blockedSize(rows, columns);
  const compressed = (count: number): CompressedRows => ({
    pointers: arena.bytes(4 * (count + 1)),
    // compress_rows writes a little beyond the last.
    indices: arena.bytes(2 * (rows * columns + 4)),
    values: arena.floats(rows * columns + 4),
  });
  return {
    ...{ rows, columns, bias, isEmbedding, isTied, sparseOutput },
    weights: arena.floats(size),
    gradient: trained ? arena.floats(size) : 0,
    nonzeroGradient: trained ? arena.floats(rows * columns) : 0,
    panels: arena.floats(blocksOf(rows) * PANEL * columns),
    byRow: compressed(rows),
    transposed: compressed(columns),
    layout: { forward: "dense", backward: "dense", gradient: "dense" },
    // What decoding would need.
    ...{
      nonzeros: rows * columns,
      rowStarts: [],
      byColumn: null,
      blockStarts: [],
      parts: [rows],
      partOffsets: [0],
    },
  };
}

/** Makes the copies that products read, from the weights: by one thread for each matrix. */
export function refreshMatrix({ kernels, memory }: Thread, matrix: TrainedMatrix): void {
  const { rows, columns, weights, byRow, transposed, panels, layout } = matrix;
  const { floatBytes } = memory;
  const rowBytes = PANEL * floatBytes;
  if (layout.forward === "dense") {
    for (let panel = 0; panel < blocksOf(rows); panel++) {
      const count = Math.min(PANEL, rows - panel * PANEL);
      for (let block = 0; block < blocksOf(columns); block++) {
        kernels.transpose_tile(
          panels + (panel * columns + block * PANEL) * rowBytes,
          weights + (block * rows + panel * PANEL) * rowBytes,
          0,
          count,
          Math.min(PANEL, columns - block * PANEL),
        );
      }
    }
  }
  if (layout.forward !== "sparse" && layout.backward !== "sparse") return;
  kernels.compress_rows(
    ...([byRow.pointers, byRow.indices, byRow.values, weights, rows, rowBytes] as const),
    ...([blocksOf(columns), rows * rowBytes, PANEL] as const),
  );
  if (layout.backward !== "sparse") return;
  kernels.transpose_csr(
    ...([transposed.pointers, transposed.indices, transposed.values] as const),
    ...([byRow.pointers, byRow.indices, byRow.values, rows, columns] as const),
  );
}

/** Writes a dense row-major matrix into blocks. */
export function writeBlocks(
  target: Float32Array | Float64Array,
  data: ArrayLike<number>,
  rows: number,
  columns: number,
): void {
  target.fill(0);
  for (let row = 0, i = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, i++) {
      target[((column >> 5) * rows + row) * PANEL + (column & 31)] = data[i];
    }
  }
}

/** The row-major matrix that lies in blocks. */
export function readBlocks(
  source: Float32Array | Float64Array,
  rows: number,
  columns: number,
): Float32Array<ArrayBuffer> {
  const data = new Float32Array(rows * columns);
  for (let row = 0, i = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, i++) {
      data[i] = source[((column >> 5) * rows + row) * PANEL + (column & 31)];
    }
  }
  return data;
}
