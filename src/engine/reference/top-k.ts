import type { Kernels } from "../kernels.js";
import { element, type Heap } from "./heap.js";

/** Twin of `kernels/top-k.ts`. */
export function topKKernels(
  heap: Heap,
): Pick<Kernels, "abs_top_k" | "abs_top_k_panel" | "abs_top_k_some_panel" | "list_nonzeros"> {
  let magnitudes = new Float64Array(0);

  /** AbsTopK of n floats, `step` apart; `first` is the index of the first. */
  function keepLargest(first: number, step: number, n: number, k: number): void {
    const { floats } = heap;
    if (k >= n) return;
    if (magnitudes.length !== n) magnitudes = new Float64Array(n);
    for (let i = 0; i < n; i++) magnitudes[i] = Math.abs(floats[first + i * step]);
    magnitudes.sort(); // ascending, NaN last
    const threshold = k > 0 ? magnitudes[n - k] : Number.NaN;
    let ties = k > 0 ? k : 0; // places left for entries equal to the threshold
    for (let i = n - 1; ties > 0 && exceeds(magnitudes[i], threshold); i--) ties--;
    for (let i = 0; i < n; i++) {
      const magnitude = Math.abs(floats[first + i * step]);
      if (exceeds(magnitude, threshold)) continue;
      if (ties > 0 && !exceeds(threshold, magnitude)) ties--;
      else floats[first + i * step] = 0;
    }
  }

  function listNonzeros(x: number, n: number, active: number): number {
    const { floats, u16 } = heap;
    const first = heap.float(x);
    const list = element(active, 2);
    let count = 0;
    for (let i = 0; i < n; i++) {
      if (floats[first + i] !== 0) u16[list + count++] = i;
    }
    return count;
  }

  return {
    abs_top_k(x, n, k, active) {
      keepLargest(heap.float(x), 1, n, k);
      return listNonzeros(x, n, active);
    },
    abs_top_k_panel(x, n, k) {
      const first = heap.float(x);
      for (let lane = 0; lane < 32; lane++) keepLargest(first + lane, 32, n, k);
    },
    abs_top_k_some_panel(x, n, k, masks) {
      const { floats } = heap;
      const [first, asked] = [heap.float(x), heap.float(masks)];
      for (let lane = 0; lane < 32; lane++) {
        const values = floats.slice(first, first + n * 32);
        keepLargest(first + lane, 32, n, k);
        for (let f = 0; f < n; f++) {
          if (floats[asked + f] === 0) floats[first + f * 32 + lane] = values[f * 32 + lane];
        }
      }
    },
    list_nonzeros: listNonzeros,
  };
}

/** Order of magnitudes in which NaN is the largest, as it is among bit patterns. */
function exceeds(a: number, b: number): boolean {
  return a > b || (Number.isNaN(a) && !Number.isNaN(b));
}
