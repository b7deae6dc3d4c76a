import type { BackwardOperations, Value } from "../engine/operations.js";
import { absTopK, type Loctype, type ModelConfig } from "./config.js";
import { inputWidth } from "./description.js";
import type { ForwardValues, LayerValues } from "./forward.js";
import type { LayerWeights, ModelWeights } from "./weights.js";

/** Gradients of the values of a pass, reused by every layer. Shapes as in ForwardValues. */
export interface BackwardValues {
  /** Of the residual stream. */
  readonly x: Value;
  readonly act_in: Value;
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
  readonly y: Value;
  readonly post_act: Value;
  readonly resid_delta: Value;
}

export function backwardValues(config: ModelConfig, ops: BackwardOperations): BackwardValues {
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
 * The backward pass of `forward`, from the loss that `unembed` computed to the gradients of whatever `ops` wants: all
 * parameters, or masks of nodes.
 * @param values what the forward pass kept
 */
export function backward(
  model: ModelWeights,
  values: ForwardValues,
  gradients: BackwardValues,
  ops: BackwardOperations,
): void {
  const { config } = model;
  const { layers, final_resid, normed } = values;
  const { x, resid_delta } = gradients;
  const residual = [...layers.map(({ resid_in }) => resid_in), final_resid];
  ops.unembedBackward(resid_delta, normed, model.lm_head, model.bigram_table);
  ops.zero(x);
  ops.normBackward(x, resid_delta, final_resid, model.ln_f);
  hook(ops, "final_resid", x);
  for (let i = config.n_layer - 1; i >= 0; i--) {
    mlp(model, i, layers[i], residual[i + 1], gradients, ops);
    attention(model, i, layers[i], gradients, ops);
  }
  ops.embedBackward(x, model.wte, "tokens");
  if (config.d_pos_emb === null) ops.embedBackward(x, model.wpe, "positions");
}

function mlp(
  model: ModelWeights,
  i: number,
  values: LayerValues,
  resid_out: Value,
  gradients: BackwardValues,
  ops: BackwardOperations,
): void {
  const { act_in, post_act, derivative, resid_delta } = values.mlp;
  const { config, layers } = model;
  const { ln_2, ln_p2, c_fc, mlp_c_proj } = layers[i];
  residual(ops, config, gradients, resid_out, "resid_post_mlp");

  hook(ops, `${i}.mlp.resid_delta`, gradients.resid_delta);
  sparsify(ops, config, "mlp_out", gradients.resid_delta, resid_delta);
  ops.linearBackward(gradients.post_act, [gradients.resid_delta], post_act, mlp_c_proj);

  hook(ops, `${i}.mlp.post_act`, gradients.post_act);
  sparsify(ops, config, "mlp_neuron", gradients.post_act, post_act);
  ops.activationBackward(gradients.post_act, post_act, config.activation_type, derivative);
  ops.linearBackward(gradients.act_in, [gradients.post_act], act_in, c_fc);

  hook(ops, `${i}.mlp.act_in`, gradients.act_in);
  sparsify(ops, config, "mlp_in", gradients.act_in, act_in);
  positions(model, ln_p2, gradients.act_in, ops);
  ops.normBackward(gradients.x, gradients.act_in, values.resid_mid, ln_2);
}

function attention(
  model: ModelWeights,
  i: number,
  values: LayerValues,
  gradients: BackwardValues,
  ops: BackwardOperations,
): void {
  const { act_in, q, k, v, y, resid_delta } = values.attn;
  const { config, layers } = model;
  const { ln_1, ln_p1, c_attn, attn_c_proj, sink_logit } = layers[i];
  residual(ops, config, gradients, values.resid_mid, "resid_post_attn");

  hook(ops, `${i}.attn.resid_delta`, gradients.resid_delta);
  sparsify(ops, config, "attn_out", gradients.resid_delta, resid_delta);
  ops.linearBackward(gradients.y, [gradients.resid_delta], y, attn_c_proj);

  const { q: dq, k: dk, v: dv } = gradients;
  ops.attentionBackward([dq, dk, dv], gradients.y, [q, k, v], y, config.n_head, sink_logit);

  hook(ops, `${i}.attn.v`, dv);
  sparsify(ops, config, "attn_v", dv, v);
  hook(ops, `${i}.attn.q`, dq);
  sparsify(ops, config, "attn_q", dq, q);
  hook(ops, `${i}.attn.k`, dk);
  sparsify(ops, config, "attn_k", dk, k);
  ops.linearBackward(gradients.act_in, [dq, dk, dv], act_in, c_attn);

  hook(ops, `${i}.attn.act_in`, gradients.act_in);
  sparsify(ops, config, "attn_in", gradients.act_in, act_in);
  positions(model, ln_p1, gradients.act_in, ops);
  ops.normBackward(gradients.x, gradients.act_in, values.resid_in, ln_1);
}

/** Node locations alone are ever replaced where there is a backward pass. */
function hook(ops: BackwardOperations, point: string, dx: Value): void {
  if (ops.watches(point)) ops.hookBackward(point, dx);
}

function sparsify(ops: BackwardOperations, config: ModelConfig, loctype: Loctype, dx: Value, y: Value): void {
  ops.absTopKBackward(dx, y, absTopK(config, loctype, y.width));
}

function positions(
  model: ModelWeights,
  norm: LayerWeights["ln_p1"],
  dact_in: Value,
  ops: BackwardOperations,
): void {
  if (norm) ops.concatenatePositionsBackward(dact_in, model.config.d_model, model.wpe, norm);
}

/** The stream's gradient before a sublayer was added is that behind it; the sublayer's output has the same. */
function residual(
  ops: BackwardOperations,
  config: ModelConfig,
  { x, resid_delta }: BackwardValues,
  sum: Value,
  loctype: Loctype,
): void {
  sparsify(ops, config, loctype, x, sum);
  if (config.residual_activation_type === "relu") ops.reluBackward(x, sum);
  ops.copy(resid_delta, x);
}
