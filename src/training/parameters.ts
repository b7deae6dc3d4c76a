import { describe } from "../model/description.js";
import type { Random } from "../random.js";
import { floorOf, type TrainingConfig } from "./config.js";

/** Standard deviation of random weights; the constant that they all have; or sinusoids, of which half are sines. */
export type InitialWeights =
  | { readonly deviation: number }
  | { readonly constant: number }
  | { readonly sinusoids: number };

/** How a parameter is trained. Plain data: it is posted to every thread. */
export interface ParameterPlan {
  /** In the state dict. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Whether it lies in the engine as a matrix that activations are multiplied with or looked up in. */
  readonly isMatrix: boolean;
  /** False: frozen. */
  readonly isTrained: boolean;
  readonly hasDecay: boolean;
  /** Which schedule its density follows; null: it stays dense. */
  readonly anneal: "weight" | "embedding" | "bias" | null;
  /** j nonzeros for each row or column are spared by the projection. */
  readonly floor: { readonly side: "row" | "column"; readonly minimum: number } | null;
  readonly initial: InitialWeights;
}

/** GPT-2's, which the released code uses. */
const DEVIATION = 0.02;

/**
 * All parameters of a model in training, in the order of its state dict. Norm weights, sinks and the bigram table are
 * never sparse (paper, section 2.1); weight decay acts on matrices.
 */
export function planParameters(config: TrainingConfig): ParameterPlan[] {
  const { model } = config;
  return describe(model)
    .parameters.filter(({ optional }) => !optional)
    .map(({ name, shape }) => {
      const isBigram = name === "bigram_table";
      const isNorm = /ln_[12fp]+[12]?\.(weight|bias)$/.test(name);
      const isEmbedding = /(wte|wpe|lm_head)\.weight$/.test(name);
      const isPositions = name === "transformer.wpe.weight";
      const isMatrix = shape.length === 2 && !isBigram;
      const isBias = name.endsWith(".bias") && !isNorm;
      const isTrained =
        !(isBigram && config.bigram === "counted") && !(isPositions && config.positions !== "learned");
      const side = floorOf(name);
      const residual = /c_proj\.weight$/.test(name) ? 1 / Math.sqrt(2 * model.n_layer) : 1;
      const isZero = !isTrained || isBigram || isBias || name.endsWith("sink_logit");
      return {
        ...{ name, shape, isMatrix, isTrained, hasDecay: isMatrix },
        anneal: !isTrained ? null : annealOf(config, isMatrix && !isEmbedding, isEmbedding, isBias),
        floor: side && config.minimum_nonzeros > 0 ? { side, minimum: config.minimum_nonzeros } : null,
        initial:
          isPositions && config.positions === "sinusoidal"
            ? { sinusoids: shape[1] }
            : isNorm
              ? { constant: name.endsWith("weight") ? 1 : 0 }
              : isZero
                ? { constant: 0 }
                : { deviation: DEVIATION * config.initial_scale * residual },
      };
    });
}

function annealOf(
  { density, sparse_embeddings, sparse_biases }: TrainingConfig,
  isWeight: boolean,
  isEmbedding: boolean,
  isBias: boolean,
): ParameterPlan["anneal"] {
  if (density === 1) return null;
  if (isWeight) return "weight";
  if (isEmbedding) return sparse_embeddings ? "embedding" : null;
  return isBias && sparse_biases ? "bias" : null;
}

/**
 * The initial weights of a parameter, row-major. Sinusoids as the released code has them: `[positions, sines then
 * cosines]`, their periods a geometric series from 4 tokens to all positions.
 */
export function initialWeights({ shape, initial }: ParameterPlan, random: Random): Float32Array<ArrayBuffer> {
  const data = new Float32Array(shape.reduce((product, length) => product * length, 1));
  if ("constant" in initial) return data.fill(initial.constant);
  if ("deviation" in initial) return data.map(() => initial.deviation * random.normal());
  const half = initial.sinusoids / 2;
  const positions = shape[0];
  return data.map((_, i) => {
    const position = Math.floor(i / initial.sinusoids);
    const channel = i % initial.sinusoids;
    const period = 4 * (positions / 4) ** ((channel % half) / Math.max(1, half - 1));
    const angle = (2 * Math.PI * position) / period;
    return channel < half ? Math.sin(angle) : Math.cos(angle);
  });
}
