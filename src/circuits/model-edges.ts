import { type Edge, edgesBetween } from "../model/edges.js";
import type { NodeIndex } from "../model/node-index.js";
import type { Model } from "../model.js";
import type { SparseMatrix } from "../tensor.js";

/** The edges between some nodes of a model, and the matrices that they are in, by name in the state dict. */
export async function modelEdges(
  model: Model,
  index: NodeIndex,
  nodes: Iterable<number>,
): Promise<{ readonly edges: readonly Edge[]; readonly matrices: ReadonlyMap<string, SparseMatrix> }> {
  const { connections } = model.description;
  const names = [...new Set(connections.map(({ weight }) => weight))];
  const { matrices } = await model.run({ type: "weights", names });
  return { edges: edgesBetween(nodes, index, connections, matrices), matrices };
}
