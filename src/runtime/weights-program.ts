import type { Thread } from "../engine/thread.js";
import { type ModelWeights, namedWeights } from "../model/weights.js";
import type { SparseMatrix } from "../tensor.js";

/** Reads weights back out of the engine. */
export interface WeightsCall {
  readonly type: "weights";
  /** In the state dict; null: all. */
  readonly names: readonly string[] | null;
}

export interface WeightsResult {
  /** By name in the state dict. */
  readonly matrices: ReadonlyMap<string, SparseMatrix>;
  /** Everything else, the bigram table row-major. */
  readonly vectors: ReadonlyMap<string, Float32Array<ArrayBuffer>>;
}

/** Runs on every thread alike; thread 0 returns the result. */
export function readWeights(
  { index, memory }: Thread,
  model: ModelWeights,
  { names }: WeightsCall,
): WeightsResult {
  const matrices = new Map<string, SparseMatrix>();
  const vectors = new Map<string, Float32Array<ArrayBuffer>>();
  const wanted = names && new Set(names);
  for (const { name, matrix, vector } of index === 0 ? namedWeights(model) : []) {
    if (wanted && !wanted.has(name)) continue;
    if (vector) vectors.set(name, memory.copyOut(vector.pointer, vector.length));
    if (!matrix) continue;
    const { rows, columns, nonzeros, byRow } = matrix;
    const { buffer } = memory.bytes;
    matrices.set(name, {
      ...{ rows, columns },
      rowPointers: new Uint32Array(buffer, byRow.pointers, rows + 1).slice(),
      columnIndices: new Uint16Array(buffer, byRow.indices, nonzeros).slice(),
      values: memory.copyOut(byRow.values, nonzeros),
    });
  }
  return { matrices, vectors };
}
