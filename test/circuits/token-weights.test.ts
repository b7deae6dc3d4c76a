import { expect, test } from "vitest";
import { nodeTokens } from "../../src/circuits/token-weights.js";
import { describeGraphs } from "../support/weight-graph.js";

describeGraphs((opened) => {
  const dense = async (name: string) => (await opened.dense(name))!;

  /** `[vocab]`: the sums of the docstring's table, from dense matrices. */
  async function expected(node: string): Promise<{ embedding: number[]; unembedding: number[] }> {
    const { config } = opened.graph;
    const { d_model, vocab_size } = config;
    const [location, text] = node.split(":");
    const channel = Number(text);
    const [layer, part, value] = location.split(".");
    const h = `transformer.h.${layer}`;
    const heads = config.n_head * config.d_head;
    const d_in = d_model + (config.d_pos_emb ?? 0);
    const E = await dense("transformer.wte.weight");
    const U = config.tied_unembed ? E : await dense("lm_head.weight");
    const ln_f = await dense("transformer.ln_f.weight");
    const sums = (matrix: Float32Array, factor: (c: number) => number) =>
      Array.from({ length: vocab_size }, (_, t) => {
        let sum = 0;
        for (let c = 0; c < d_model; c++) sum += factor(c) * matrix[t * d_model + c];
        return sum;
      });
    const only = (c: number) => (c === channel ? 1 : 0);
    const none = () => 0;
    if (location === "final_resid" || value === "resid_delta")
      return { embedding: sums(E, only), unembedding: sums(U, (c) => only(c) * ln_f[c]) };
    const norm = await dense(`${h}.${part === "attn" ? "ln_1" : "ln_2"}.weight`);
    if (value === "act_in")
      return { embedding: sums(E, (c) => only(c) * norm[c]), unembedding: sums(U, none) };
    const into = await dense(`${h}.${part}.${part === "attn" ? "c_attn" : "c_fc"}.weight`);
    const out = await dense(`${h}.${part}.c_proj.weight`);
    const row = channel + heads * Math.max(0, ["q", "k", "v"].indexOf(value));
    const width = part === "attn" ? heads : config.d_mlp;
    const writes = value === "v" || value === "post_act";
    return {
      embedding: sums(E, (c) => into[row * d_in + c] * norm[c]),
      unembedding: sums(U, (c) => (writes ? out[c * width + channel] * ln_f[c] : 0)),
    };
  }

  test("tokens by the products that the documentation names", async () => {
    const { graph } = opened;
    const width = { "0.mlp.post_act": graph.config.d_mlp } as Record<string, number>;
    for (const location of [
      ...["0.attn.act_in", "0.attn.q", "1.attn.k", "1.attn.v", "1.attn.resid_delta"],
      ...["1.mlp.act_in", "0.mlp.post_act", "0.mlp.resid_delta", "final_resid"],
    ]) {
      for (const channel of [0, 5, (width[location] ?? graph.config.d_model) - 1]) {
        const node = `${location}:${channel}`;
        const sums = await expected(node);
        const found = await nodeTokens(graph, node, graph.config.vocab_size);
        for (const end of ["embedding", "unembedding"] as const) {
          const weights = found[end];
          const wanted = sums[end].map((weight, row) => ({ row, weight }));
          const named = [...(weights?.positive ?? []), ...(weights?.negative ?? [])];
          for (const { row, weight } of wanted) {
            const other = named.find((one) => one.row === row)?.weight ?? 0;
            expect(Math.abs(other - weight), `${node} ${end} ${row}`).toBeLessThan(1e-5);
          }
          expect(named.length).toBe(weights?.count ?? 0);
        }
      }
    }
  });

  test("the greatest first, and the least first", async () => {
    const { graph } = opened;
    const all = (await nodeTokens(graph, "final_resid:1", graph.config.vocab_size)).unembedding!;
    const { positive, negative, count } = (await nodeTokens(graph, "final_resid:1", 2)).unembedding!;
    expect(count).toBe(all.count);
    expect(positive).toEqual(all.positive.slice(0, 2));
    expect(negative).toEqual(all.negative.slice(0, 2));
    const weights = all.positive.map(({ weight }) => weight);
    expect(weights).toEqual(weights.toSorted((a, b) => b - a));
    expect(
      all.negative.every(({ weight }, i) => weight < 0 && weight >= (all.negative[i - 1]?.weight ?? weight)),
    ).toBe(true);
  });
});
