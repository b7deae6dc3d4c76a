import type { Operations, Steps, Value } from "../engine/operations.js";
import { absTopK, type Loctype, type ModelConfig } from "./config.js";
import { inputWidth } from "./description.js";
import type { LayerWeights, ModelWeights } from "./weights.js";

/** The values of one layer, in the order in which they are computed. */
export interface LayerValues {
  /** The residual stream as it enters, `[tokens, d_model]`. */
  readonly resid_in: Value;
  readonly attn: {
    /** Input of `c_attn`, `[tokens, d_model + d_pos_emb]`. */
    readonly act_in: Value;
    /** `[tokens, n_head * d_head]` each. */
    readonly q: Value;
    readonly k: Value;
    readonly v: Value;
    readonly y: Value;
    /** What the sublayer adds to the residual stream, `[tokens, d_model]`. */
    readonly resid_delta: Value;
  };
  /** The residual stream between the sublayers. */
  readonly resid_mid: Value;
  readonly mlp: {
    /** Input of `c_fc`, `[tokens, d_model + d_pos_emb]`. */
    readonly act_in: Value;
    /** `[tokens, d_mlp]` */
    readonly post_act: Value;
    /** Of gelu, `[tokens, d_mlp]`, for a backward pass. */
    readonly derivative?: Value;
    readonly resid_delta: Value;
  };
}

export interface ForwardValues {
  readonly layers: readonly LayerValues[];
  /** The residual stream behind the last layer. */
  readonly final_resid: Value;
  /** What is unembedded, `[tokens, d_model]`. */
  readonly normed: Value;
}

/** Values that every layer reuses: what it leaves behind, the next overwrites. */
export function forwardValues(config: ModelConfig, ops: Operations): ForwardValues {
  const d_heads = config.n_head * config.d_head;
  const x = ops.value(config.d_model);
  const act_in = ops.value(inputWidth(config));
  const [q, k, v, y] = Array.from({ length: 4 }, () => ops.value(d_heads));
  const post_act = ops.value(config.d_mlp);
  const resid_delta = ops.value(config.d_model);
  const layer: LayerValues = {
    resid_in: x,
    attn: { act_in, q, k, v, y, resid_delta },
    resid_mid: x,
    mlp: { act_in, post_act, resid_delta },
  };
  const layers = Array.from({ length: config.n_layer }, () => layer);
  return { layers, final_resid: x, normed: resid_delta };
}

/** Values that all stay, for a backward pass. */
export function keptValues(config: ModelConfig, ops: Operations): ForwardValues {
  const d_heads = config.n_head * config.d_head;
  const layers = Array.from({ length: config.n_layer }, (): LayerValues => {
    const resid_in = ops.value(config.d_model);
    const act_in = ops.value(inputWidth(config));
    const [q, k, v, y] = Array.from({ length: 4 }, () => ops.value(d_heads));
    return {
      resid_in,
      attn: { act_in, q, k, v, y, resid_delta: ops.value(config.d_model) },
      resid_mid: ops.value(config.d_model),
      mlp: {
        act_in: ops.value(inputWidth(config)),
        post_act: ops.value(config.d_mlp),
        derivative: config.activation_type === "gelu" ? ops.value(config.d_mlp) : undefined,
        resid_delta: ops.value(config.d_model),
      },
    };
  });
  return { layers, final_resid: ops.value(config.d_model), normed: ops.value(config.d_model) };
}

/**
 * One forward pass from tokens to logits, over the tokens that `ops` was made for (released file
 * `circuit_sparsity/inference/gpt.py`; paper, section 2).
 */
