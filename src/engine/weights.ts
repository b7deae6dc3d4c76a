import { SparseLensError } from "../errors.js";
import type { SparseMatrix } from "../tensor.js";
import type { Pointer } from "./kernels.js";
import type { Arena, EngineMemory } from "./memory.js";

/** Addresses of a sparse matrix: compressed rows, or compressed columns of a block of rows. */
interface Compressed {
  /** u32[rows + 1] or u32[columns + 1] */
  readonly pointers: Pointer;
  /** u16[nonzeros] */
  readonly indices: Pointer;
  readonly values: Pointer;
}

/** A weight matrix `[rows, columns]` in the engine's memory. Plain data: it is posted to every thread. */
export interface SparseWeights {
  readonly rows: number;
  readonly columns: number;
  readonly nonzeros: number;
  /** By rows: batched products, look-ups, products with a dense vector. */
  readonly byRow: Compressed;
  /** By columns, a block of rows for each thread: products with a vector that AbsTopK made sparse. */
  readonly byColumn: readonly Compressed[] | null;
  /** Rows of thread t: rowStarts[t] ≤ row < rowStarts[t + 1]; about the same number of nonzeros each. */
  readonly rowStarts: readonly number[];
  /** Widths of the values into which the product is split (q, k and v), summing up to rows. */
  readonly parts: readonly number[];
  /** f32[rows], or 0. */
  readonly bias: Pointer;
}

/** Indices are stored in 16 bits. */
const INDEX_LIMIT = 65536;

/** Length of a vector in memory: vector kernels work on 16 floats at a time. */
export function padded(width: number): number {
  return (width + 15) & ~15;
}

/** Offset of each part's first element when parts are stored one after the other, each padded. */
export function partOffsets(parts: readonly number[]): number[] {
  let offset = 0;
  return parts.map((width) => {
    const start = offset;
    offset += padded(width);
    return start;
  });
}

export interface PlacementOptions {
  readonly threads: number;
  /** The product's input is a vector that AbsTopK made sparse: keep a copy by columns. */
  readonly sparseInput?: boolean;
  readonly parts?: readonly number[];
  readonly bias?: Pointer;
}

/**
 * Copies a matrix into the engine's memory, in the layouts that its products want.
 * @throws SparseLensError naming the matrix when it is too large for 16-bit indices
 */
export function placeMatrix(
  memory: EngineMemory,
  arena: Arena,
  name: string,
  matrix: SparseMatrix,
  { threads, sparseInput = false, parts = [matrix.rows], bias = 0 }: PlacementOptions,
): SparseWeights {
  const { rows, columns, rowPointers, columnIndices, values } = matrix;
  if (columns > INDEX_LIMIT || parts.reduce((sum, width) => sum + padded(width), 0) > INDEX_LIMIT) {
    throw new SparseLensError(
      `${name}: ${rows} × ${columns} is too large; both may be at most ${INDEX_LIMIT}.`,
    );
  }
  const nonzeros = values.length;
  const compressed = (lines: number, entries: number): Compressed => ({
    pointers: arena.bytes(4 * (lines + 1)),
    indices: arena.bytes(2 * entries),
    values: arena.floats(entries),
  });
  const rowStarts = balance(rowPointers, threads);
  const byRow = compressed(rows, nonzeros);
  const byColumn = sparseInput
    ? Array.from({ length: threads }, (_, t) =>
        compressed(columns, rowPointers[rowStarts[t + 1]] - rowPointers[rowStarts[t]]),
      )
    : null;
  memory.ensure(arena.end);

  const { buffer } = memory.bytes;
  new Uint32Array(buffer, byRow.pointers, rows + 1).set(rowPointers);
  new Uint16Array(buffer, byRow.indices, nonzeros).set(columnIndices);
  memory.floats(byRow.values, nonzeros).set(values);

  byColumn?.forEach((block, t) => {
    const [rowStart, rowEnd] = [rowStarts[t], rowStarts[t + 1]];
    const [first, last] = [rowPointers[rowStart], rowPointers[rowEnd]];
    const pointers = new Uint32Array(buffer, block.pointers, columns + 1);
    const indices = new Uint16Array(buffer, block.indices, last - first);
    const entries = memory.floats(block.values, last - first);
    const next = new Uint32Array(columns + 1);
    for (let i = first; i < last; i++) next[columnIndices[i] + 1]++;
    for (let column = 0; column < columns; column++) next[column + 1] += next[column];
    pointers.set(next);
    const offsets = partOffsets(parts);
    let part = 0;
    let partEnd = parts[0];
    for (let row = rowStart; row < rowEnd; row++) {
      while (row >= partEnd) partEnd += parts[++part];
      const position = offsets[part] + row - (partEnd - parts[part]);
      for (let i = rowPointers[row]; i < rowPointers[row + 1]; i++) {
        const target = next[columnIndices[i]]++;
        indices[target] = position;
        entries[target] = values[i];
      }
    }
  });
  return { rows, columns, nonzeros, byRow, byColumn, rowStarts, parts, bias };
}

/** Copies a dense tensor into the engine's memory. */
export function placeDense(memory: EngineMemory, arena: Arena, data: Float32Array): Pointer {
  const pointer = arena.floats(padded(data.length));
  memory.ensure(arena.end);
  memory.floats(pointer, data.length).set(data);
  return pointer;
}

// Splits the rows so that each thread gets about the same work: nonzeros, and a little for the row itself.
function balance(rowPointers: Uint32Array, threads: number): number[] {
  const rows = rowPointers.length - 1;
  const total = rowPointers[rows] + rows;
  const starts = [0];
  for (let t = 1; t < threads; t++) {
    let row = starts[t - 1];
    while (row < rows && rowPointers[row] + row < (total * t) / threads) row++;
    // Whole cache lines: what follows a product works on 16 floats at a time.
    starts.push(Math.min(padded(row), rows));
  }
  starts.push(rows);
  return starts;
}
