import type { Kernels } from "../kernels.js";
import type { Heap } from "./heap.js";

/** Twin of `kernels/norm.ts`. */
export function normKernels(
  heap: Heap,
): Pick<Kernels, "layer_norm" | "layer_norm_panel" | "rms_norm" | "rms_norm_panel"> {
  /** y = (x - mean) / sqrt(mean((x - mean)²) + eps) · weight + bias over n floats, `step` apart, from indices y and x. */
  function normalise(
    y: number,
    x: number,
    step: number,
    weight: number,
    bias: number,
    n: number,
    eps: number,
    centred: boolean,
  ): void {
    const { floats } = heap;
    let mean = 0;
    if (centred) {
      for (let i = 0; i < n; i++) mean += floats[x + i * step];
      mean /= n;
    }
    let variance = 0;
    for (let i = 0; i < n; i++) variance += (floats[x + i * step] - mean) ** 2;
    variance /= n;
    const factor = 1 / Math.sqrt(variance + eps);
    const weights = heap.float(weight);
    const biases = heap.float(bias);
    for (let i = 0; i < n; i++) {
      let value = (floats[x + i * step] - mean) * factor;
      if (weight !== 0) value *= floats[weights + i];
      if (bias !== 0) value += floats[biases + i];
      floats[y + i * step] = value;
    }
  }

  return {
    layer_norm(y, x, weight, bias, n, eps) {
      normalise(heap.float(y), heap.float(x), 1, weight, bias, n, eps, true);
    },
    layer_norm_panel(y, x, weight, bias, n, eps) {
      for (let lane = 0; lane < 32; lane++) {
        normalise(heap.float(y) + lane, heap.float(x) + lane, 32, weight, bias, n, eps, true);
      }
    },
    rms_norm(y, x, weight, n, eps) {
      normalise(heap.float(y), heap.float(x), 1, weight, 0, n, eps, false);
    },
    rms_norm_panel(y, x, weight, n, eps) {
      for (let lane = 0; lane < 32; lane++) {
        normalise(heap.float(y) + lane, heap.float(x) + lane, 32, weight, 0, n, eps, false);
      }
    },
  };
}
