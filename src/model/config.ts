import { SparseLensError } from "../errors.js";

/** Where AbsTopK may apply (`afrac_loctypes`). */
export const AFRAC_LOCTYPES = [
  "attn_in",
  "attn_q",
  "attn_k",
  "attn_v",
  "attn_out",
  "resid_post_attn",
  "mlp_in",
  "mlp_neuron",
  "mlp_out",
  "resid_post_mlp",
] as const;
export type Loctype = (typeof AFRAC_LOCTYPES)[number];

/** The architecture, under the released code's own names; every default filled in. */
export interface ModelConfig {
  /** Longest sequence, in tokens. */
  readonly block_size: number;
  readonly vocab_size: number;
  readonly n_layer: number;
  readonly n_head: number;
  readonly d_model: number;
  readonly d_head: number;
  readonly d_mlp: number;
  /** Biases in the linear layers. */
  readonly bias: boolean;
  /** Biases in LayerNorm. */
  readonly ln_bias: boolean;
  /** RMSNorm instead of LayerNorm. */
  readonly rms_norm: boolean;
  readonly activation_type: "gelu" | "relu";
  /** Applied to the residual stream after each sublayer. */
  readonly residual_activation_type: "identity" | "relu";
  /** Fraction of activations that AbsTopK keeps; null: no AbsTopK. */
  readonly afrac: number | null;
  readonly afrac_loctypes: ReadonlySet<Loctype>;
  /** `lm_head.weight` is `transformer.wte.weight`. */
  readonly tied_unembed: boolean;
  readonly enable_bigram_table: boolean;
  /** null: `wpe` is added to the token embedding; a number: it is normalised and concatenated in every block. */
  readonly d_pos_emb: number | null;
  /** A learnable logit per head that joins the softmax denominator only. */
  readonly sink: boolean;
  readonly tokenizer_name: string | null;
}

const NO_EFFECT = new Set([
  // Released keys that do not change inference.
  ...["dropout", "debug_nans", "grad_checkpointing", "dropout_cat_pos_emb", "sinusoidal_cat_pos_emb"],
  ...["enable_sparse_kernels", "flash", "learnable_bigram_table"],
  // Information: the fraction of nonzero weights.
  "pfrac",
  // Written by transformers and by this package around the architecture.
  ...[
    "model_type",
    "format_version",
    "architectures",
    "auto_map",
    "torch_dtype",
    "dtype",
    "transformers_version",
  ],
  ...[
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
    "use_cache",
    "return_dict",
    "is_decoder",
    "_name_or_path",
  ],
  ...["max_position_embeddings", "tie_word_embeddings", "name_or_path"],
]);

/**
 * Reads a configuration as `beeg_config.json` and `config.json` carry it.
 * @param location where it comes from, for messages
 * @throws SparseLensError naming the key: missing sizes, wrong types, or a value that would change the computation and
 *   is not implemented
 */
export function parseConfig(json: Record<string, unknown>, location: string): ModelConfig {
  const known = new Set<string>();
  const fail = (key: string, problem: string): never => {
    throw new SparseLensError(`${location}: "${key}" ${problem}`);
  };
  const read = (key: string) => {
    known.add(key);
    return json[key];
  };
  const integer = (key: string, fallback?: number): number => {
    const value = read(key) ?? fallback;
    if (value === undefined) return fail(key, "is missing");
    if (typeof value !== "number" || !Number.isInteger(value) || value < 1) {
      return fail(key, `must be a positive integer, not ${JSON.stringify(value)}`);
    }
    return value;
  };
  const flag = (key: string, fallback: boolean): boolean => {
    const value = read(key) ?? fallback;
    return typeof value === "boolean"
      ? value
      : fail(key, `must be true or false, not ${JSON.stringify(value)}`);
  };
  const choice = <T extends string>(key: string, options: readonly [T, ...T[]]): T => {
    const value = (read(key) ?? options[0]) as T;
    if (options.includes(value)) return value;
    return fail(key, `is ${JSON.stringify(value)}, which is not implemented; known: ${options.join(", ")}`);
  };

  const n_head = integer("n_head", 12);
  const d_model = integer("d_model", 768);
  if (d_model % n_head !== 0) fail("d_model", `(${d_model}) must be a multiple of "n_head" (${n_head})`);
  const legacyWidth = read("n_mlp");
  const config: ModelConfig = {
    block_size: integer("block_size", 1024),
    vocab_size: integer("vocab_size", 50304),
    n_layer: integer("n_layer", 12),
    n_head,
    d_model,
    d_head: integer("d_head", d_model / n_head),
    d_mlp: integer("d_mlp", legacyWidth == null ? 4 * d_model : integer("n_mlp")),
    bias: flag("bias", true),
    ln_bias: flag("ln_bias", true),
    rms_norm: flag("rms_norm", false),
    activation_type: choice("activation_type", ["gelu", "relu"]),
    residual_activation_type: choice("residual_activation_type", ["identity", "relu"]),
    afrac: fraction(read("afrac")),
    afrac_loctypes: loctypes(read("afrac_loctypes")),
    tied_unembed: flag("tied_unembed", true),
    enable_bigram_table: flag("enable_bigram_table", false) || json.learnable_bigram_table === true,
    d_pos_emb: read("d_pos_emb") == null ? null : integer("d_pos_emb"),
    sink: flag("sink", false),
    tokenizer_name: typeof read("tokenizer_name") === "string" ? (json.tokenizer_name as string) : null,
  };
  for (const [key, value] of Object.entries(json)) {
    const neutral = value === null || value === false;
    if (known.has(key) || NO_EFFECT.has(key) || neutral) continue;
    fail(
      key,
      `is ${JSON.stringify(value)}: this key is not implemented and may change what the model computes`,
    );
  }
  return config;

  function fraction(value: unknown): number | null {
    if (value == null) return null;
    if (typeof value === "number" && value >= 0 && value <= 1) return value;
    return fail("afrac", `must be null or between 0 and 1, not ${JSON.stringify(value)}`);
  }

  function loctypes(value: unknown): ReadonlySet<Loctype> {
    const text = value ?? "attn_in,attn_out,mlp_in,mlp_out";
    if (typeof text !== "string") return fail("afrac_loctypes", "must be a comma-separated string");
    // As in the released code: split without trimming, unknown names do nothing.
    const names = new Set(text.split(","));
    return new Set(AFRAC_LOCTYPES.filter((name) => names.has(name)));
  }
}

/** How many of `width` activations AbsTopK keeps at a location; null where it does not apply. */
export function absTopK(config: ModelConfig, loctype: Loctype, width: number): number | null {
  if (config.afrac === null || !config.afrac_loctypes.has(loctype)) return null;
  return Math.trunc(config.afrac * width);
}
