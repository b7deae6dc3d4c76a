import { expect, test } from "vitest";
import { Random } from "../../src/random.js";
import type { TrainingConfig } from "../../src/training/config.js";
import { planParameters } from "../../src/training/parameters.js";
import { createThread, denseConfig, gradientsOf, sequencesOf, startSession } from "../support/training.js";

const STEP = 1e-5;

const shape = { vocab_size: 11, n_layer: 2, d_model: 12, d_head: 4, d_mlp: 20, block_size: 12 };
const everywhere = [
  ...["attn_in", "attn_q", "attn_k", "attn_v", "attn_out", "resid_post_attn"],
  ...["mlp_in", "mlp_neuron", "mlp_out", "resid_post_mlp"],
].join();

const wide = { n_layer: 1, n_head: 5, d_head: 9, d_model: 35, d_mlp: 40 };

const architectures: Record<string, Record<string, unknown>> = {
  "LayerNorm with bias, gelu, added positions": { rms_norm: false, afrac: null, sink: false },
  "RMSNorm, sink, relu, no biases": { bias: false, activation_type: "relu", afrac: null },
  "LayerNorm without bias, concatenated positions, sink": {
    ...{ rms_norm: false, ln_bias: false, d_pos_emb: 5, afrac: null },
  },
  "RMSNorm, concatenated positions": { d_pos_emb: 4, afrac: null, sink: false },
  "relu on the residual stream": { residual_activation_type: "relu", afrac: null },
  "tied embeddings": { tied_unembed: true, afrac: null },
  "learned bigram table": { bigram: "learned", afrac: null },
  "heads wider than the stream, widths past 32": { ...wide, afrac: null },
  "the same in layouts that skip zero activations": { ...wide, afrac: 1, afrac_loctypes: everywhere },
  "AbsTopK everywhere": { afrac: 0.5, afrac_loctypes: everywhere },
  "AbsTopK everywhere, LayerNorm, relu, concatenated positions, tied": {
    ...{ afrac: 0.4, afrac_loctypes: everywhere, rms_norm: false, activation_type: "relu" },
    ...{ d_pos_emb: 6, tied_unembed: true, residual_activation_type: "relu" },
  },
};

/** Weights as of a model in training, none of them zero. */
function drawWeights(config: TrainingConfig, random: Random): Map<string, Float64Array> {
  return new Map(
    planParameters(config).map(({ name, shape }) => {
      const count = shape.reduce((product, length) => product * length, 1);
      const [mean, deviation] = /ln_\w+\.weight/.test(name)
        ? [1, 0.2]
        : shape.length === 2
          ? [0, 1 / Math.sqrt(shape[1])]
          : [0, 0.3];
      return [name, Float64Array.from({ length: count }, () => mean + deviation * random.normal())];
    }),
  );
}

/** Sequences of several lengths, one of them across panels; some tokens without a target. The last token of the vocabulary does not occur. */
function drawSequences({ model }: TrainingConfig, random: Random) {
  const tokens = [12, 5, 12, 1].map((length) =>
    Array.from({ length }, () => random.integer(model.vocab_size - 1)),
  );
  const targets = tokens.map((row) =>
    row.map(() => (random.chance(0.2) ? -1 : random.integer(model.vocab_size))),
  );
  targets[0][0] = 1;
  return sequencesOf(tokens, targets);
}

function normalized(values: ArrayLike<number>): number[] {
  const norm = Math.hypot(...Array.from(values));
  return Array.from(values, (value) => value / norm);
}

for (const [name, keys] of Object.entries(architectures)) {
  test(`the gradient is the loss's derivative: ${name}`, async () => {
    const config = denseConfig({ ...shape, ...keys });
    const random = new Random(7);
    const weights = drawWeights(config, random);
    const sequences = drawSequences(config, random);
    const thread = await createThread("plain", 8);
    // Float64Array, so that the engine's float64 is not rounded.
    const evaluate = (changed: ReadonlyMap<string, Float64Array>) => {
      const tensors = changed as ReadonlyMap<string, never>;
      return gradientsOf(startSession(thread, config, tensors), config, sequences);
    };

    const { tensors: gradients } = evaluate(weights);
    expect([...gradients.keys()].sort()).toEqual([...weights.keys()].sort());
    for (const [parameter, values] of weights) {
      const gradient = gradients.get(parameter)!;
      expect(Math.hypot(...gradient), parameter).toBeGreaterThan(1e-6);
      // A random direction, with a part along the gradient so that the derivative is never near zero.
      const uphill = normalized(gradient);
      const noise = normalized(values.map(() => random.normal()));
      const direction = noise.map((value, i) => value + uphill[i]);
      const moved = (step: number) =>
        evaluate(new Map([...weights, [parameter, values.map((w, i) => w + step * direction[i])]])).loss;
      const difference = (moved(STEP) - moved(-STEP)) / (2 * STEP);
      const derivative = direction.reduce((sum, value, i) => sum + value * gradient[i], 0);
      expect(Math.abs(difference / derivative - 1), parameter).toBeLessThan(1e-6);
    }
  });
}
