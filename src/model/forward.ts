import type { Operations, Steps, Value } from "../engine/operations.js";
import { absTopK, type Loctype, type ModelConfig } from "./config.js";
import { inputWidth } from "./description.js";
import type { LayerWeights, ModelWeights } from "./weights.js";

/** The values of a forward pass, reused by every layer. */
export interface ForwardValues {
  /** The residual stream, `[tokens, d_model]`. */
  readonly x: Value;
  /** Input of `c_attn` and `c_fc`, `[tokens, d_model + d_pos_emb]`. */
  readonly act_in: Value;
  /** `[tokens, n_head * d_head]` each. */
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
  readonly y: Value;
  /** `[tokens, d_mlp]` */
  readonly post_act: Value;
  /** What a sublayer adds to the residual stream, `[tokens, d_model]`. */
  readonly resid_delta: Value;
}

export function forwardValues(config: ModelConfig, ops: Operations): ForwardValues {
  const d_heads = config.n_head * config.d_head;
  return {
    x: ops.value(config.d_model),
    act_in: ops.value(inputWidth(config)),
    q: ops.value(d_heads),
    k: ops.value(d_heads),
    v: ops.value(d_heads),
    y: ops.value(d_heads),
    post_act: ops.value(config.d_mlp),
    resid_delta: ops.value(config.d_model),
  };
}

/**
 * One forward pass from tokens to logits, over the tokens that `ops` was made for (released file
 * `circuit_sparsity/inference/gpt.py`; paper, section 2).
 */
export function* forward(model: ModelWeights, values: ForwardValues, ops: Operations): Steps {
  const { config } = model;
  const { x } = values;
  ops.embed(x, model.wte, config.d_pos_emb === null ? model.wpe : null);
  for (let i = 0; i < config.n_layer; i++) {
    yield* attention(model, i, values, ops);
    yield* mlp(model, i, values, ops);
  }
  yield* hook(ops, "final_resid", x);
  ops.norm(values.resid_delta, x, model.ln_f);
  ops.unembed(values.resid_delta, model.lm_head, model.bigram_table);
}

function* attention(model: ModelWeights, i: number, values: ForwardValues, ops: Operations): Steps {
  const { x, act_in, q, k, v, y, resid_delta } = values;
  const { config, layers } = model;
  const { ln_1, ln_p1, c_attn, attn_c_proj, sink_logit } = layers[i];
  yield* hook(ops, `${i}.resid_in`, x);

  ops.norm(act_in, x, ln_1);
  positions(model, ln_p1, act_in, ops);
  sparsify(ops, config, "attn_in", act_in);
  yield* hook(ops, `${i}.attn.act_in`, act_in);

  ops.linear([q, k, v], act_in, c_attn);
  sparsify(ops, config, "attn_k", k);
  yield* hook(ops, `${i}.attn.k`, k);
  sparsify(ops, config, "attn_q", q);
  yield* hook(ops, `${i}.attn.q`, q);
  sparsify(ops, config, "attn_v", v);
  yield* hook(ops, `${i}.attn.v`, v);

  ops.attention(i, y, q, k, v, config.n_head, sink_logit);
  yield* hook(ops, `${i}.attn.y`, y);

  ops.linear([resid_delta], y, attn_c_proj);
  sparsify(ops, config, "attn_out", resid_delta);
  yield* hook(ops, `${i}.attn.resid_delta`, resid_delta);
  addToResidual(ops, config, x, resid_delta, "resid_post_attn");
}

function* mlp(model: ModelWeights, i: number, values: ForwardValues, ops: Operations): Steps {
  const { x, act_in, post_act, resid_delta } = values;
  const { config, layers } = model;
  const { ln_2, ln_p2, c_fc, mlp_c_proj } = layers[i];
  yield* hook(ops, `${i}.resid_mid`, x);

  ops.norm(act_in, x, ln_2);
  positions(model, ln_p2, act_in, ops);
  sparsify(ops, config, "mlp_in", act_in);
  yield* hook(ops, `${i}.mlp.act_in`, act_in);

  ops.linear([post_act], act_in, c_fc, config.activation_type);
  sparsify(ops, config, "mlp_neuron", post_act);
  yield* hook(ops, `${i}.mlp.post_act`, post_act);

  ops.linear([resid_delta], post_act, mlp_c_proj);
  sparsify(ops, config, "mlp_out", resid_delta);
  yield* hook(ops, `${i}.mlp.resid_delta`, resid_delta);
  addToResidual(ops, config, x, resid_delta, "resid_post_mlp");
}

function* hook(ops: Operations, point: string, value: Value): Steps {
  if (ops.watches(point)) yield* ops.hook(point, value);
}

function sparsify(ops: Operations, config: ModelConfig, loctype: Loctype, value: Value): void {
  ops.absTopK(value, absTopK(config, loctype, value.width));
}

function positions(model: ModelWeights, norm: LayerWeights["ln_p1"], act_in: Value, ops: Operations): void {
  if (norm) ops.concatenatePositions(act_in, model.config.d_model, model.wpe, norm);
}

function addToResidual(ops: Operations, config: ModelConfig, x: Value, delta: Value, loctype: Loctype): void {
  ops.add(x, delta);
  if (config.residual_activation_type === "relu") ops.relu(x);
  sparsify(ops, config, loctype, x);
}
