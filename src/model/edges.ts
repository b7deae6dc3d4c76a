import type { SparseMatrix } from "../tensor.js";
import type { Connection } from "./description.js";
import type { NodeIndex } from "./node-index.js";

/** A nonzero weight between two nodes, by their numbers in a NodeIndex. */
export interface Edge {
  readonly source: number;
  readonly target: number;
  readonly weight: number;
}

/**
 * The edges between some nodes, ordered by connection, then by target, then by source.
 * @param matrices by name in the state dict; those of connections without nodes at both ends may be missing
 */
export function edgesBetween(
  nodes: Iterable<number>,
  index: NodeIndex,
  connections: readonly Connection[],
  matrices: ReadonlyMap<string, SparseMatrix>,
): Edge[] {
  const channels = new Map([...index.byLocation(nodes)].map(([{ name }, list]) => [name, list]));
  const edges: Edge[] = [];
  for (const { source, target, weight, firstRow } of connections) {
    const sources = channels.get(source);
    const targets = channels.get(target);
    if (!sources || !targets) continue;
    const { rowPointers, columnIndices, values } = matrices.get(weight)!;
    const isSource = new Set(sources);
    const from = index.location(source).offset;
    const to = index.location(target).offset;
    for (const channel of targets) {
      const row = firstRow + channel;
      for (let i = rowPointers[row]; i < rowPointers[row + 1]; i++) {
        const column = columnIndices[i];
        if (!isSource.has(column) || values[i] === 0) continue;
        edges.push({ source: from + column, target: to + channel, weight: values[i] });
      }
    }
  }
  return edges;
}
