import { Random } from "../random.js";
import type { SparseMatrix } from "../tensor.js";
import type { ModelConfig } from "./config.js";
import type { TensorSource } from "./weights.js";

/**
 * Random weights on the trained sparsity pattern: in each tensor the nonzero values change places at random. What each
 * tensor's values are, and where it is zero, stays; what was learned beyond that is gone.
 */
export function shuffledWeights(
  tensors: ReadonlyMap<string, TensorSource>,
  { tied_unembed }: Pick<ModelConfig, "tied_unembed">,
  seed: number,
): Map<string, TensorSource> {
  const shuffled = new Map<string, TensorSource>();
  for (const [i, [name, tensor]] of [...tensors].entries()) {
    // A tied unembedding is the embedding.
    if (tied_unembed && name === "lm_head.weight") continue;
    // A generator for each tensor, in whichever order they are read.
    shuffled.set(
      name,
      shuffledTensor(tensor, () => new Random(seed + 1_000_003 * i)),
    );
  }
  return shuffled;
}

function shuffledTensor(tensor: TensorSource, random: () => Random): TensorSource {
  return {
    shape: tensor.shape,
    async readDense(): Promise<Float32Array> {
      const values = (await tensor.readDense()).slice();
      shuffleNonzeros(values, random());
      return values;
    },
    async readSparse(): Promise<SparseMatrix> {
      const matrix = await tensor.readSparse();
      const values = matrix.values.slice();
      shuffleNonzeros(values, random());
      return { ...matrix, values };
    },
  };
}

function shuffleNonzeros(values: Float32Array, random: Random): void {
  const nonzeros = random.shuffle(values.filter((value) => value !== 0));
  let next = 0;
  for (let i = 0; i < values.length; i++) if (values[i] !== 0) values[i] = nonzeros[next++];
}
