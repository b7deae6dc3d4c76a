import type { Checkpoint, StoredTensor } from "../formats/checkpoint.js";
import { parseConfig } from "../model/config.js";
import { describe } from "../model/description.js";
import type { SparseMatrix } from "../tensor.js";

/** A shape to measure: sizes of the architecture, the rest as csp_yolo2 has it. */
export interface SyntheticShape {
  readonly n_layer: number;
  readonly d_model: number;
  readonly d_mlp: number;
  readonly n_head: number;
  readonly d_head: number;
  readonly vocab_size: number;
  readonly block_size: number;
  /** Fraction of activations that AbsTopK keeps. */
  readonly afrac: number;
  /** Fraction of weights that are not zero. */
  readonly density: number;
}

/** The released model csp_yolo2 (Hugging Face `openai/circuit-sparsity`). */
export const CSP_YOLO2: SyntheticShape = {
  ...{ n_layer: 8, d_model: 2048, d_mlp: 8192, n_head: 128, d_head: 16 },
  ...{ vocab_size: 2048, block_size: 256, afrac: 0.25, density: 0.016 },
};

/** A model of a given shape with random weights, as if it had been opened from a file. */
export function syntheticCheckpoint({ density, ...shape }: SyntheticShape, seed = 0): Checkpoint {
  const config = {
    ...shape,
    ...{
      bias: true,
      ln_bias: true,
      rms_norm: true,
      sink: true,
      tied_unembed: false,
      enable_bigram_table: true,
    },
    ...{ activation_type: "gelu", residual_activation_type: "identity" },
    afrac_loctypes: "attn_in,attn_q,attn_k,attn_v,attn_out,mlp_in,mlp_neuron,mlp_out",
  };
  const location = "synthetic model";
  const tensors = new Map<string, StoredTensor>();
  describe(parseConfig(config, location)).parameters.forEach(({ name, shape, optional }, index) => {
    if (optional) return;
    const random = generator(seed * 1000 + index);
    const kind = name.includes(".ln_") ? "ones" : /bias|sink|wpe/.test(name) ? "zeros" : "random";
    const size = shape.reduce((product, length) => product * length, 1);
    const sparse = (): SparseMatrix => {
      if (kind === "zeros") return randomMatrix(shape[0], shape[1], 0, random);
      return randomMatrix(shape[0], shape[1], name === "bigram_table" ? 1 : density, random);
    };
    const readDense = async () => {
      if (kind === "ones") return new Float32Array(size).fill(1);
      if (shape.length === 1 || kind === "zeros") return new Float32Array(size);
      return toDense(sparse());
    };
    tensors.set(name, {
      ...{ name, shape: [...shape], dtype: "F32", storedAs: shape.length === 2 ? "sparse" : "dense" },
      readDense,
      readSparse: async () => sparse(),
      readBytes: async () => new Uint8Array((await readDense()).buffer),
    });
  });
  return {
    ...{ location, layout: "sparselens", configFile: location, config, tensors, tokenizer: null },
    close: async () => {},
  };
}

// The same number of nonzeros in each row, at random columns, of a size that keeps activations at unit scale.
function randomMatrix(rows: number, columns: number, density: number, random: () => number): SparseMatrix {
  const perRow = Math.round(columns * density);
  const rowPointers = Uint32Array.from({ length: rows + 1 }, (_, row) => row * perRow);
  const columnIndices = new Uint16Array(rows * perRow);
  const values = new Float32Array(rows * perRow);
  const scale = Math.sqrt(12 / Math.max(1, perRow));
  for (let row = 0; row < rows; row++) {
    // Selection sampling (Knuth, TAOCP 2, 3.4.2 S): ascending, without repeats.
    let chosen = 0;
    for (let column = 0; chosen < perRow; column++) {
      if ((columns - column) * random() >= perRow - chosen) continue;
      columnIndices[row * perRow + chosen] = column;
      values[row * perRow + chosen++] = (random() - 0.5) * scale;
    }
  }
  return { rows, columns, rowPointers, columnIndices, values };
}

function toDense({ rows, columns, rowPointers, columnIndices, values }: SparseMatrix): Float32Array {
  const dense = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let i = rowPointers[row]; i < rowPointers[row + 1]; i++)
      dense[row * columns + columnIndices[i]] = values[i];
  }
  return dense;
}

// mulberry32
function generator(seed: number): () => number {
  let state = seed + 0x6d2b79f5;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
