import { describe, expect, test } from "vitest";
import { type TracedLink, type TraceLinks, trace } from "../../src/circuits/trace.js";
import { fixtures } from "../support/fixtures.js";
import { describeGraphs, type OpenedGraph, openGraph } from "../support/weight-graph.js";

/** Factors between nodes, from dense matrices and SPEC's equations: `source target` → weight. */
async function denseFactors(opened: OpenedGraph): Promise<Map<string, number>> {
  const { config } = opened.graph;
  const factors = new Map<string, number>();
  const dense = async (name: string) => (await opened.dense(name)) ?? new Float32Array(0);
  const isZero = (values: Float32Array) => values.every((value) => value === 0);
  const { d_model, d_mlp, n_layer, vocab_size, block_size, d_pos_emb } = config;
  const heads = config.n_head * config.d_head;
  const d_in = d_model + (d_pos_emb ?? 0);
  const multiply = async (
    source: string,
    target: string,
    name: string,
    rows: number,
    columns: number,
    first = 0,
  ) => {
    const matrix = await dense(name);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const weight = matrix[(first + row) * columns + column];
        if (weight !== 0) factors.set(`${source}:${column} ${target}:${row}`, weight);
      }
    }
  };
  const column = (matrix: Float32Array, width: number, channel: number) =>
    matrix.filter((_, i) => i % width === channel);

  const wte = await dense("transformer.wte.weight");
  const wpe = await dense("transformer.wpe.weight");
  const unembedding = config.tied_unembed ? wte : await dense("lm_head.weight");
  expect([wte.length, wpe.length]).toEqual([vocab_size * d_model, block_size * (d_pos_emb ?? d_model)]);
  const written: [string, (channel: number) => boolean][] = [
    ["embedding", (channel) => !isZero(column(wte, d_model, channel))],
    ...(d_pos_emb === null
      ? [
          [
            "position",
            (channel: number) => !isZero(column(wpe, d_model, channel)),
          ] as (typeof written)[number],
        ]
      : []),
  ];
  const read = async (target: string, norm: string, isRead: (channel: number) => boolean) => {
    const weight = await dense(norm);
    for (let channel = 0; channel < d_model; channel++) {
      for (const [source, isWritten] of written) {
        // What only one side uses is listed from that side.
        if (isRead(channel)) factors.set(`${source}:${channel} → ${target}:${channel}`, weight[channel]);
        if (isWritten(channel)) factors.set(`${source}:${channel} ← ${target}:${channel}`, weight[channel]);
      }
    }
  };
  const write = async (source: string, name: string, columns: number) => {
    const matrix = await dense(`${name}.weight`);
    const bias = await dense(`${name}.bias`);
    written.push([
      source,
      (channel) => !isZero(matrix.subarray(channel * columns, (channel + 1) * columns)) || !!bias[channel],
    ]);
  };
  for (let i = 0; i < n_layer; i++) {
    const h = `transformer.h.${i}`;
    const c_attn = await dense(`${h}.attn.c_attn.weight`);
    const c_fc = await dense(`${h}.mlp.c_fc.weight`);
    await read(`${i}.attn.act_in`, `${h}.ln_1.weight`, (channel) => !isZero(column(c_attn, d_in, channel)));
    for (const [part, name] of ["q", "k", "v"].entries())
      await multiply(
        `${i}.attn.act_in`,
        `${i}.attn.${name}`,
        `${h}.attn.c_attn.weight`,
        heads,
        d_in,
        part * heads,
      );
    await multiply(`${i}.attn.v`, `${i}.attn.resid_delta`, `${h}.attn.c_proj.weight`, d_model, heads);
    await write(`${i}.attn.resid_delta`, `${h}.attn.c_proj`, heads);
    await read(`${i}.mlp.act_in`, `${h}.ln_2.weight`, (channel) => !isZero(column(c_fc, d_in, channel)));
    await multiply(`${i}.mlp.act_in`, `${i}.mlp.post_act`, `${h}.mlp.c_fc.weight`, d_mlp, d_in);
    await multiply(`${i}.mlp.post_act`, `${i}.mlp.resid_delta`, `${h}.mlp.c_proj.weight`, d_model, d_mlp);
    await write(`${i}.mlp.resid_delta`, `${h}.mlp.c_proj`, d_mlp);
    for (const [location, norm] of [
      ["attn", "ln_p1"],
      ["mlp", "ln_p2"],
    ]) {
      const weight = await dense(`${h}.${norm}.weight`);
      for (let channel = 0; channel < (d_pos_emb ?? 0); channel++)
        factors.set(`position:${channel} ← ${i}.${location}.act_in:${d_model + channel}`, weight[channel]);
    }
  }
  await read("final_resid", "transformer.ln_f.weight", () => false);
  const ln_f = await dense("transformer.ln_f.weight");
  for (let channel = 0; channel < d_model; channel++) {
    if (isZero(column(unembedding, d_model, channel))) continue;
    for (const [source] of [...written.filter(([source]) => /^\d/.test(source)), ["final_resid"]] as const)
      factors.set(`${source}:${channel} → unembedding:${channel}`, ln_f[channel]);
  }
  return factors;
}

