import { SparseLensError } from "../errors.js";
import type { SparseMatrix } from "../tensor.js";
import { bfloat16Values, type Dtype, decode, float16Values } from "./dtype.js";

/** An index array just wide enough for column numbers below `columns`. */
export function indexArray(columns: number, length: number): Uint16Array | Uint32Array {
  return columns <= 65536 ? new Uint16Array(length) : new Uint32Array(length);
}

/**
 * Collects the nonzeros of a row-major matrix that is fed in pieces of whole rows. Both zeros count as zero: the sign
 * of a negative zero is lost.
 */
export class SparseBuilder {
  private readonly rowPointers: Uint32Array;
  private columnIndices: Uint16Array | Uint32Array;
  private values: Float32Array;
  private row = 0;
  private count = 0;

  /** `where` names file and tensor in errors. */
  constructor(
    private readonly rows: number,
    private readonly columns: number,
    private readonly where: string,
  ) {
    this.rowPointers = new Uint32Array(rows + 1);
    this.columnIndices = indexArray(columns, 0);
    this.values = new Float32Array(0);
  }

  /** `bytes`: the next rows, whole, aligned to the element size. */
  addRows(dtype: Dtype, bytes: Uint8Array): void {
    if (dtype === "F16") this.addRows16(bytes, 0x7c00, float16Values());
    else if (dtype === "BF16") this.addRows16(bytes, 0x7f80, bfloat16Values());
    else this.addRows32(decode(dtype, bytes));
  }

  finish(): SparseMatrix {
    return {
      rows: this.rows,
      columns: this.columns,
      rowPointers: this.rowPointers,
      columnIndices: this.columnIndices.slice(0, this.count),
      values: this.values.slice(0, this.count),
    };
  }

  private addRows32(values: Float32Array): void {
    const { columns } = this;
    const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
    const rows = columns ? values.length / columns : this.rows;
    const whole = columns - (columns % 8);
    for (let r = 0; r < rows; r++) {
      this.reserve(columns);
      const { columnIndices, values: kept } = this;
      const base = r * columns;
      let count = this.count;
      let column = 0;
      while (column < columns) {
        if (column < whole) {
          // Almost all of a sparse matrix is zero: look at eight elements at once.
          const i = base + column;
          const any =
            bits[i] |
            bits[i + 1] |
            bits[i + 2] |
            bits[i + 3] |
            bits[i + 4] |
            bits[i + 5] |
            bits[i + 6] |
            bits[i + 7];
          if ((any & 0x7fffffff) === 0) {
            column += 8;
            continue;
          }
        }
        const end = column < whole ? column + 8 : columns;
        for (; column < end; column++) {
          const b = bits[base + column];
          if ((b & 0x7fffffff) === 0) continue;
          if ((b & 0x7f800000) === 0x7f800000) throw this.notFinite(values[base + column], column);
          columnIndices[count] = column;
          kept[count++] = values[base + column];
        }
      }
      this.endRow(count);
    }
  }

  private addRows16(bytes: Uint8Array, exponentMask: number, table: Float32Array): void {
    const { columns } = this;
    const bits = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
    const rows = columns ? bits.length / columns : this.rows;
    const whole = columns - (columns % 8);
    for (let r = 0; r < rows; r++) {
      this.reserve(columns);
      const { columnIndices, values: kept } = this;
      const base = r * columns;
      let count = this.count;
      let column = 0;
      while (column < columns) {
        if (column < whole) {
          const i = base + column;
          const any =
            bits[i] |
            bits[i + 1] |
            bits[i + 2] |
            bits[i + 3] |
            bits[i + 4] |
            bits[i + 5] |
            bits[i + 6] |
            bits[i + 7];
          if ((any & 0x7fff) === 0) {
            column += 8;
            continue;
          }
        }
        const end = column < whole ? column + 8 : columns;
        for (; column < end; column++) {
          const b = bits[base + column];
          if ((b & 0x7fff) === 0) continue;
          if ((b & exponentMask) === exponentMask) throw this.notFinite(table[b], column);
          columnIndices[count] = column;
          kept[count++] = table[b];
        }
      }
      this.endRow(count);
    }
  }

  private endRow(count: number): void {
    this.count = count;
    this.rowPointers[++this.row] = count;
  }

  /** Room for `extra` more entries, growing towards what the rows seen so far make likely. */
  private reserve(extra: number): void {
    const needed = this.count + extra;
    if (needed <= this.values.length) return;
    const likely = this.row ? Math.ceil((this.count / this.row) * this.rows * 1.05) : 0;
    const capacity = Math.min(
      this.rows * this.columns,
      Math.max(needed, likely + extra, Math.ceil(this.values.length * 1.5)),
    );
    const columnIndices = indexArray(this.columns, capacity);
    columnIndices.set(this.columnIndices.subarray(0, this.count));
    this.columnIndices = columnIndices;
    const values = new Float32Array(capacity);
    values.set(this.values.subarray(0, this.count));
    this.values = values;
  }

  private notFinite(value: number, column: number): SparseLensError {
    return new SparseLensError(
      `${this.where} has the value ${value} at [${this.row}, ${column}]: weights must be finite numbers.`,
    );
  }
}

/** The matrix as dense row-major values, `[rows * columns]`. */
export function toDense(matrix: SparseMatrix): Float32Array {
  const { rows, columns, rowPointers, columnIndices, values } = matrix;
  const dense = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const base = row * columns;
    for (let i = rowPointers[row]; i < rowPointers[row + 1]; i++) dense[base + columnIndices[i]] = values[i];
  }
  return dense;
}

/** The first value that is not finite makes an error that names it; `where` names file and tensor. */
export function requireFinite(values: Float32Array, where: string): void {
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) {
    if ((bits[i] & 0x7f800000) === 0x7f800000) {
      throw new SparseLensError(
        `${where} has the value ${values[i]} at element ${i}: weights must be finite numbers.`,
      );
    }
  }
}
