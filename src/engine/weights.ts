import { SparseLensError } from "../errors.js";
import type { SparseMatrix } from "../tensor.js";
import type { Pointer } from "./kernels.js";
import type { Arena, EngineMemory } from "./memory.js";

/** Addresses of a matrix in compressed sparse rows. */
export interface CompressedRows {
  /** u32[rows + 1] */
  readonly pointers: Pointer;
  /** u16[nonzeros] */
  readonly indices: Pointer;
  readonly values: Pointer;
}

/** Room for a matrix in compressed sparse rows. */
export function reserveRows(arena: Arena, rows: number, nonzeros: number): CompressedRows {
  return {
    pointers: arena.bytes(4 * (rows + 1)),
    indices: arena.bytes(2 * nonzeros),
    values: arena.floats(nonzeros),
  };
}

/** Addresses of a block of rows in compressed sparse columns, each column in one piece, as csc_accumulate wants it. */
interface CompressedColumns {
  /** u32[columns + 1], in bytes */
  readonly offsets: Pointer;
  readonly columns: Pointer;
}

/** A weight matrix `[rows, columns]` in the engine's memory. Plain data: it is posted to every thread. */
export interface SparseWeights {
  readonly rows: number;
  readonly columns: number;
  readonly nonzeros: number;
  /** By rows: batched products, look-ups, products with a dense vector. */
  readonly byRow: CompressedRows;
  /** Rows of thread t in products by rows: rowStarts[t] ≤ row < rowStarts[t + 1]; about as many nonzeros each. */
  readonly rowStarts: readonly number[];
  /** By columns, in blocks of rows: products with a vector that AbsTopK made sparse. */
  readonly byColumn: readonly CompressedColumns[] | null;
  /** Rows of each block, likewise. */
  readonly blockStarts: readonly number[];
  /** Widths of the values into which the product is split (q, k and v), summing up to rows. */
  readonly parts: readonly number[];
  /** Where each part begins in a vector that holds them one after the other, each padded. */
  readonly partOffsets: readonly number[];
  /** f32[rows], or 0. */
  readonly bias: Pointer;
}

/** Indices are stored in 16 bits. */
const INDEX_LIMIT = 65536;

/** Length of a vector in memory: vector kernels work on 16 floats at a time. */
export function padded(width: number): number {
  return (width + 15) & ~15;
}

function placeParts(parts: readonly number[]): number[] {
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
  const rowStarts = balance(rowPointers, threads);
  const byRow = reserveRows(arena, rows, nonzeros);
  memory.ensure(arena.end);
  const { buffer } = memory.bytes;
  new Uint32Array(buffer, byRow.pointers, rows + 1).set(rowPointers);
  new Uint16Array(buffer, byRow.indices, nonzeros).set(columnIndices);
  memory.floats(byRow.values, nonzeros).set(values);

  const blockStarts = balance(rowPointers, columnBlocks(threads));
  const byColumn = sparseInput
    ? blockStarts.slice(1).map((end, i) => placeColumns(memory, arena, matrix, parts, blockStarts[i], end))
    : null;
  return {
    ...{ rows, columns, nonzeros, byRow, rowStarts, byColumn, blockStarts, parts, bias },
    partOffsets: placeParts(parts),
  };
}

/**
 * Into how many blocks of rows products by columns are cut. The inputs are cut in two halves as well, so that two
 * threads need no more blocks than one: short columns waste cache lines.
 */
function columnBlocks(threads: number): number {
  return threads % 2 === 0 ? threads / 2 : threads;
}

function placeColumns(
  memory: EngineMemory,
  arena: Arena,
  { columns, rowPointers, columnIndices, values }: SparseMatrix,
  parts: readonly number[],
  rowStart: number,
  rowEnd: number,
): CompressedColumns {
  const { floatBytes } = memory;
  const [first, last] = [rowPointers[rowStart], rowPointers[rowEnd]];
  const counts = new Uint32Array(columns);
  for (let i = first; i < last; i++) counts[columnIndices[i]]++;
  const ends = new Uint32Array(columns + 1);
  for (let column = 0; column < columns; column++) {
    const bytes = counts[column] * (floatBytes + 2);
    ends[column + 1] = ends[column] + Math.ceil(bytes / floatBytes) * floatBytes;
  }
  const offsets = arena.bytes(4 * (columns + 1));
  const block = arena.bytes(ends[columns]);
  memory.ensure(arena.end);

  const { buffer } = memory.bytes;
  new Uint32Array(buffer, offsets, columns + 1).set(ends);
  const entries = memory.floats(block, ends[columns] / floatBytes);
  const indices = new Uint16Array(buffer, block, ends[columns] / 2);
  const nextValue = new Uint32Array(columns);
  const nextIndex = new Uint32Array(columns);
  for (let column = 0; column < columns; column++) {
    nextValue[column] = ends[column] / floatBytes;
    nextIndex[column] = (ends[column] + counts[column] * floatBytes) / 2;
  }
  const starts = placeParts(parts);
  let part = 0;
  let partEnd = parts[0];
  for (let row = rowStart; row < rowEnd; row++) {
    while (row >= partEnd) partEnd += parts[++part];
    const position = starts[part] + row - (partEnd - parts[part]);
    for (let i = rowPointers[row]; i < rowPointers[row + 1]; i++) {
      entries[nextValue[columnIndices[i]]++] = values[i];
      indices[nextIndex[columnIndices[i]]++] = position;
    }
  }
  return { offsets, columns: block };
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
