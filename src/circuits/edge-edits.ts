import type { Edge } from "../model/edges.js";
import type { NodeIndex } from "../model/node-index.js";
import type { WeightEdit } from "../model/weight-edits.js";
import type { SparseMatrix } from "../tensor.js";
import type { Ablation } from "./circuit.js";
import type { Means } from "./means.js";

/** What an edge carries when it is ablated, for each channel of a source location. */
export type EdgeConstants = (location: string) => Float32Array;

/**
 * Means of what edges carry. What leaves `attn.v` reaches `attn.c_proj` through attention, mixed over tokens: its mean is
 * that of `attn.y`, so that the ablation of any edge is a constant in its target's bias, exactly.
 */
export function edgeConstants(index: NodeIndex, ablation: Ablation, means: Means | null): EdgeConstants {
  return (location) => {
    const mean =
      ablation === "zero" ? undefined : means?.values.get(location.replace(/\.attn\.v$/, ".attn.y"));
    return mean ?? new Float32Array(index.location(location).width);
  };
}

/** What one edge carries when it is ablated. */
export function constantOf({ source }: Edge, index: NodeIndex, constants: EdgeConstants): number {
  const { name, offset } = index.locationOf(source);
  return constants(name)[source - offset];
}

/**
 * A model in which some edges are ablated: their weights w are left out of the matrices, and w · constant is added to their
 * targets' biases instead. This is what it would be if the source had the constant for this one target: exactly so, since
 * edges are linear and come before AbsTopK and the activation.
 */
export function edgeEdits(
  edges: readonly Edge[],
  index: NodeIndex,
  matrices: ReadonlyMap<string, SparseMatrix>,
  constants: EdgeConstants,
): WeightEdit[] {
  const byMatrix = new Map<string, Edge[]>();
  for (const edge of edges) byMatrix.set(edge.matrix, [...(byMatrix.get(edge.matrix) ?? []), edge]);
  return [...byMatrix].map(([name, list]) => {
    const bias = new Float32Array(matrices.get(name)!.rows);
    for (const edge of list) bias[edge.row] += edge.weight * constantOf(edge, index, constants);
    return { name, entries: Uint32Array.from(list, ({ entry }) => entry), bias };
  });
}
