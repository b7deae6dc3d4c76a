import type { Arena } from "../engine/memory.js";
import type { Thread } from "../engine/thread.js";
import type { SparseWeights } from "../engine/weights.js";
import { SparseLensError } from "../errors.js";
import type { LayerWeights, ModelWeights } from "./weights.js";

/**
 * A linear layer without some of its weights, constants in place of what they contributed: for weights w from inputs with
 * the constants c, Σ w · c is added to the bias. Plain data.
 */
export interface WeightEdit {
  /** The matrix, in the state dict. */
  readonly name: string;
  /** Which of its nonzeros are left out, by their number in compressed rows. */
  readonly entries: Uint32Array;
  /** `[rows]`: what is added to each output. */
  readonly bias: Float32Array;
}

const LAYER_MATRICES = {
  "attn.c_attn.weight": "c_attn",
  "attn.c_proj.weight": "attn_c_proj",
  "mlp.c_fc.weight": "c_fc",
  "mlp.c_proj.weight": "mlp_c_proj",
} as const;

/**
 * A matrix by its name in the state dict.
 * @throws SparseLensError when it is none of a linear layer
 */
export function findMatrix(layers: readonly LayerWeights[], name: string) {
  const [, layer, rest] = /^transformer\.h\.(\d+)\.(.*)$/.exec(name) ?? [];
  const key = LAYER_MATRICES[rest as keyof typeof LAYER_MATRICES];
  const matrix: SparseWeights | undefined = key && layers[Number(layer)]?.[key];
  if (!matrix) throw new SparseLensError(`${name} is not a matrix of a linear layer.`);
  return { layer: Number(layer), key, matrix };
}

/**
 * An edited model in the engine's memory, beside the original. In two steps, since all memory of a call is claimed before
 * it is written.
 */
export function reserveEdits(
  thread: Thread,
  arena: Arena,
  model: ModelWeights,
  edits: readonly WeightEdit[],
): { model: ModelWeights; write(): void } {
  const layers: LayerWeights[] = [...model.layers];
  const writes: (() => void)[] = [];
  const { memory } = thread;
  for (const { name, entries, bias } of edits) {
    const { layer, key, matrix } = findMatrix(layers, name);
    const { nonzeros, rows, byRow } = matrix;
    const values = arena.floats(nonzeros);
    const biases = arena.floats(rows + 16);
    writes.push(() => {
      const target = memory.floats(values, nonzeros);
      target.set(memory.floats(byRow.values, nonzeros));
      for (const entry of entries) target[entry] = 0;
      const added = memory.floats(biases, rows);
      added.fill(0);
      if (matrix.bias) added.set(memory.floats(matrix.bias, rows));
      for (let row = 0; row < rows; row++) added[row] += bias[row];
    });
    const edited = { ...matrix, byRow: { ...byRow, values }, byColumn: null, bias: biases };
    layers[layer] = { ...layers[layer], [key]: edited };
  }
  return {
    model: { ...model, layers },
    write() {
      if (thread.index === 0) for (const write of writes) write();
      thread.barrier();
    },
  };
}
