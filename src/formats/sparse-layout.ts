import { SparseLensError } from "../errors.js";
import type { ByteSource } from "../io/byte-source.js";
import type { SparseMatrix } from "../tensor.js";
import { aligned, type Dtype, decode, encode, sizeOf } from "./dtype.js";
import { quote } from "./quote.js";
import type { SafetensorsEntry, SafetensorsFile, TensorToWrite } from "./safetensors.js";
import { requireFinite, toDense } from "./sparse-builder.js";
import type { StoredTensor } from "./stored-tensor.js";

/** How our own model directory keeps a sparse matrix in safetensors: docs/formats.md describes it. */

/** 2: the bigram table may be stored as counts. */
const layoutVersions = [1, 2];

export function isLayoutVersion(value: unknown): boolean {
  return layoutVersions.includes(value as number);
}

/** The earliest version of the layout that can hold these tensors, so that older readers read what they can. */
export function layoutVersionFor(tensors: ReadonlyMap<string, StoredTensor>): number {
  return [...tensors.values()].some(({ counted }) => counted) ? 2 : 1;
}

/** Element types that a sparse matrix can have. */
export type SparseDtype = "F32" | "F16" | "BF16";

export function isSparseDtype(dtype: Dtype): dtype is SparseDtype {
  return dtype === "F32" || dtype === "F16" || dtype === "BF16";
}

const shapesKey = "sparse_shapes";
const parts = ["row_pointers", "column_indices", "values"] as const;

/** More elements than a model has, few enough that one matrix can be made dense. */
export const elementLimit = 2 ** 31;

/** Bytes that a matrix takes when it is stored sparse. */
export function sparseByteLength(
  rows: number,
  columns: number,
  nonzeros: number,
  dtype: SparseDtype,
): number {
  return 4 * (rows + 1) + nonzeros * (sizeOf(dtype) + (columns <= 65536 ? 2 : 4));
}

/** The tensors and the metadata that represent sparse matrices. */
export function writeSparseMatrices(
  matrices: ReadonlyMap<string, { matrix: SparseMatrix; dtype: SparseDtype }>,
): { tensors: TensorToWrite[]; metadata: Record<string, string> } {
  const tensors: TensorToWrite[] = [];
  const shapes: [string, number[]][] = [];
  for (const [name, { matrix, dtype }] of matrices) {
    const { rows, columns, rowPointers, columnIndices, values } = matrix;
    shapes.push([name, [rows, columns]]);
    const add = (part: (typeof parts)[number], type: Dtype, length: number, bytes: () => Uint8Array) =>
      tensors.push({ name: `${name}.${part}`, dtype: type, shape: [length], read: async () => bytes() });
    add("row_pointers", "U32", rows + 1, () => bytesOf(rowPointers));
    add("column_indices", columns <= 65536 ? "U16" : "U32", values.length, () => bytesOf(columnIndices));
    add("values", dtype, values.length, () => encode(dtype, values));
  }
  return { tensors, metadata: { [shapesKey]: JSON.stringify(Object.fromEntries(shapes)) } };
}

