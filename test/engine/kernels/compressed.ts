import type { Sandbox } from "./sandbox.js";

/** Compressed sparse rows. */
export interface Compressed {
  pointers: number[];
  indices: number[];
  values: number[];
}

export function compress(matrix: readonly number[][]): Compressed {
  const result: Compressed = { pointers: [0], indices: [], values: [] };
  for (const row of matrix) {
    row.forEach((value, j) => {
      if (value !== 0) {
        result.indices.push(j);
        result.values.push(value);
      }
    });
    result.pointers.push(result.values.length);
  }
  return result;
}

/** @returns the addresses of pointers, indices and values */
export function store(sandbox: Sandbox, { pointers, indices, values }: Compressed): [number, number, number] {
  return [sandbox.u32(pointers), sandbox.u16(indices), sandbox.floats(values)];
}

/** Index of an entry of a matrix that lies in blocks of 32 columns. */
export function place(rows: number, row: number, column: number): number {
  return (Math.floor(column / 32) * rows + row) * 32 + (column % 32);
}

/** A matrix in blocks of 32 columns, zeros behind the last. */
export function toBlocks(matrix: readonly number[][]): number[] {
  const rows = matrix.length;
  const blocks: number[] = new Array(rows * Math.ceil(matrix[0].length / 32) * 32).fill(0);
  matrix.forEach((row, i) => {
    row.forEach((value, j) => {
      blocks[place(rows, i, j)] = value;
    });
  });
  return blocks;
}
