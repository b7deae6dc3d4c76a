import type { Circuit } from "./circuit.js";

/** A line for each node: its name, its parts, and by how much the task loss grows without it. */
export function nodesAsCsv({ nodes, node_scores }: Circuit): string {
  const rows = nodes.map((node, i) => {
    const [location, channel] = node.split(":");
    const layer = /^\d+/.exec(location)?.[0] ?? "";
    return [node, layer, location, channel, node_scores?.[i] ?? ""];
  });
  return asCsv([["node", "layer", "location", "channel", "score"], ...rows]);
}

/** A line for each edge: its ends, its weight, and by how much the task loss grows without it. */
export function edgesAsCsv({ edges, edge_scores }: Circuit): string {
  const rows = edges.map(([source, target, weight], i) => [source, target, weight, edge_scores?.[i] ?? ""]);
  return asCsv([["source", "target", "weight", "score"], ...rows]);
}

/** Nothing in it needs quotes: names are of letters, digits, dots, underscores and a colon. */
function asCsv(rows: readonly (readonly (string | number)[])[]): string {
  return rows.map((row) => `${row.join(",")}\n`).join("");
}
