import { SparseLensError } from "../errors.js";
import { BIGRAM_FORMULAS, type BigramCounts, bigramTable } from "../model/bigram-table.js";
import type { SparseMatrix } from "../tensor.js";
import { encode } from "./dtype.js";
import { quote } from "./quote.js";
import type { SafetensorsFile, TensorToWrite } from "./safetensors.js";
import { SparseBuilder } from "./sparse-builder.js";
import { bytesOf, checkRows, elementLimit, readOwn } from "./sparse-layout.js";
import type { CountedTable, StoredTensor } from "./stored-tensor.js";

/**
 * A bigram table that was counted, not learned, kept as its counts and the name of the formula: dense it would be the
 * largest thing in a small model. docs/formats.md describes it.
 */

const formulaKey = "bigram_formula";
const name = "bigram_table";
const parts = ["row_pointers", "column_indices", "counts"] as const;

/** A bigram table that is computed from counts whenever it is read. */
export class CountedBigramTable implements StoredTensor {
  readonly name = name;
  readonly dtype = "F32";
  readonly storedAs = "counted";
  readonly shape: number[];

  constructor(
    vocabularySize: number,
    readonly counted: CountedTable,
  ) {
    this.shape = [vocabularySize, vocabularySize];
  }

  async readDense(): Promise<Float32Array> {
    return bigramTable(await this.counted.readCounts());
  }

  async readSparse(): Promise<SparseMatrix> {
    const builder = new SparseBuilder(this.shape[0], this.shape[1], name);
    builder.addRows("F32", await this.readBytes());
    return builder.finish();
  }

  async readBytes(): Promise<Uint8Array> {
    return encode("F32", await this.readDense());
  }
}

/** The tensors and the metadata that represent the counts. */
export function writeCountedTable(counts: BigramCounts): {
  tensors: TensorToWrite[];
  metadata: Record<string, string>;
} {
  const part = (index: number, dtype: "U32" | "U16", array: Uint32Array | Uint16Array): TensorToWrite => ({
    name: `${name}.${parts[index]}`,
    dtype,
    shape: [array.length],
    read: async () => bytesOf(array),
  });
  return {
    tensors: [
      part(0, "U32", counts.rowPointers),
      part(1, "U16", counts.columnIndices),
      part(2, "U32", counts.counts),
    ],
    metadata: { [formulaKey]: counts.formula },
  };
}

/** The counted bigram table of a file of ours, if it has one, and the names of the arrays that it consists of. */
export function readCountedTable(
  { source, metadata, tensors }: SafetensorsFile,
  beforeRead: () => void,
): { table: CountedBigramTable; used: Set<string> } | null {
  const named = metadata.get(formulaKey);
  if (named === undefined) return null;
  const where = `${source.name}: ${name}`;
  const fail = (problem: string) => new SparseLensError(`${where} ${problem}.`);
  const formula = BIGRAM_FORMULAS.find((known) => known === named);
  if (!formula) {
    throw fail(
      `is to be computed by the formula ${quote(named)}; this version of SparseLens knows ${BIGRAM_FORMULAS.map(quote).join(" and ")}`,
    );
  }
  const [rowPointers, columnIndices, counts] = parts.map((part) => {
    const entry = tensors.get(`${name}.${part}`);
    if (!entry) throw new SparseLensError(`${source.name}: ${name}.${part} is missing.`);
    const dtype = part === "column_indices" ? "U16" : "U32";
    if (entry.dtype !== dtype || entry.shape.length !== 1) {
      throw fail(`needs ${part} of type ${dtype} and one dimension, not ${entry.dtype} [${entry.shape}]`);
    }
    return entry;
  });
  const vocabularySize = rowPointers.shape[0] - 1;
  if (vocabularySize < 1 || vocabularySize ** 2 > elementLimit) {
    throw fail(`has row_pointers for a vocabulary of ${vocabularySize}`);
  }
  const pairs = counts.shape[0];
  if (columnIndices.shape[0] !== pairs) {
    throw fail(`has ${columnIndices.shape} column_indices but ${pairs} counts`);
  }
  const readCounts = async (): Promise<BigramCounts> => {
    beforeRead();
    const [pointerBytes, columnBytes, countBytes] = await Promise.all(
      [rowPointers, columnIndices, counts].map((entry) => readOwn(source, entry)),
    );
    const read = {
      ...{ formula, vocabularySize },
      rowPointers: new Uint32Array(pointerBytes.buffer, pointerBytes.byteOffset, vocabularySize + 1),
      columnIndices: new Uint16Array(columnBytes.buffer, columnBytes.byteOffset, pairs),
      counts: new Uint32Array(countBytes.buffer, countBytes.byteOffset, pairs),
    };
    checkRows(vocabularySize, read.rowPointers, read.columnIndices, where);
    const zero = read.counts.indexOf(0);
    if (zero >= 0) throw fail(`has a count of zero at entry ${zero}`);
    return read;
  };
  const table = new CountedBigramTable(vocabularySize, { pairs, readCounts });
  return { table, used: new Set(parts.map((part) => `${name}.${part}`)) };
}
