import ELK, { type ElkExtendedEdge, type ElkNode } from "elkjs/lib/elk-api.js";
import workerUrl from "elkjs/lib/elk-worker.min.js?url";
import { keep, recall } from "../state/storage.js";
import type { Graph } from "./build.js";

/** Where everything is, in pixels at scale 1. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  /** Centre of each node. */
  readonly nodes: ReadonlyMap<string, Point>;
  /** In the order of the graph's edges. */
  readonly edges: readonly (readonly Point[])[];
  /** From where to where a row reaches. */
  readonly rows: readonly { readonly top: number; readonly bottom: number }[];
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export const NODE_HEIGHT = 20;
/** Changes with the options below, so that what was kept before is not used. */
const VERSION = 7;

export function nodeWidth({ label }: { readonly label: string }): number {
  return 14 + 7 * label.length;
}

/** Between the nodes of a row. */
const GAP = 10;
/** Nodes that stand beside each other: the nodes of a longer row are on several lines in turn. */
const LINE = 24;
const LINE_HEIGHT = NODE_HEIGHT + 8;

const OPTIONS = {
  "elk.algorithm": "layered",
  "elk.direction": "DOWN",
  "elk.partitioning.activate": "true",
  "elk.separateConnectedComponents": "false",
  "elk.edgeRouting": "POLYLINE",
  "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX",
  "elk.layered.crossingMinimization.strategy": "LAYER_SWEEP",
  "elk.layered.thoroughness": "5",
  "elk.layered.spacing.nodeNodeBetweenLayers": "44",
  "elk.spacing.nodeNode": String(GAP),
  "elk.spacing.edgeNode": "8",
  "elk.spacing.edgeEdge": "6",
  "elk.layered.spacing.edgeNodeBetweenLayers": "8",
  "elk.layered.spacing.edgeEdgeBetweenLayers": "6",
  "elk.padding": "[top=16,left=16,bottom=16,right=16]",
};

/**
 * Edges above which straight channels cost more than they show: rows would become several times as wide as their nodes, and
 * placing them takes minutes. Each row is centred then, channels run in bundles, and rows are closer, so that labels can be read
 * when all of it is in sight.
 */
const LARGE = 150;
const CENTRED = {
  "elk.layered.spacing.nodeNodeBetweenLayers": "32",
  "elk.spacing.edgeEdge": "4",
  "elk.layered.nodePlacement.strategy": "SIMPLE",
  "elk.layered.thoroughness": "2",
};

export function isLarge({ edges }: Graph): boolean {
  return edges.length > LARGE;
}

let elk: InstanceType<typeof ELK> | null = null;
const memory = new Map<string, Promise<Layout>>();

/** The same graph is laid out once, in a worker, and kept in this browser. */
export function layoutGraph(graph: Graph): Promise<Layout> {
  const key = keyOf(graph);
  let layout = memory.get(key);
  if (!layout) {
    layout = recallOrCompute(graph, key);
    memory.set(key, layout);
    layout.catch(() => memory.delete(key));
  }
  return layout;
}

async function recallOrCompute(graph: Graph, key: string): Promise<Layout> {
  const start = performance.now();
  const kept = await recall<Layout>(key);
  const layout = kept ?? (await compute(graph));
  performance.measure("layout", { start });
  if (!kept) await keep(key, layout);
  return layout;
}

async function compute(graph: Graph): Promise<Layout> {
  elk ??= new ELK({ workerFactory: () => new Worker(workerUrl) });
  const members = graph.rows.map((_, row) => graph.nodes.filter((node) => node.row === row));
  const linesOf = members.map(({ length }) => Math.max(1, Math.ceil(length / LINE)));
  const root: ElkNode = {
    id: "graph",
    layoutOptions: isLarge(graph) ? { ...OPTIONS, ...CENTRED } : OPTIONS,
    children: graph.nodes.map((node) => {
      const lines = linesOf[node.row];
      return {
        // As much room as one takes on average.
        ...{ id: node.id, width: (nodeWidth(node) + GAP) / lines - GAP },
        height: NODE_HEIGHT + (lines - 1) * LINE_HEIGHT,
        layoutOptions: { "elk.partitioning.partition": String(node.row) },
      };
    }),
    edges: graph.edges.map(({ source, target, kind }, i) => ({
      ...{ id: String(i), sources: [source], targets: [target] },
      // A channel should look like a line.
      layoutOptions: {
        "elk.layered.priority.straightness": kind === "stream" ? "20" : "1",
        "elk.layered.priority.shortness": kind === "stream" ? "20" : "1",
      },
    })),
  };
  const placed = await elk.layout(root);
  const nodes = new Map(
    placed.children!.map(({ id, x = 0, y = 0, width = 0, height = 0 }) => [
      id,
      { x: x + width / 2, y: y + height / 2 },
    ]),
  );
  for (const [row, lines] of linesOf.entries()) {
    const ordered = members[row].map(({ id }) => id).sort((a, b) => nodes.get(a)!.x - nodes.get(b)!.x);
    for (const [i, id] of ordered.entries()) {
      const { x, y } = nodes.get(id)!;
      nodes.set(id, { x, y: y + ((i % lines) - (lines - 1) / 2) * LINE_HEIGHT });
    }
  }
  const edges = (placed.edges as ElkExtendedEdge[]).map(({ sources, targets, sections = [] }) => {
    const [section] = sections;
    if (!section) return [];
    const start = { x: section.startPoint.x, y: nodes.get(sources[0])!.y + NODE_HEIGHT / 2 };
    const end = { x: section.endPoint.x, y: nodes.get(targets[0])!.y - NODE_HEIGHT / 2 };
    return [start, ...(section.bendPoints ?? []), end];
  });
  const rows = members.map((row) => {
    const heights = row.map(({ id }) => nodes.get(id)!.y);
    return {
      top: Math.min(...heights) - NODE_HEIGHT / 2,
      bottom: Math.max(...heights) + NODE_HEIGHT / 2,
    };
  });
  return { width: placed.width ?? 0, height: placed.height ?? 0, nodes, edges, rows };
}

/** The structure alone decides: a hash of it (FNV-1a, twice 32 bits). */
function keyOf({ nodes, edges }: Graph): string {
  const text = [
    ...nodes.map(({ id, row }) => `${row} ${id}`),
    ...edges.map(({ source, target }) => `${source}>${target}`),
  ].join("\n");
  let [a, b] = [0x811c9dc5, 0x01000193];
  for (let i = 0; i < text.length; i++) {
    a = Math.imul(a ^ text.charCodeAt(i), 0x01000193);
    b = Math.imul(b ^ text.charCodeAt(text.length - 1 - i), 0x01000193);
  }
  return `layout:${VERSION}:${nodes.length}:${edges.length}:${(a >>> 0).toString(16)}${(b >>> 0).toString(16)}`;
}
