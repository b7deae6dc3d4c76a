import type { Pointer } from "../engine/kernels.js";
import type { Arena, EngineMemory } from "../engine/memory.js";
import type { NormWeights } from "../engine/operations.js";
import { type PlacementOptions, placeDense, placeMatrix, type SparseWeights } from "../engine/weights.js";
import { SparseLensError } from "../errors.js";
import type { SparseMatrix } from "../tensor.js";
import type { Loctype, ModelConfig } from "./config.js";
import { describe } from "./description.js";

/** A named tensor of a checkpoint, read when asked for. */
export interface TensorSource {
  readonly shape: readonly number[];
  /** Row-major. @throws SparseLensError when it holds NaN or infinity */
  readDense(): Promise<Float32Array>;
  /** Two dimensions only. */
  readSparse(): Promise<SparseMatrix>;
}

export interface LayerWeights {
  readonly ln_1: NormWeights;
  readonly ln_2: NormWeights;
  /** Norms of the concatenated positions. */
  readonly ln_p1: NormWeights | null;
  readonly ln_p2: NormWeights | null;
  readonly c_attn: SparseWeights;
  readonly attn_c_proj: SparseWeights;
  /** f32[n_head], or 0. */
  readonly sink_logit: Pointer;
  readonly c_fc: SparseWeights;
  readonly mlp_c_proj: SparseWeights;
}

/** A model in the engine's memory. Plain data: it is posted to every thread. */
export interface ModelWeights {
  readonly config: ModelConfig;
  readonly wte: SparseWeights;
  readonly wpe: SparseWeights;
  readonly layers: readonly LayerWeights[];
  readonly ln_f: NormWeights;
  readonly lm_head: SparseWeights;
  /** f32[vocab, vocab], or 0. */
  readonly bigram_table: Pointer;
}

/** A tensor of the state dict where it lies in the engine's memory. */
export interface NamedWeights {
  readonly name: string;
  readonly matrix?: SparseWeights;
  /** Everything that is no matrix to be multiplied with; the bigram table, row-major. */
  readonly vector?: { readonly pointer: Pointer; readonly length: number };
}

/** All tensors of a model that are there, by their names in the state dict; a tied unembedding is left out. */
export function namedWeights(model: ModelWeights): NamedWeights[] {
  const { config, wte, wpe, layers, ln_f, lm_head, bigram_table } = model;
  const { vocab_size, d_model, d_pos_emb, n_head } = config;
  const named: NamedWeights[] = [];
  const vector = (name: string, pointer: Pointer, length: number) => {
    if (pointer) named.push({ name, vector: { pointer, length } });
  };
  const matrix = (name: string, matrix: SparseWeights) => named.push({ name: `${name}.weight`, matrix });
  const linear = (name: string, weights: SparseWeights) => {
    matrix(name, weights);
    vector(`${name}.bias`, weights.bias, weights.rows);
  };
  const norm = (name: string, weights: NormWeights | null, width: number) => {
    if (!weights) return;
    vector(`${name}.weight`, weights.weight, width);
    vector(`${name}.bias`, weights.bias, width);
  };
  vector("bigram_table", bigram_table, vocab_size * vocab_size);
  vector("final_logits_bias", lm_head.bias, vocab_size);
  matrix("transformer.wte", wte);
  matrix("transformer.wpe", wpe);
  layers.forEach((layer, i) => {
    const h = `transformer.h.${i}`;
    norm(`${h}.ln_1`, layer.ln_1, d_model);
    linear(`${h}.attn.c_attn`, layer.c_attn);
    linear(`${h}.attn.c_proj`, layer.attn_c_proj);
    vector(`${h}.attn.attn_imp.sink_logit`, layer.sink_logit, n_head);
    norm(`${h}.ln_2`, layer.ln_2, d_model);
    linear(`${h}.mlp.c_fc`, layer.c_fc);
    linear(`${h}.mlp.c_proj`, layer.mlp_c_proj);
    norm(`${h}.ln_p1`, layer.ln_p1, d_pos_emb ?? 0);
    norm(`${h}.ln_p2`, layer.ln_p2, d_pos_emb ?? 0);
  });
  norm("transformer.ln_f", ln_f, d_model);
  if (!config.tied_unembed) matrix("lm_head", lm_head);
  return named;
}

/** The matrices that each token is multiplied with: the linear layers and the unembedding. */
export function productMatrices({ layers, lm_head }: ModelWeights): SparseWeights[] {
  const linear = layers.flatMap(({ c_attn, attn_c_proj, c_fc, mlp_c_proj }) => [
    ...[c_attn, attn_c_proj, c_fc, mlp_c_proj],
  ]);
  return [...linear, lm_head];
}

/** What a norm adds to the variance; RMSNorm's is torch.finfo(torch.float32).eps, as no eps is given. */
export function normEpsilon({ rms_norm }: ModelConfig): number {
  return rms_norm ? 1.1920929e-7 : 1e-5;
}

