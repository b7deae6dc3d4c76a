import type { Circuit } from "../../src/index.js";

/** A circuit as a graph in the order of the computation: rows from the embedding down to the unembedding. */
export interface Graph {
  readonly rows: readonly GraphRow[];
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

export interface GraphRow {
  /** `0.attn.act_in`; of q, k and v together `0.attn.qkv`. */
  readonly name: string;
  readonly layer: number | null;
}

export interface GraphNode {
  /** `4.attn.resid_delta:1079`; `embedding:12`, `unembedding:12` for the ends of channels. */
  readonly id: string;
  readonly kind: "node" | "end";
  readonly row: number;
  readonly location: string;
  readonly channel: number;
  /** What stands in it. */
  readonly label: string;
  /** Ablation delta in nats. null: not known, or an end. */
  readonly score: number | null;
  /** In which circuits it is, when two are compared. */
  readonly membership: "both" | "first" | "second";
}

export interface GraphEdge {
  readonly source: string;
  readonly target: string;
  /** `stream`: from one to the next that reads or writes the same channel of the residual stream. */
  readonly kind: "weight" | "stream";
  /** 0 for the stream. */
  readonly weight: number;
  /** Ablation delta in nats. null: not known. */
  readonly score: number | null;
  readonly membership: "both" | "first" | "second";
}

const STAGES = [
  "attn.act_in",
  "attn.qkv",
  "attn.resid_delta",
  "mlp.act_in",
  "mlp.post_act",
  "mlp.resid_delta",
];
const END = Number.MAX_SAFE_INTEGER;

/** Where a location stands in the order of the computation. */
function orderOf(location: string): { order: number; row: string; layer: number | null } {
  if (location === "embedding") return { order: -1, row: location, layer: null };
  if (location === "final_resid") return { order: END - 1, row: location, layer: null };
  if (location === "unembedding") return { order: END, row: location, layer: null };
  const [, layer, rest] = /^(\d+)\.(.*)$/.exec(location)!;
  const stage = rest.replace(/^attn\.[qkv]$/, "attn.qkv");
  return {
    order: Number(layer) * STAGES.length + STAGES.indexOf(stage),
    row: `${layer}.${stage}`,
    layer: Number(layer),
  };
}

export function splitNode(node: string): { location: string; channel: number } {
  const colon = node.lastIndexOf(":");
  return { location: node.slice(0, colon), channel: Number(node.slice(colon + 1)) };
}

const onStream = /(act_in|resid_delta|final_resid|embedding)$/;

export interface GraphOptions {
  /** A second circuit: the graph is that of both. */
  readonly other?: Circuit | null;
  /** Only this layer. */
  readonly layer?: number | null;
  /** Channels behind those of the stream are positions. */
  readonly streamWidth?: number;
}

export function buildGraph(circuit: Circuit, options: GraphOptions = {}): Graph {
  const { other = null, layer = null, streamWidth = Number.POSITIVE_INFINITY } = options;
  const isShown = (node: string) => layer === null || node.startsWith(`${layer}.`);
  const [first, second] = [new Set(circuit.nodes), new Set(other?.nodes ?? circuit.nodes)];
  const membership = (isFirst: boolean, isSecond: boolean): GraphNode["membership"] =>
    isFirst && isSecond ? "both" : isFirst ? "first" : "second";
  const scores = new Map<string, number>();
  for (const one of other ? [other, circuit] : [circuit]) {
    for (const [i, node] of one.nodes.entries()) {
      if (one.node_scores) scores.set(node, one.node_scores[i]);
    }
  }

  const drafts = [...new Set([...first, ...second])].filter(isShown).map((id) => {
    const { location, channel } = splitNode(id);
    const prefix = /\.attn\.([qkv])$/.exec(location)?.[1] ?? "";
    return {
      ...{ id, kind: "node" as const, location, channel, label: `${prefix}${channel}` },
      ...{ score: scores.get(id) ?? null, membership: membership(first.has(id), second.has(id)) },
    };
  });
  const edges: GraphEdge[] = [];
  const channels = new Map<number, typeof drafts>();
  for (const draft of drafts) {
    if (!onStream.test(draft.location) || draft.channel >= streamWidth) continue;
    channels.set(draft.channel, [...(channels.get(draft.channel) ?? []), draft]);
  }
  const endNodes: Omit<GraphNode, "row">[] = [];
  for (const [channel, along] of channels) {
    const ordered = along.sort((a, b) => orderOf(a.location).order - orderOf(b.location).order);
    const chain = ordered.map(({ id }) => id);
    const end = (location: string): string => {
      endNodes.push({
        ...{ id: `${location}:${channel}`, kind: "end", location, channel, label: String(channel) },
        ...{ score: null, membership: "both" },
      });
      return `${location}:${channel}`;
    };
    // What is read before a node of the circuit has written it comes from the embedding, or is a mean.
    if (/act_in$/.test(ordered[0].location)) chain.unshift(end("embedding"));
    if (/resid/.test(ordered.at(-1)!.location)) chain.push(end("unembedding"));
    for (let i = 1; i < chain.length; i++) {
      edges.push({
        ...{ source: chain[i - 1], target: chain[i], kind: "stream", weight: 0, score: null },
        membership: "both",
      });
    }
  }

  const known = new Map<string, GraphEdge>();
  const edgeKey = (source: string, target: string) => `${source} ${target}`;
  for (const [one, isFirst] of [[circuit, true], ...(other ? [[other, false]] : [])] as [
    Circuit,
    boolean,
  ][]) {
    for (const [i, [source, target, weight]] of one.edges.entries()) {
      if (!isShown(source) || !isShown(target)) continue;
      const key = edgeKey(source, target);
      const before = known.get(key);
      const score = one.edge_scores?.[i] ?? null;
      const belongs = before || !other ? "both" : isFirst ? "first" : "second";
      known.set(key, {
        ...{ source, target, kind: "weight", weight, score: before?.score ?? score, membership: belongs },
      });
    }
  }
  edges.push(...known.values());

  const all = [...drafts, ...endNodes];
  const rowNames = new Map<string, { order: number; layer: number | null }>();
  for (const { location } of all) {
    const { order, row, layer: of } = orderOf(location);
    rowNames.set(row, { order, layer: of });
  }
  const rows = [...rowNames]
    .sort(([, a], [, b]) => a.order - b.order)
    .map(([name, { layer: of }]) => ({ name, layer: of }));
  const rowNumbers = new Map(rows.map(({ name }, i) => [name, i]));
  const nodes = all
    .map((node) => ({ ...node, row: rowNumbers.get(orderOf(node.location).row)! }))
    .sort((a, b) => a.row - b.row || a.location.localeCompare(b.location) || a.channel - b.channel);
  return { rows, nodes, edges };
}
