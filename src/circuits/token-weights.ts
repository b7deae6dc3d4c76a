import type { RowWeight, StreamEnd, WeightGraph } from "./weight-graph.js";

/** Tokens by how a node is connected with them through the weights. */
export interface TokenWeights {
  /** Greatest first; only those above zero. */
  readonly positive: readonly RowWeight[];
  /** Least first; only those below zero. */
  readonly negative: readonly RowWeight[];
  /** Tokens whose weight is not zero. */
  readonly count: number;
}

export interface NodeTokens {
  /** Tokens whose embedding feeds the node. null: there is no direct way. */
  readonly embedding: TokenWeights | null;
  /** Tokens whose logits the node feeds. null: there is no direct way. */
  readonly unembedding: TokenWeights | null;
}

/**
 * The tokens of the embedding and of the unembedding that a node is connected with directly: along the residual stream,
 * and at most one matrix. With E the embedding, U the unembedding and g the weight of the norm in between, per token t:
 *
 * | node | embedding | unembedding |
 * |---|---|---|
 * | `resid_delta`, `final_resid`, channel c | E[t, c] | g[c] · U[t, c] |
 * | `act_in`, channel c of the stream | g[c] · E[t, c] | – |
 * | `q`, `k`, `v`, `post_act`, channel j | Σ_c W[j, c] · g[c] · E[t, c] | – (q, k) |
 * | `v`, `post_act`, channel j | | Σ_c W[c, j] · g[c] · U[t, c] |
 *
 * W is the matrix into the node, or out of it. The scale of norms, biases, AbsTopK, activation functions and attention's
 * pattern are left out, and so is all that other layers do.
 * @param top how many tokens of either sign are named
 */
export async function nodeTokens(graph: WeightGraph, node: string, top = 10): Promise<NodeTokens> {
  const number = graph.index.numberOf(node);
  const { name, offset } = graph.index.locationOf(number);
  const channel = number - offset;
  if (/act_in$/.test(name)) {
    return { embedding: await through(graph, "embedding", [[number, 1]], top), unembedding: null };
  }
  if (/resid/.test(name)) {
    const rows = await graph.rows("embedding", channel);
    return {
      embedding: rows.length === 0 ? null : ofRows(rows, top),
      unembedding: await through(graph, "unembedding", [[number, 1]], top),
    };
  }
  const pairs = (links: { node: number | null; weight: number }[]): [number, number][] =>
    links.map((link) => [link.node!, link.weight]);
  return {
    embedding: await through(graph, "embedding", pairs(await graph.inputs(number)), top),
    unembedding: await through(graph, "unembedding", pairs(await graph.outputs(number)), top),
  };
}

/** Tokens at an end of the stream, through nodes that lie beside it, each with its factor. */
async function through(
  graph: WeightGraph,
  end: StreamEnd,
  nodes: readonly (readonly [node: number, factor: number])[],
  top: number,
): Promise<TokenWeights | null> {
  const sums = new Map<number, number>();
  for (const [node, factor] of nodes) {
    const links = end === "embedding" ? await graph.inputs(node) : await graph.outputs(node);
    const link = links.find(({ name }) => name.startsWith(`${end}:`));
    if (!link) continue;
    for (const { row, weight } of await graph.rows(end, Number(link.name.slice(end.length + 1))))
      sums.set(row, (sums.get(row) ?? 0) + factor * link.weight * weight);
  }
  const rows = Array.from(sums, ([row, weight]) => ({ row, weight })).filter(({ weight }) => weight !== 0);
  return rows.length === 0 ? null : ofRows(rows, top);
}

function ofRows(rows: readonly RowWeight[], top: number): TokenWeights {
  const ordered = rows.toSorted((a, b) => b.weight - a.weight || a.row - b.row);
  return {
    positive: ordered.filter(({ weight }) => weight > 0).slice(0, top),
    negative: ordered
      .filter(({ weight }) => weight < 0)
      .reverse()
      .slice(0, top),
    count: rows.length,
  };
}
