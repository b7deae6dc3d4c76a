import { SparseLensError } from "../errors.js";
import { checkKeys, parseTrainingConfig, type TrainingConfig } from "./config.js";

/**
 * What our own models have in common: what a small model learns most from in an hour of two cores (docs/training.md has
 * the measurements).
 */
const OURS = {
  ...{ activation_type: "relu", positions: "sinusoidal", d_pos_emb: 32 },
  afrac_loctypes: "attn_in,attn_out,mlp_in,mlp_neuron,mlp_out",
  ...{ batch_size: 2, sequences: "documents", projection: "periodic", anneal_end: 0 },
};

/** Named configurations, as what differs from the defaults of the keys, which follow the paper. */
export const PRESETS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  /** To see the whole path in less than a minute. */
  nano: {
    ...OURS,
    ...{ n_layer: 2, d_model: 64, block_size: 128, batch_size: 4, d_pos_emb: 16, tokens: 1_000_000 },
    ...{ density: 1 / 16, learning_rate: 0.025 },
    ...{ eval_every: 500, eval_tokens: 16_384, eval_tasks: 20, sample_every: 1000, checkpoint_every: 500 },
  },

  /** What a ladder of small models has in common. */
  ladder: {
    ...OURS,
    ...{ n_layer: 2, block_size: 128, batch_size: 4, tokens: 4_000_000, learning_rate: 0.02 },
    // Two would be all that the narrowest matrices have at the lowest density.
    minimum_nonzeros: 1,
    ...{ eval_every: 4000, sample_every: 0, checkpoint_every: 2000, keep_checkpoints: 1 },
  },

  /** The model that comes with this package. */
  default: {
    ...OURS,
    ...{ d_model: 512, d_head: 64, afrac_loctypes: "mlp_neuron" },
    ...{ tokens: 19_500_000, learning_rate: 0.012, epsilon: 0.03 },
    ...{ eval_every: 2500, sample_every: 5000, checkpoint_every: 2500 },
  },

  /** Its dense twin: of the size that comes nearest to its validation loss (docs/training.md). */
  "default-dense": {
    ...OURS,
    ...{ density: 1, afrac: null, minimum_nonzeros: 0, projection: "exact" },
    ...{ learning_rate: 4e-3, epsilon: 1e-5, gradient: "clip" },
    ...{ d_model: 60, d_head: 12, d_mlp: 256, tokens: 19_500_000 },
    ...{ eval_every: 2500, sample_every: 5000, checkpoint_every: 2500 },
  },

  /**
   * The released `csp_sweep1_1x_0.9Mnonzero_afrac0.250`: its shape, and the paper's choices where ours differ. The paper
   * trains on billions of tokens; raise `tokens` as far as time allows.
   */
  "paper-1x": {
    ...{ n_layer: 8, d_model: 256, sink: false, bigram: "learned" },
    ...{ density: 1 / 8, minimum_nonzeros: 4, embedding_anneal: "abrupt" },
    ...{ tokens: 100_000_000, batch_size: 32 },
  },
};

/** Where the values of a configuration come from, each layer over the one before. */
export interface ConfigLayers {
  /** Name of a preset. Default: `default`. */
  readonly preset?: string;
  /** What a file holds. */
  readonly file?: { readonly json: Record<string, unknown>; readonly location: string };
  /** Single keys: `["density=0.05"]`. */
  readonly set?: readonly string[];
}

/**
 * The configuration that presets, file and single keys make.
 * @param vocabularySize that of the corpus' tokenizer
 * @throws SparseLensError naming preset, file or flag, and the key that is not allowed
 */
export function resolveTrainingConfig(layers: ConfigLayers, vocabularySize: number): TrainingConfig {
  const json = mergeLayers({ ...layers, preset: layers.preset ?? "default" });
  const { vocab_size = vocabularySize } = json;
  if (vocab_size !== vocabularySize) {
    throw new SparseLensError(
      `"vocab_size" is ${vocab_size}, but the tokenizer of the corpus has ${vocabularySize} tokens. Leave it out, or build the corpus with another tokenizer.`,
    );
  }
  return parseTrainingConfig({ ...json, vocab_size }, "The training configuration");
}

/** All layers in one flat object; without a preset, of the others alone. @throws SparseLensError as resolveTrainingConfig does */
export function mergeLayers({ preset, file, set = [] }: ConfigLayers): Record<string, unknown> {
  if (preset !== undefined && !Object.hasOwn(PRESETS, preset)) {
    throw new SparseLensError(
      `There is no preset "${preset}"; there are ${Object.keys(PRESETS).join(", ")}.`,
    );
  }
  if (file) checkKeys(file.json, file.location);
  return { ...(preset && PRESETS[preset]), ...file?.json, ...parseSettings(set) };
}

/**
 * @param option that they were given by, for messages
 * @throws SparseLensError for what is not `key=value`, and for a key or value that is not allowed
 */
export function parseSettings(settings: readonly string[], option = "--set"): Record<string, unknown> {
  const json: Record<string, unknown> = {};
  for (const setting of settings) {
    const equals = setting.indexOf("=");
    if (equals < 1) throw new SparseLensError(`${option} ${setting}: it must be key=value.`);
    const [key, text] = [setting.slice(0, equals).trim(), setting.slice(equals + 1).trim()];
    checkKeys({ [key]: parseValue(text) }, `${option} ${setting}`);
    json[key] = parseValue(text);
  }
  return json;
}

/** JSON where it is; a fraction such as 1/32; otherwise text. */
function parseValue(text: string): unknown {
  const fraction = /^(\d+)\/(\d+)$/.exec(text);
  if (fraction) return Number(fraction[1]) / Number(fraction[2]);
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
