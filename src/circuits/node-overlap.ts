import type { NodeIndex } from "../model/node-index.js";

/** Nodes that two sets share, as a part of those that either has; of two empty sets 1. */
export function jaccard(a: readonly number[], b: readonly number[]): number {
  const other = new Set(b);
  const shared = a.filter((node) => other.has(node)).length;
  const either = a.length + b.length - shared;
  return either === 0 ? 1 : shared / either;
}

/** The same, expected of two random sets of the same sizes at each location. */
export function chanceJaccard(index: NodeIndex, a: readonly number[], b: readonly number[]): number {
  const other = index.byLocation(b);
  let shared = 0;
  for (const [location, channels] of index.byLocation(a)) {
    shared += (channels.length * (other.get(location)?.length ?? 0)) / location.width;
  }
  const either = a.length + b.length - shared;
  return either === 0 ? 1 : shared / either;
}

/** How many nodes there are at each location, in the order of the index. */
export function countsByLocation(index: NodeIndex, nodes: readonly number[]): number[] {
  const byLocation = index.byLocation(nodes);
  return index.locations.map((location) => byLocation.get(location)?.length ?? 0);
}

/** The Jaccard index of counts: Σ min / Σ max; of nothing with nothing 1. */
export function countOverlap(a: readonly number[], b: readonly number[]): number {
  let [least, most] = [0, 0];
  a.forEach((count, i) => {
    least += Math.min(count, b[i]);
    most += Math.max(count, b[i]);
  });
  return most === 0 ? 1 : least / most;
}

/** The mean of a measure over all pairs of some things; of fewer than two 1. */
export function meanOverPairs<T>(things: readonly T[], measure: (a: T, b: T) => number): number {
  const values = things.flatMap((a, i) => things.slice(i + 1).map((b) => measure(a, b)));
  return values.length === 0 ? 1 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
