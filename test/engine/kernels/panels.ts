import type { Random } from "./sandbox.js";

/** `[tokens][features]` */
export type Rows = number[][];

/** Index of feature `feature` of token `token` in panels of `width` features. */
export function cell(width: number, feature: number, token: number): number {
  return (Math.floor(token / 32) * width + feature) * 32 + (token % 32);
}

/** Panels of `width` features, in which token `start + t` holds `rows[t]`; everything else is finite and far too large. */
export function toPanels(rows: Rows, width: number, start: number, random: Random): number[] {
  const panels = Math.ceil((start + rows.length) / 32);
  const result = random.normals(panels * width * 32).map((value) => Math.fround(value * 1000));
  rows.forEach((row, t) => {
    row.forEach((value, f) => {
      result[cell(width, f, start + t)] = value;
    });
  });
  return result;
}
