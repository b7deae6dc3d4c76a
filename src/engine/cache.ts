import { PANEL, type Pointer } from "./kernels.js";
import type { Arena } from "./memory.js";

/** Keys and values of one sequence's tokens so far: for each layer, panels of `width` channels. */
export interface KeyValueCache {
  readonly keys: readonly Pointer[];
  readonly values: readonly Pointer[];
  readonly width: number;
}

/** Room for `tokens` tokens. */
export function reserveCache(arena: Arena, layers: number, width: number, tokens: number): KeyValueCache {
  const room = () => arena.floats(Math.ceil(tokens / PANEL) * PANEL * width);
  return {
    keys: Array.from({ length: layers }, room),
    values: Array.from({ length: layers }, room),
    width,
  };
}