export function* forward(model: ModelWeights, values: ForwardValues, ops: Operations): Steps {
  const { config } = model;
  const { layers, final_resid, normed } = values;
  const residual = [...layers.map(({ resid_in }) => resid_in), final_resid];
  ops.embed(residual[0], model.wte, config.d_pos_emb === null ? model.wpe : null);
  for (let i = 0; i < config.n_layer; i++) {
    yield* attention(model, i, layers[i], ops);
    yield* mlp(model, i, layers[i], residual[i + 1], ops);
  }
  yield* hook(ops, "final_resid", final_resid);
  ops.norm(normed, final_resid, model.ln_f);
  ops.unembed(normed, model.lm_head, model.bigram_table);
}

function* attention(model: ModelWeights, i: number, values: LayerValues, ops: Operations): Steps {
  const { resid_in, resid_mid } = values;
  const { act_in, q, k, v, y, resid_delta } = values.attn;
  const { config, layers } = model;
  const { ln_1, ln_p1, c_attn, attn_c_proj, sink_logit } = layers[i];
  yield* hook(ops, `${i}.resid_in`, resid_in);

  ops.norm(act_in, resid_in, ln_1);
  positions(model, ln_p1, act_in, ops);
  yield* node(ops, config, "attn_in", `${i}.attn.act_in`, act_in);

  ops.linear([q, k, v], act_in, c_attn);
  yield* node(ops, config, "attn_k", `${i}.attn.k`, k);
  yield* node(ops, config, "attn_q", `${i}.attn.q`, q);
  yield* node(ops, config, "attn_v", `${i}.attn.v`, v);

  ops.attention(i, y, q, k, v, config.n_head, sink_logit);
  yield* hook(ops, `${i}.attn.y`, y);

  ops.linear([resid_delta], y, attn_c_proj);
  yield* node(ops, config, "attn_out", `${i}.attn.resid_delta`, resid_delta);
  addToResidual(ops, config, resid_mid, resid_in, resid_delta, "resid_post_attn");
}

function* mlp(model: ModelWeights, i: number, values: LayerValues, resid_out: Value, ops: Operations): Steps {
  const { resid_mid } = values;
  const { act_in, post_act, derivative, resid_delta } = values.mlp;
  const { config, layers } = model;
  const { ln_2, ln_p2, c_fc, mlp_c_proj } = layers[i];
  yield* hook(ops, `${i}.resid_mid`, resid_mid);

  ops.norm(act_in, resid_mid, ln_2);
  positions(model, ln_p2, act_in, ops);
  yield* node(ops, config, "mlp_in", `${i}.mlp.act_in`, act_in);

  ops.linear([post_act], act_in, c_fc, config.activation_type, derivative);
  yield* node(ops, config, "mlp_neuron", `${i}.mlp.post_act`, post_act);

  ops.linear([resid_delta], post_act, mlp_c_proj);
  yield* node(ops, config, "mlp_out", `${i}.mlp.resid_delta`, resid_delta);
  addToResidual(ops, config, resid_out, resid_mid, resid_delta, "resid_post_mlp");
}

/** AbsTopK, and what anyone wants of the nodes that are left. */
function* node(ops: Operations, config: ModelConfig, loctype: Loctype, point: string, value: Value): Steps {
  sparsify(ops, config, loctype, value, point);
  yield* hook(ops, point, value);
}

function* hook(ops: Operations, point: string, value: Value): Steps {
  if (ops.watches(point)) yield* ops.hook(point, value);
}

/** @param point the hook point behind it */
function sparsify(
  ops: Operations,
  config: ModelConfig,
  loctype: Loctype,
  value: Value,
  point?: string,
): void {
  ops.absTopK(value, absTopK(config, loctype, value.width), point);
}

function positions(model: ModelWeights, norm: LayerWeights["ln_p1"], act_in: Value, ops: Operations): void {
  if (norm) ops.concatenatePositions(act_in, model.config.d_model, model.wpe, norm);
}

function addToResidual(
  ops: Operations,
  config: ModelConfig,
  sum: Value,
  x: Value,
  delta: Value,
  loctype: Loctype,
): void {
  ops.add(sum, x, delta);
  if (config.residual_activation_type === "relu") ops.relu(sum);
  sparsify(ops, config, loctype, sum);
}
