import type { Kernels } from "./kernels.js";

/** Kernels that add up the time spent in each, in milliseconds. */
export function profiled(kernels: Kernels, milliseconds: Record<string, number>): Kernels {
  const wrapped: Record<string, unknown> = {};
  for (const [name, kernel] of Object.entries(kernels)) {
    if (typeof kernel !== "function") continue;
    milliseconds[name] = 0;
    wrapped[name] = (...values: number[]) => {
      const began = performance.now();
      const result = kernel(...values);
      milliseconds[name] += performance.now() - began;
      return result;
    };
  }
  return wrapped as unknown as Kernels;
}
