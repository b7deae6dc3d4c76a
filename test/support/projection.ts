export interface Floor {
  readonly side: "row" | "column";
  readonly minimum: number;
}

/**
 * The projection by its definition: of a matrix, row-major, the smallest magnitudes become zero one by one until `kept`
 * nonzeros remain, sparing what would leave its row or column with fewer nonzeros than the floor. Of equal magnitudes
 * that goes first which lies last in blocks of 32 columns.
 */
export function project(
  weights: ArrayLike<number>,
  columns: number,
  kept: number,
  floor: Floor | null,
): number[] {
  const result = Array.from(weights);
  const block = (i: number) => Math.floor((i % columns) / 32);
  const candidates = result.flatMap((value, i) => (value === 0 ? [] : [i]));
  candidates.sort((a, b) => Math.abs(result[a]) - Math.abs(result[b]) || block(b) - block(a) || b - a);
  const line = (i: number) => (floor?.side === "row" ? Math.floor(i / columns) : i % columns);
  const left = new Map<number, number>();
  for (const i of candidates) left.set(line(i), (left.get(line(i)) ?? 0) + 1);
  let nonzeros = candidates.length;
  for (const i of candidates) {
    if (nonzeros <= kept) break;
    if (floor && left.get(line(i))! <= floor.minimum) continue;
    result[i] = 0;
    nonzeros--;
    left.set(line(i), left.get(line(i))! - 1);
  }
  return result;
}