describeGraphs((opened) => {
  test("links are the factors that the model multiplies with, all of them, in order", async () => {
    const { graph } = opened;
    const factors = await denseFactors(opened);
    const found = new Map<string, number>();
    for (let node = 0; node < graph.index.count; node++) {
      const name = graph.index.nameOf(node);
      const isStream = (other: string) =>
        /^(embedding|position|unembedding|final_resid)/.test(other) ||
        (/act_in|final_resid/.test(name) && /resid_delta/.test(other)) ||
        (/act_in|final_resid/.test(other) && /resid_delta/.test(name));
      const inputs = await graph.inputs(node);
      const outputs = await graph.outputs(node);
      for (const link of inputs)
        found.set(`${link.name} ${isStream(link.name) ? "← " : ""}${name}`, link.weight);
      for (const link of outputs)
        found.set(`${name} ${isStream(link.name) ? "→ " : ""}${link.name}`, link.weight);
      for (const links of [inputs, outputs]) {
        const sizes = links.map(({ weight }) => Math.abs(weight));
        expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
      }
    }
    // Embeddings have no outputs of their own; final_resid reads what anything writes.
    const expected = [...factors].filter(
      ([key, weight]) => weight !== 0 && !/^(embedding|position):\d+ →/.test(key),
    );
    expect(new Map([...found].sort())).toEqual(new Map(expected.sort()));
  });

  test("biases are added to their nodes", async () => {
    const { graph } = opened;
    const { dense } = opened;
    const heads = graph.config.n_head * graph.config.d_head;
    const c_attn = await dense("transformer.h.1.attn.c_attn.bias");
    const c_fc = await dense("transformer.h.0.mlp.c_fc.bias");
    for (let channel = 0; channel < 4; channel++) {
      const bias = (location: string) => graph.bias(graph.index.numberOf(`${location}:${channel}`));
      expect(await bias("1.attn.v")).toBe(c_attn?.[2 * heads + channel] ?? 0);
      expect(await bias("1.attn.k")).toBe(c_attn?.[heads + channel] ?? 0);
      expect(await bias("0.mlp.post_act")).toBe(c_fc?.[channel] ?? 0);
      expect(await bias("1.attn.act_in")).toBe(0);
    }
  });
});

describe("a trace", () => {
  const path = fixtures.find((name) => name.endsWith("05_yolo2_like_d64"))!;
  const opened = openGraph(path);

  const each = function* (links: TraceLinks, depth = 1): Generator<[TracedLink, number]> {
    for (const link of links.links) {
      yield [link, depth];
      yield* each(link, depth + 1);
    }
  };

  test("is as wide and as long as it was asked to be", async () => {
    const { graph } = opened;
    for (const [up, down, top] of [
      [3, 1, 2],
      [0, 4, 1],
      [2, 2, 100],
    ]) {
      const traced = await trace(graph, "1.mlp.post_act:3", { up, down, top });
      for (const [links, steps] of [
        [traced.up, up],
        [traced.down, down],
      ] as const) {
        const depths = [...each(links)].map(([, depth]) => depth);
        expect(Math.max(0, ...depths)).toBeLessThanOrEqual(steps);
        for (const [link] of each(links)) {
          expect(link.links.length).toBeLessThanOrEqual(top);
          if (link.rows) expect(link.rows.top.length).toBe(Math.min(top, link.rows.count));
        }
      }
      expect(traced.up.links.length).toBeLessThanOrEqual(up === 0 ? 0 : top);
    }
  });

  test("says how many links it left out", async () => {
    const { graph } = opened;
    const node = graph.index.numberOf("1.mlp.post_act:3");
    const all = await graph.inputs(node);
    expect(all.length).toBeGreaterThan(2);
    const { up } = await trace(graph, "1.mlp.post_act:3", { top: 2 });
    expect(up.links.map(({ name }) => name)).toEqual(all.slice(0, 2).map(({ name }) => name));
    expect(up.more).toBe(all.length - 2);
  });

  test("follows a node that is met again only once", async () => {
    const { graph } = opened;
    const { up } = await trace(graph, "final_resid:4", { up: 5, top: 100 });
    const followed = new Map<string, number>();
    let repeated = 0;
    for (const [link, depth] of each(up)) {
      if (link.repeated) {
        repeated++;
        expect(link.links).toEqual([]);
        // Followed earlier, at least as far.
        expect(followed.get(link.name)).toBeLessThanOrEqual(depth);
      } else if (link.links.length > 0) {
        followed.set(link.name, Math.min(depth, followed.get(link.name) ?? depth));
      }
    }
    expect(repeated).toBeGreaterThan(0);
  });

  test("ends at tokens, those with the largest weight first", async () => {
    const { graph } = opened;
    const { down } = await trace(graph, "final_resid:4", { top: 3 });
    expect(down.links).toHaveLength(1);
    const [{ name, rows }] = down.links;
    expect(name).toBe("unembedding:4");
    const unembedding = (await opened.dense("lm_head.weight"))!;
    const expected = Array.from({ length: graph.config.vocab_size }, (_, row) => ({
      ...{ row, weight: unembedding[row * graph.config.d_model + 4] },
    }))
      .filter(({ weight }) => weight !== 0)
      .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight));
    expect(rows).toEqual({ top: expected.slice(0, 3), count: expected.length });
  });

  test("a channel of q meets the same one of k", async () => {
    const { graph } = opened;
    expect(await trace(graph, "0.attn.q:9")).toMatchObject({
      partner: "0.attn.k:9",
      down: { links: [], more: 0 },
    });
    expect((await trace(graph, "1.attn.k:9")).partner).toBe("1.attn.q:9");
    expect((await trace(graph, "1.attn.v:9")).partner).toBeNull();
  });

  test.each([
    ["1.mlp.post_act", "is not a node"],
    ["1.mlp.post_act:3-5", "is not a node"],
    ["2.mlp.post_act:3", "2.mlp.post_act is not a location of nodes"],
    ["1.mlp.post_act:112", "has the channels 0 to 111"],
  ])("%s is refused", async (node, message) => {
    await expect(trace(opened.graph, node)).rejects.toThrow(message);
  });
});