export function bytesOf(array: Uint16Array | Uint32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** The sparse matrices of a file of ours, by name, and the names of the arrays that they consist of. */
export function readSparseMatrices(
  file: SafetensorsFile,
  beforeRead: () => void,
): { matrices: StoredTensor[]; used: Set<string> } {
  const where = file.source.name;
  const text = file.metadata.get(shapesKey);
  if (text === undefined) throw new SparseLensError(`${where} lacks ${shapesKey} in its __metadata__.`);
  let shapes: unknown;
  try {
    shapes = JSON.parse(text);
  } catch {
    throw new SparseLensError(`${where}: ${shapesKey} in its __metadata__ is not valid JSON.`);
  }
  if (typeof shapes !== "object" || shapes === null) {
    throw new SparseLensError(`${where}: ${shapesKey} in its __metadata__ is not an object.`);
  }
  const used = new Set<string>();
  const matrices: StoredTensor[] = [];
  for (const [name, shape] of Object.entries(shapes)) {
    const isLength = (n: unknown) => Number.isSafeInteger(n) && (n as number) >= 0;
    if (
      !Array.isArray(shape) ||
      shape.length !== 2 ||
      !shape.every(isLength) ||
      shape[0] * shape[1] > elementLimit
    ) {
      throw new SparseLensError(`${where}: ${name} has no valid shape (${quote(shape)}).`);
    }
    const [rowPointers, columnIndices, values] = parts.map((part) => {
      const entry = file.tensors.get(`${name}.${part}`);
      if (!entry) throw new SparseLensError(`${where}: ${name}.${part} is missing.`);
      used.add(entry.name);
      return entry;
    });
    const fail = (problem: string) => new SparseLensError(`${where}: ${name} ${problem}.`);
    if (rowPointers.dtype !== "U32" || `${rowPointers.shape}` !== `${shape[0] + 1}`) {
      throw fail(`needs row_pointers of type U32 and shape [${shape[0] + 1}]`);
    }
    if (columnIndices.dtype !== (shape[1] <= 65536 ? "U16" : "U32") || columnIndices.shape.length !== 1) {
      throw fail(`needs column_indices of type ${shape[1] <= 65536 ? "U16" : "U32"}`);
    }
    if (!isSparseDtype(values.dtype))
      throw fail(`has values of type ${values.dtype}; F32, F16 or BF16 is needed`);
    if (`${values.shape}` !== `${columnIndices.shape}`) {
      throw fail(`has ${columnIndices.shape} column_indices but ${values.shape} values`);
    }
    const entries = { rowPointers, columnIndices, values };
    matrices.push(new SparseStoredTensor(name, shape as [number, number], file, entries, beforeRead));
  }
  return { matrices, used };
}

class SparseStoredTensor implements StoredTensor {
  readonly storedAs = "sparse";
  readonly dtype: SparseDtype;

  constructor(
    readonly name: string,
    readonly shape: [number, number],
    private readonly file: SafetensorsFile,
    private readonly entries: Record<"rowPointers" | "columnIndices" | "values", SafetensorsEntry>,
    private readonly beforeRead: () => void,
  ) {
    this.dtype = entries.values.dtype as SparseDtype;
  }

  async readSparse(): Promise<SparseMatrix> {
    this.beforeRead();
    const [rows, columns] = this.shape;
    const { source } = this.file;
    const [pointerBytes, indexBytes, valueBytes] = await Promise.all(
      [this.entries.rowPointers, this.entries.columnIndices, this.entries.values].map((entry) =>
        readOwn(source, entry),
      ),
    );
    const length = this.entries.values.shape[0];
    const rowPointers = new Uint32Array(pointerBytes.buffer, pointerBytes.byteOffset, rows + 1);
    const IndexArray = columns <= 65536 ? Uint16Array : Uint32Array;
    const columnIndices = new IndexArray(indexBytes.buffer as ArrayBuffer, indexBytes.byteOffset, length);
    const values = decode(this.dtype, valueBytes);
    const where = `${this.file.source.name}: ${this.name}`;
    checkRows(columns, rowPointers, columnIndices, where);
    requireFinite(values, where);
    return { rows, columns, rowPointers, columnIndices, values };
  }

  async readDense(): Promise<Float32Array> {
    return toDense(await this.readSparse());
  }

  async readBytes(): Promise<Uint8Array> {
    return encode(this.dtype, await this.readDense());
  }
}

/** Bytes that are the caller's alone and aligned to their elements. */
export async function readOwn(source: ByteSource, entry: SafetensorsEntry): Promise<Uint8Array> {
  const bytes = await source.read(entry.offset, entry.byteLength);
  return bytes.byteLength === bytes.buffer.byteLength ? aligned(bytes, 8) : new Uint8Array(bytes);
}

/** @throws SparseLensError unless row pointers rise from 0 to the number of entries and columns ascend in each row */
export function checkRows(
  columns: number,
  rowPointers: Uint32Array,
  columnIndices: Uint16Array | Uint32Array,
  where: string,
): void {
  const rows = rowPointers.length - 1;
  const entries = columnIndices.length;
  const fail = (problem: string) => new SparseLensError(`${where}: ${problem}.`);
  if (rowPointers[0] !== 0 || rowPointers[rows] !== entries) {
    throw fail(`row_pointers go from ${rowPointers[0]} to ${rowPointers[rows]}, not from 0 to ${entries}`);
  }
  for (let row = 0; row < rows; row++) {
    const end = rowPointers[row + 1];
    if (end < rowPointers[row] || end > entries) throw fail(`row_pointers do not ascend at row ${row}`);
    let previous = -1;
    for (let i = rowPointers[row]; i < end; i++) {
      const column = columnIndices[i];
      if (column <= previous) throw fail(`column_indices do not ascend in row ${row}`);
      previous = column;
    }
    if (previous >= columns)
      throw fail(`row ${row} has the column index ${previous}, but there are ${columns} columns`);
  }
}
