import { SparseLensError } from "../errors.js";
import type { ByteSource } from "../io/byte-source.js";
import type { BigramCounts } from "../model/bigram-table.js";
import type { SparseMatrix } from "../tensor.js";
import { aligned, type Dtype, decode, isFloat, sizeOf } from "./dtype.js";
import { requireFinite, SparseBuilder } from "./sparse-builder.js";

/** A tensor in a file: its data is read when asked for. All results are row-major. */
export interface StoredTensor {
  readonly name: string;
  readonly shape: number[];
  readonly dtype: Dtype;
  /** How the file holds it. */
  readonly storedAs: "dense" | "sparse" | "counted";
  /** Of a bigram table that is stored as counts. */
  readonly counted?: CountedTable;
  /** @throws SparseLensError naming file and tensor when a value is NaN or infinite. */
  readDense(): Promise<Float32Array>;
  /** A matrix `[rows, columns]` by its nonzeros; negative zeros count as zero. Throws as `readDense` does. */
  readSparse(): Promise<SparseMatrix>;
  /** The elements as they are stored, little-endian. */
  readBytes(): Promise<Uint8Array>;
}

/** The counts from which a bigram table is computed when it is read. */
export interface CountedTable {
  /** Pairs of tokens that have a count. */
  readonly pairs: number;
  /** @throws SparseLensError when they contradict each other */
  readCounts(): Promise<BigramCounts>;
}

/** Where a tensor without gaps lies in a file. */
export interface TensorPlace {
  source: ByteSource;
  /** In bytes. */
  offset: number;
}

/** Bytes that are read while those before them are searched for nonzeros. */
const pieceBytes = 4 * 2 ** 20;

/** A tensor whose elements lie in row-major order, without gaps, in a file. */
export class DenseTensor implements StoredTensor {
  readonly storedAs = "dense";

  /**
   * @param place looks up where the elements lie
   * @param scratch buffers that the tensors of one checkpoint share
   */
  constructor(
    readonly name: string,
    readonly dtype: Dtype,
    readonly shape: number[],
    private readonly place: () => Promise<TensorPlace>,
    private readonly scratch: Scratch,
  ) {}

  async readBytes(): Promise<Uint8Array> {
    const { source, offset } = await this.place();
    return await source.read(offset, elementCount(this.shape) * sizeOf(this.dtype));
  }

  async readDense(): Promise<Float32Array> {
    const bytes = await this.readBytes();
    const decoded = decode(this.dtype, bytes);
    if (isFloat(this.dtype)) requireFinite(decoded, await this.where());
    // A source in memory hands out views of itself: the result belongs to the caller.
    return decoded.buffer === bytes.buffer && bytes.byteLength !== bytes.buffer.byteLength
      ? decoded.slice()
      : decoded;
  }

  async readSparse(): Promise<SparseMatrix> {
    const [rows, columns] = matrixShape(this.name, this.shape);
    const { source, offset } = await this.place();
    const rowBytes = columns * sizeOf(this.dtype);
    const rowsPerPiece = Math.max(1, Math.floor(pieceBytes / Math.max(1, rowBytes)));
    const builder = new SparseBuilder(rows, columns, await this.where());
    const buffers = [0, 1].map(() => this.scratch.take(Math.min(rows, rowsPerPiece) * rowBytes));
    const read = (row: number, buffer: Uint8Array) => {
      const piece = source.read(
        offset + row * rowBytes,
        Math.min(rowsPerPiece, rows - row) * rowBytes,
        buffer,
      );
      // Should the search fail first, this failure has nobody to tell.
      piece.catch(() => {});
      return piece;
    };
    let pending: Promise<Uint8Array> | null = null;
    try {
      pending = rows ? read(0, buffers[0]) : null;
      for (let row = 0, turn = 0; pending; row += rowsPerPiece, turn ^= 1) {
        const piece: Uint8Array = await pending;
        const next = row + rowsPerPiece;
        pending = next < rows ? read(next, buffers[turn ^ 1]) : null;
        builder.addRows(this.dtype, piece);
      }
    } finally {
      // A buffer is only free when nothing is being read into it.
      await pending?.catch(() => {});
      for (const buffer of buffers) this.scratch.giveBack(buffer);
    }
    return builder.finish();
  }

  private async where(): Promise<string> {
    return `${(await this.place()).source.name}: ${this.name}`;
  }
}

/** A tensor whose elements have to be gathered first (from a storage with strides, for example). */
export class GatheredTensor implements StoredTensor {
  readonly storedAs = "dense";

  /** `where` names file and tensor in errors. */
  constructor(
    readonly name: string,
    readonly dtype: Dtype,
    readonly shape: number[],
    private readonly where: string,
    private readonly gather: () => Promise<Uint8Array>,
  ) {}

  readBytes(): Promise<Uint8Array> {
    return this.gather();
  }

  async readDense(): Promise<Float32Array> {
    const values = decode(this.dtype, await this.gather());
    if (isFloat(this.dtype)) requireFinite(values, this.where);
    return values;
  }

  async readSparse(): Promise<SparseMatrix> {
    const [rows, columns] = matrixShape(this.name, this.shape);
    const builder = new SparseBuilder(rows, columns, this.where);
    builder.addRows(this.dtype, aligned(await this.gather(), sizeOf(this.dtype)));
    return builder.finish();
  }
}

/** Buffers to read into, so that reading many tensors allocates little. */
export class Scratch {
  private readonly free: Uint8Array[] = [];

  /** A buffer of at least `length` bytes. */
  take(length: number): Uint8Array {
    const index = this.free.findIndex((buffer) => buffer.byteLength >= length);
    if (index >= 0) return this.free.splice(index, 1)[0];
    return new Uint8Array(length <= pieceBytes ? pieceBytes : length);
  }

  giveBack(buffer: Uint8Array): void {
    if (this.free.length < 4 && buffer.byteLength === pieceBytes) this.free.push(buffer);
  }
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** `[rows, columns]` of a matrix. */
export function matrixShape(name: string, shape: readonly number[]): [number, number] {
  if (shape.length !== 2)
    throw new SparseLensError(`${name} has the shape [${shape}]: only a matrix can be sparse.`);
  return [shape[0], shape[1]];
}
