import type { ValueMask } from "../engine/masked.js";
import type { Arena } from "../engine/memory.js";
import type { Thread } from "../engine/thread.js";
import { type CompressedRows, reserveRows, type SparseWeights } from "../engine/weights.js";
import type { TransposedWeights } from "./transposed.js";
import type { LayerWeights, ModelWeights } from "./weights.js";

/** Matrices with the node locations that they read and write; null: what they read has no nodes. */
const MATRICES = [
  { key: "c_attn", reads: "attn.act_in", writes: ["attn.q", "attn.k", "attn.v"] },
  { key: "attn_c_proj", reads: null, writes: ["attn.resid_delta"] },
  { key: "c_fc", reads: "mlp.act_in", writes: ["mlp.post_act"] },
  { key: "mlp_c_proj", reads: "mlp.post_act", writes: ["mlp.resid_delta"] },
] as const;

/** The part of a model that masks leave to be computed. */
export interface SelectedWeights {
  readonly model: ModelWeights;
  /** Of its matrices; null where there is no backward pass. */
  readonly transposed: TransposedWeights | null;
  /** Makes them for the masks as they are now, on every thread alike. */
  write(): void;
}

/**
 * A model without the weights that masks make idle, in the engine's memory, beside the original: what nodes that are
 * masked wholly are read as is part of the biases, and no gradient comes back from nodes that they are written to. So a
 * circuit costs what its own nonzeros do. In two steps, since all memory of a call is claimed before it is written.
 * @param masks by hook point
 */
export function reserveSelected(
  thread: Thread,
  arena: Arena,
  model: ModelWeights,
  masks: ReadonlyMap<string, ValueMask>,
  allTransposed: TransposedWeights | null,
): SelectedWeights {
  const layers: LayerWeights[] = [...model.layers];
  const transposed = new Map<SparseWeights, CompressedRows>();
  const writes: (() => void)[] = [];
  for (const [i, layer] of model.layers.entries()) {
    for (const { key, reads, writes: written } of MATRICES) {
      let matrix = layer[key];
      const before = allTransposed?.get(matrix);
      const input = reads === null ? undefined : masks.get(`${i}.${reads}`);
      if (input) {
        const { select, selected } = reserveColumns(thread, arena, matrix, input);
        writes.push(select);
        matrix = selected;
      }
      layers[i] = { ...layers[i], [key]: matrix };
      if (!before) continue;
      const outputs = written.map((point) => masks.get(`${i}.${point}`));
      if (!outputs.every((output) => output !== undefined)) {
        transposed.set(matrix, before);
        continue;
      }
      const { select, rows } = reserveOutputs(thread, arena, layer[key], before, outputs);
      writes.push(select);
      transposed.set(matrix, rows);
    }
  }
  return {
    model: { ...model, layers },
    transposed: allTransposed && transposed,
    write() {
      // Nobody reads any more what was there.
      thread.barrier();
      for (let i = thread.index; i < writes.length; i += thread.count) writes[i]();
      thread.barrier();
    },
  };
}

/** The columns of a matrix whose inputs are not masked. */
function reserveColumns(
  thread: Thread,
  arena: Arena,
  matrix: SparseWeights,
  { masks, constants }: ValueMask,
) {
  const { rows, nonzeros, byRow, bias } = matrix;
  const to = reserveRows(arena, rows, nonzeros);
  const biases = arena.floats(rows + 16);
  return {
    selected: { ...matrix, byRow: to, byColumn: null, bias: biases },
    select() {
      thread.kernels.csr_select_columns(
        ...([to.pointers, to.indices, to.values, biases] as const),
        ...([byRow.pointers, byRow.indices, byRow.values, bias, masks, constants, rows] as const),
      );
    },
  };
}

/** The rows of a matrix whose outputs are not masked, transposed. */
function reserveOutputs(
  thread: Thread,
  arena: Arena,
  { rows, columns, nonzeros }: SparseWeights,
  from: CompressedRows,
  outputs: readonly ValueMask[],
) {
  const to = reserveRows(arena, columns, nonzeros);
  const masks = arena.floats(rows);
  return {
    rows: to,
    select() {
      const { memory, kernels } = thread;
      const all = memory.floats(masks, rows);
      let offset = 0;
      for (const output of outputs) {
        all.set(memory.floats(output.masks, output.width), offset);
        offset += output.width;
      }
      kernels.csr_select_columns(
        ...([to.pointers, to.indices, to.values, 0] as const),
        ...([from.pointers, from.indices, from.values, 0, masks, 0, columns] as const),
      );
    },
  };
}