/** @throws SparseLensError naming every tensor that is missing, unexpected, or of a wrong shape */
export function checkTensors(
  config: ModelConfig,
  tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>,
  location: string,
): void {
  const { parameters } = describe(config);
  const expected = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  const problems: string[] = [];
  for (const { name, shape, optional } of parameters) {
    const tensor = tensors.get(name);
    if (tensor === undefined) {
      if (!optional) problems.push(`${name} [${shape.join(", ")}] is missing`);
    } else if (tensor.shape.join() !== shape.join()) {
      problems.push(`${name} has shape [${tensor.shape.join(", ")}], expected [${shape.join(", ")}]`);
    }
  }
  for (const name of tensors.keys()) {
    if (!expected.has(name)) problems.push(`${name} is not a tensor of this architecture`);
  }
  if (problems.length === 0) return;
  const shown = problems.slice(0, 8).join("; ");
  const more = problems.length > 8 ? `; and ${problems.length - 8} more` : "";
  throw new SparseLensError(`${location} does not fit its configuration: ${shown}${more}.`);
}

/**
 * Copies a checkpoint into the engine's memory, one tensor at a time.
 * @param threads for how many threads products are laid out
 * @throws SparseLensError when tensors and configuration do not fit together
 */
export async function placeModel(
  config: ModelConfig,
  tensors: ReadonlyMap<string, TensorSource>,
  location: string,
  { memory, arena, threads, onTensor }: Placement,
): Promise<ModelWeights> {
  checkTensors(config, tensors, location);
  const { parameters } = describe(config);
  const declared = new Map(parameters.map((parameter) => [parameter.name, parameter]));

  const has = (name: string) => declared.has(name) && tensors.has(name);
  const dense = async (name: string): Promise<Pointer> => {
    if (!has(name)) return 0;
    onTensor?.(name);
    return placeDense(memory, arena, await tensors.get(name)!.readDense());
  };
  const matrix = async (name: string, options: Omit<PlacementOptions, "threads">): Promise<SparseWeights> => {
    onTensor?.(name);
    return placeMatrix(memory, arena, name, await tensors.get(name)!.readSparse(), { threads, ...options });
  };
  const linear = async (name: string, input?: Loctype, parts?: readonly number[]): Promise<SparseWeights> => {
    const bias = await dense(`${name}.bias`);
    const sparseInput = input !== undefined && config.afrac !== null && config.afrac_loctypes.has(input);
    return matrix(`${name}.weight`, { bias, sparseInput, parts });
  };
  const norm = async (name: string): Promise<NormWeights> => ({
    kind: config.rms_norm ? "rms" : "layer",
    weight: await dense(`${name}.weight`),
    bias: await dense(`${name}.bias`),
    eps: normEpsilon(config),
  });

  const d_heads = config.n_head * config.d_head;
  const layers: LayerWeights[] = [];
  for (let i = 0; i < config.n_layer; i++) {
    const h = `transformer.h.${i}`;
    layers.push({
      ln_1: await norm(`${h}.ln_1`),
      ln_2: await norm(`${h}.ln_2`),
      ln_p1: config.d_pos_emb === null ? null : await norm(`${h}.ln_p1`),
      ln_p2: config.d_pos_emb === null ? null : await norm(`${h}.ln_p2`),
      c_attn: await linear(`${h}.attn.c_attn`, "attn_in", [d_heads, d_heads, d_heads]),
      // What attention returns is never sparse.
      attn_c_proj: await linear(`${h}.attn.c_proj`),
      sink_logit: await dense(`${h}.attn.attn_imp.sink_logit`),
      c_fc: await linear(`${h}.mlp.c_fc`, "mlp_in"),
      mlp_c_proj: await linear(`${h}.mlp.c_proj`, "mlp_neuron"),
    });
  }
  const bias = await dense("final_logits_bias");
  const wte = await matrix("transformer.wte.weight", {});
  if (config.tied_unembed && has("lm_head.weight")) await checkTied(tensors, location);
  return {
    config,
    wte,
    wpe: await matrix("transformer.wpe.weight", {}),
    layers,
    ln_f: await norm("transformer.ln_f"),
    lm_head: config.tied_unembed ? { ...wte, bias } : await matrix("lm_head.weight", { bias }),
    bigram_table: await dense("bigram_table"),
  };
}

async function checkTied(tensors: ReadonlyMap<string, TensorSource>, location: string): Promise<void> {
  const wte = await tensors.get("transformer.wte.weight")!.readSparse();
  const lm_head = await tensors.get("lm_head.weight")!.readSparse();
  const same = (a: ArrayLike<number>, b: ArrayLike<number>) =>
    a.length === b.length && Array.prototype.every.call(a, (value, i) => value === b[i]);
  const { rowPointers, columnIndices, values } = wte;
  if (
    same(rowPointers, lm_head.rowPointers) &&
    same(columnIndices, lm_head.columnIndices) &&
    same(values, lm_head.values)
  ) {
    return;
  }
  throw new SparseLensError(
    `${location}: "tied_unembed" is true, but lm_head.weight differs from transformer.wte.weight. Set it to false, or remove lm_head.weight.`,
  );
}

export interface Placement {
  readonly memory: EngineMemory;
  readonly arena: Arena;
  readonly threads: number;
  readonly onTensor?: (name: string) => void;
}
