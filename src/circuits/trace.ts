import {
  type RowWeight,
  STREAM_ENDS,
  type StreamEnd,
  type WeightGraph,
  type WeightLink,
} from "./weight-graph.js";

export interface TraceOptions {
  /** Steps towards the embedding. Default 2. */
  readonly up?: number;
  /** Steps towards the unembedding. Default 2. */
  readonly down?: number;
  /** How many links of a node are followed, and how many tokens of an end of the stream are named. Default 5. */
  readonly top?: number;
}

/** A node's surroundings through the weights. */
export interface Trace {
  readonly node: string;
  readonly bias: number;
  /** Of a channel of q the same one of k, with which it is multiplied; and the other way round. */
  readonly partner: string | null;
  /** What feeds the node. */
  readonly up: TraceLinks;
  /** What it feeds. */
  readonly down: TraceLinks;
}

export interface TraceLinks {
  /** The largest |weight| first. */
  readonly links: readonly TracedLink[];
  /** Links that were left out. */
  readonly more: number;
}

/** A node, or an end of the stream, one step from that which it is listed under. */
export interface TracedLink extends TraceLinks {
  readonly name: string;
  readonly weight: number;
  /** The tensor that the weight is an entry of. */
  readonly through: string;
  /** Of the node that is fed. */
  readonly bias: number;
  /** Of an end of the stream: rows of the embedding with the largest |entry| in its channel, and how many have one. */
  readonly rows?: { readonly top: readonly RowWeight[]; readonly count: number };
  /** It was followed before, where it is first listed. */
  readonly repeated: boolean;
}

/**
 * Follows a node's weights in both directions, a limited number of steps and links wide.
 * @param node `4.attn.resid_delta:1079`; channels of `final_resid` are nodes too
 * @throws SparseLensError when the model has no such node
 */
export async function trace(
  graph: WeightGraph,
  node: string,
  { up = 2, down = 2, top = 5 }: TraceOptions = {},
): Promise<Trace> {
  const number = graph.index.numberOf(node);
  const partner = graph.partner(number);
  return {
    node,
    bias: await graph.bias(number),
    partner: partner === null ? null : graph.index.nameOf(partner),
    up: await follow(number, up, top, (one) => graph.inputs(one), graph),
    down: await follow(number, down, top, (one) => graph.outputs(one), graph),
  };
}

async function follow(
  root: number,
  steps: number,
  top: number,
  linksOf: (node: number) => Promise<WeightLink[]>,
  graph: WeightGraph,
): Promise<TraceLinks> {
  /** Node → the steps that it was followed for. */
  const followed = new Map<number, number>();

  const from = async (node: number, left: number): Promise<TraceLinks> => {
    if (left === 0) return { links: [], more: 0 };
    followed.set(node, left);
    const all = await linksOf(node);
    const links: TracedLink[] = [];
    for (const link of all.slice(0, top)) links.push(await traced(link, left - 1));
    return { links, more: all.length - links.length };
  };

  const traced = async (link: WeightLink, left: number): Promise<TracedLink> => {
    const { name, node, weight, through } = link;
    if (node === null) {
      const [end, channel] = name.split(":") as [StreamEnd, string];
      const rows = await graph.rows(end, Number(channel));
      return {
        ...{ name, weight, through, bias: 0, links: [], more: 0, repeated: false },
        rows: { top: rows.slice(0, top), count: rows.length },
      };
    }
    const repeated = left > 0 && (followed.get(node) ?? 0) >= left;
    const further = repeated ? { links: [], more: 0 } : await from(node, left);
    return { name, weight, through, bias: await graph.bias(node), ...further, repeated };
  };

  return from(root, steps);
}

/** Whether a name of a trace is that of an end of the stream, and of which. */
export function streamEndOf(name: string): StreamEnd | null {
  return STREAM_ENDS.find((end) => name.startsWith(`${end}:`)) ?? null;
}
