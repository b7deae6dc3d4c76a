import type { Checkpoint, CheckpointLayout } from "./checkpoint.js";
import type { Dtype } from "./dtype.js";
import { layoutVersionFor } from "./sparse-layout.js";
import { endOfTextId } from "./tokenizer-files.js";

/** The keys that the released loader knows: it raises on any other, so `beeg_config.json` may hold only these. */
export const RELEASED_KEYS = [
  "block_size",
  "vocab_size",
  "n_layer",
  "n_head",
  "d_head",
  "d_model",
  "dropout",
  "bias",
  "ln_bias",
  "rms_norm",
  "residual_activation_type",
  "activation_type",
  "afrac",
  "afrac_loctypes",
  "debug_nans",
  "tied_unembed",
  "tokenizer_name",
  "grad_checkpointing",
  "d_mlp",
  "enable_bigram_table",
  "learnable_bigram_table",
  "d_pos_emb",
  "dropout_cat_pos_emb",
  "sinusoidal_cat_pos_emb",
  "enable_sparse_kernels",
  "flash",
  "sink",
];

/** Keys that belong to a layout, not to the model. */
const layoutKeys = [
  "model_type",
  "format_version",
  "architectures",
  "auto_map",
  "torch_dtype",
  "dtype",
  "transformers_version",
  "bos_token_id",
  "eos_token_id",
  "pad_token_id",
];

const torchDtypes: Partial<Record<Dtype, string>> = {
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
  F64: "float64",
};

/** The configuration of a checkpoint as another layout spells it. */
export function convertConfig(checkpoint: Checkpoint, layout: CheckpointLayout): Record<string, unknown> {
  const entries = new Map(Object.entries(checkpoint.config));
  if (layout === "sparselens") {
    for (const key of layoutKeys) if (!/token_id$/.test(key)) entries.delete(key);
    const format_version = layoutVersionFor(checkpoint.tensors);
    return { model_type: "sparselens", format_version, ...Object.fromEntries(entries) };
  }
  // Older files spell it n_mlp.
  if (entries.has("n_mlp") && !entries.has("d_mlp")) entries.set("d_mlp", entries.get("n_mlp"));
  entries.delete("n_mlp");
  if (layout === "blob")
    return Object.fromEntries([...entries].filter(([key]) => RELEASED_KEYS.includes(key)));

  const endOfText = checkpoint.tokenizer ? endOfTextId(checkpoint.tokenizer) : undefined;
  const tokenIds = {
    bos_token_id: entries.get("bos_token_id") ?? endOfText ?? null,
    eos_token_id: entries.get("eos_token_id") ?? endOfText ?? null,
    pad_token_id: entries.get("pad_token_id") ?? null,
  };
  for (const key of layoutKeys) entries.delete(key);
  const floats = [...checkpoint.tensors.values()].map(({ dtype }) => torchDtypes[dtype]).filter(Boolean);
  return {
    model_type: "circuitgpt",
    architectures: ["CircuitGPTForCausalLM"],
    torch_dtype: floats[0] ?? "float32",
    ...tokenIds,
    ...Object.fromEntries(entries),
  };
}
