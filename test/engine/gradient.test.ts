import { expect, test } from "vitest";
import type { Kernels } from "../../src/engine/kernels.js";
import { Thread } from "../../src/engine/thread.js";
import { Random } from "../../src/random.js";
import { planParameters } from "../../src/training/parameters.js";
import { createThread, denseConfig, gradientsOf, sequencesOf, startSession } from "../support/training.js";

const shape = { vocab_size: 45, n_layer: 2, d_model: 36, d_head: 9, d_mlp: 50, block_size: 20, afrac: 0.5 };
const everywhere = "attn_in,attn_q,attn_k,attn_v,attn_out,mlp_in,mlp_neuron,mlp_out";

// Products with dense matrices skip zeros that AbsTopK makes: of inputs forward, of gradients backward.
test.each([
  { name: "both ways", keys: { afrac_loctypes: everywhere } },
  { name: "forward", keys: { afrac_loctypes: "attn_in,mlp_in,mlp_neuron" } },
  { name: "backward", keys: { afrac_loctypes: "attn_q,attn_k,attn_v,attn_out,mlp_out" } },
  {
    name: "tied embeddings, positions",
    keys: { afrac_loctypes: everywhere, tied_unembed: true, d_pos_emb: 7 },
  },
  // Wide enough for products that scatter, and with more nonzeros than go through a chunk together.
  { name: "a wide MLP", keys: { d_mlp: 1300 }, scatters: true },
])(
  "dense and sparse layouts of the same matrices: the same gradients ($name)",
  async ({ keys, scatters = false }) => {
    const config = denseConfig({ ...shape, ...keys });
    const random = new Random(11);
    const weights = new Map(
      planParameters(config).map(({ name, shape }) => {
        const count = shape.reduce((product, length) => product * length, 1);
        const mean = /ln_\w+\.weight/.test(name) ? 1 : 0;
        const isSparse = shape.length === 2;
        const draw = () => (isSparse && random.chance(0.6) ? 0 : mean + 0.2 * random.normal());
        return [name, Float32Array.from({ length: count }, draw)];
      }),
    );
    const rows = () => [20, 7, 20, 20].map((length) => Array.from({ length }, () => random.integer(45)));
    const sequences = sequencesOf(rows(), rows());

    for (const kernels of ["simd", "plain"] as const) {
      const run = async (weight: number) => {
        const { memory, kernels: instance } = await createThread(kernels);
        let [tiles, scattered] = [0, 0];
        const counting: Kernels = {
          ...instance,
          transpose_tile(...given) {
            tiles++;
            instance.transpose_tile(...given);
          },
          csr_scatter_panel(...given) {
            scattered++;
            instance.csr_scatter_panel(...given);
          },
        };
        const density = { weight, embedding: weight, bias: 1 };
        // Layouts follow the densities that the schedule has, whatever the weights are.
        const planned = { ...config, density: 0.01 };
        const session = startSession(new Thread(0, 1, counting, memory), planned, weights, density);
        tiles = 0;
        return { ...gradientsOf(session, config, sequences), tiles, scattered };
      };
      const [dense, sparse] = [await run(1), await run(0.01)];
      // Only dense products are made of tiles.
      expect(dense.tiles).toBeGreaterThan(sparse.tiles);
      expect(sparse.scattered > 0).toBe(scatters);
      expect(dense.loss).toBeCloseTo(sparse.loss, 6);
      for (const [name, expected] of sparse.tensors) {
        const largest = Math.max(...expected.map(Math.abs));
        expect(largest, name).toBeGreaterThan(1e-6);
        const actual = dense.tensors.get(name)!;
        const wrong = expected.filter((value, i) => !(Math.abs(value - actual[i]) <= 5e-6 * largest));
        expect(wrong.length, `${name} with ${kernels} kernels`).toBe(0);
      }
    }
  },
);
