import { PANEL, type Pointer } from "./kernels.js";
import type { Arena } from "./memory.js";

/**
 * Keys and values of one sequence's tokens so far. For each layer head after head, `[panels][dHead][32 tokens]` each: what
 * attention reads for a head lies in a row.
 */
export interface KeyValueCache {
  readonly keys: readonly Pointer[];
  readonly values: readonly Pointer[];
  readonly heads: number;
  readonly dHead: number;
  readonly panels: number;
}

/** Room for `tokens` tokens. */
export function reserveCache(
  arena: Arena,
  layers: number,
  heads: number,
  dHead: number,
  tokens: number,
): KeyValueCache {
  const panels = Math.ceil(tokens / PANEL);
  const room = () => arena.floats(heads * panels * dHead * PANEL);
  return {
    keys: Array.from({ length: layers }, room),
    values: Array.from({ length: layers }, room),
    ...{ heads, dHead, panels },
  };
}

/** Offset of a head's panel, in floats. */
export function cacheOffset({ dHead, panels }: KeyValueCache, head: number, panel: number): number {
  return (head * panels + panel) * dHead * PANEL;
}
