import type { ModelConfig } from "./config.js";

/** A tensor of the state dict. */
export interface Parameter {
  /** Name in the state dict. */
  readonly name: string;
  readonly shape: readonly number[];
  /** May be absent: zeros then, or another tensor's twin. */
  readonly optional?: boolean;
}

/** A place where a value can be recorded and replaced. */
export interface HookPoint {
  /** For example `4.attn.resid_delta`. */
  readonly name: string;
  /** Channels. */
  readonly width: number;
  /** Whether its channels are nodes of a circuit (paper, section 2.2). */
  readonly isNodeLocation: boolean;
}

/**
 * Weights through which the nodes of one location act on those of another: a nonzero between two nodes is an edge of a
 * circuit (paper, section 2.2).
 */
export interface Connection {
  /** Node location whose channels are the matrix' columns. Values reach `attn.c_proj` through attention. */
  readonly source: string;
  /** Node location whose channels are rows of the matrix. */
  readonly target: string;
  /** The matrix, by its name in the state dict. */
  readonly weight: string;
  /** Row of the target's channel 0. */
  readonly firstRow: number;
}

/** The one description of a model from which names, shapes, hook points and node locations derive. */
export interface ModelDescription {
  /** In the order of the released state dict. */
  readonly parameters: readonly Parameter[];
  /** In the order in which they happen. */
  readonly hookPoints: readonly HookPoint[];
  /** In the order in which their targets happen. */
  readonly connections: readonly Connection[];
}

/** Width of what enters `c_attn` and `c_fc`: the residual stream and, behind it, concatenated positions. */
export function inputWidth(config: ModelConfig): number {
  return config.d_model + (config.d_pos_emb ?? 0);
}

export function describe(config: ModelConfig): ModelDescription {
  const { d_model, d_mlp, vocab_size, block_size, d_pos_emb } = config;
  const d_heads = config.n_head * config.d_head;
  const d_in = inputWidth(config);
  const parameters: Parameter[] = [];
  const hookPoints: HookPoint[] = [];
  const connections: Connection[] = [];
  const parameter = (name: string, ...shape: number[]) => parameters.push({ name, shape });
  const optional = (name: string, ...shape: number[]) => parameters.push({ name, shape, optional: true });
  const linear = (name: string, rows: number, columns: number) => {
    parameter(`${name}.weight`, rows, columns);
    if (config.bias) parameter(`${name}.bias`, rows);
  };
  const norm = (name: string, width: number) => {
    parameter(`${name}.weight`, width);
    if (config.ln_bias && !config.rms_norm) parameter(`${name}.bias`, width);
  };
  const point = (name: string, width: number) => hookPoints.push({ name, width, isNodeLocation: false });
  const nodes = (name: string, width: number) => hookPoints.push({ name, width, isNodeLocation: true });
  const connect = (source: string, target: string, matrix: string, firstRow = 0) =>
    connections.push({ source, target, weight: `${matrix}.weight`, firstRow });

  if (config.enable_bigram_table) parameter("bigram_table", vocab_size, vocab_size);
  optional("final_logits_bias", vocab_size);
  parameter("transformer.wte.weight", vocab_size, d_model);
  parameter("transformer.wpe.weight", block_size, d_pos_emb ?? d_model);
  for (let i = 0; i < config.n_layer; i++) {
    const h = `transformer.h.${i}`;
    norm(`${h}.ln_1`, d_model);
    // The causal mask, a buffer that checkpoints saved without flash attention carry.
    optional(`${h}.attn.bias`, 1, 1, block_size, block_size);
    linear(`${h}.attn.c_attn`, 3 * d_heads, d_in);
    linear(`${h}.attn.c_proj`, d_model, d_heads);
    if (config.sink) parameter(`${h}.attn.attn_imp.sink_logit`, config.n_head);
    norm(`${h}.ln_2`, d_model);
    linear(`${h}.mlp.c_fc`, d_mlp, d_in);
    linear(`${h}.mlp.c_proj`, d_model, d_mlp);
    if (d_pos_emb !== null) norm(`${h}.ln_p1`, d_pos_emb);
    if (d_pos_emb !== null) norm(`${h}.ln_p2`, d_pos_emb);

    point(`${i}.resid_in`, d_model);
    nodes(`${i}.attn.act_in`, d_in);
    nodes(`${i}.attn.k`, d_heads);
    nodes(`${i}.attn.q`, d_heads);
    nodes(`${i}.attn.v`, d_heads);
    point(`${i}.attn.y`, d_heads);
    nodes(`${i}.attn.resid_delta`, d_model);
    point(`${i}.resid_mid`, d_model);
    nodes(`${i}.mlp.act_in`, d_in);
    nodes(`${i}.mlp.post_act`, d_mlp);
    nodes(`${i}.mlp.resid_delta`, d_model);

    // The rows of c_attn are those of q, then of k, then of v.
    connect(`${i}.attn.act_in`, `${i}.attn.k`, `${h}.attn.c_attn`, d_heads);
    connect(`${i}.attn.act_in`, `${i}.attn.q`, `${h}.attn.c_attn`);
    connect(`${i}.attn.act_in`, `${i}.attn.v`, `${h}.attn.c_attn`, 2 * d_heads);
    connect(`${i}.attn.v`, `${i}.attn.resid_delta`, `${h}.attn.c_proj`);
    connect(`${i}.mlp.act_in`, `${i}.mlp.post_act`, `${h}.mlp.c_fc`);
    connect(`${i}.mlp.post_act`, `${i}.mlp.resid_delta`, `${h}.mlp.c_proj`);
  }
  point("final_resid", d_model);
  norm("transformer.ln_f", d_model);
  if (config.tied_unembed) optional("lm_head.weight", vocab_size, d_model);
  else parameter("lm_head.weight", vocab_size, d_model);
  return { parameters, hookPoints, connections };
}
