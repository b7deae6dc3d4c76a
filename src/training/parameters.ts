import { describe } from "../model/description.js";
import { floorOf, type TrainingConfig } from "./config.js";

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
  /** Standard deviation of the initial weights, or the constant that they all have. */
  readonly initial: { readonly deviation: number } | { readonly constant: number };
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
      const isMatrix = shape.length === 2 && !isBigram;
      const isBias = name.endsWith(".bias") && !isNorm;
      const isTrained =
        !(isBigram && config.bigram === "counted") &&
        !(name === "transformer.wpe.weight" && config.positions === "none");
      const side = floorOf(name);
      const residual = /c_proj\.weight$/.test(name) ? 1 / Math.sqrt(2 * model.n_layer) : 1;
      const isZero = !isTrained || isBigram || isBias || name.endsWith("sink_logit");
      return {
        ...{ name, shape, isMatrix, isTrained, hasDecay: isMatrix },
        anneal: !isTrained ? null : annealOf(config, isMatrix && !isEmbedding, isEmbedding, isBias),
        floor: side && config.minimum_nonzeros > 0 ? { side, minimum: config.minimum_nonzeros } : null,
        initial: isNorm
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
