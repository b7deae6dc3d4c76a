import type { Arena } from "../engine/memory.js";
import type { Thread } from "../engine/thread.js";
import { type CompressedRows, reserveRows, type SparseWeights } from "../engine/weights.js";
import type { ModelWeights } from "./weights.js";

/** The matrices of the linear layers, transposed: what gradients of values are multiplied with. */
export type TransposedWeights = ReadonlyMap<SparseWeights, CompressedRows>;

/** Room for them. In two steps, since all memory is claimed before it is written. */
export function reserveTransposed(
  thread: Thread,
  arena: Arena,
  { layers }: ModelWeights,
): { transposed: TransposedWeights; write(): void } {
  const matrices = layers.flatMap((layer) => [layer.c_attn, layer.attn_c_proj, layer.c_fc, layer.mlp_c_proj]);
  const transposed = new Map(
    matrices.map((matrix) => [matrix, reserveRows(arena, matrix.columns, matrix.nonzeros)]),
  );
  return {
    transposed,
    write() {
      [...transposed].forEach(([{ byRow, rows, columns }, to], i) => {
        if (i % thread.count !== thread.index) return;
        thread.kernels.transpose_csr(
          ...([to.pointers, to.indices, to.values] as const),
          ...([byRow.pointers, byRow.indices, byRow.values, rows, columns] as const),
        );
      });
      thread.barrier();
    },
  };
}
