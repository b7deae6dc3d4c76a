import type { Kernels } from "../kernels.js";
import { element, type Heap } from "./heap.js";

/** Twin of `kernels/mask.ts`. */
export function maskKernels(
  heap: Heap,
): Pick<
  Kernels,
  | "mask_panel"
  | "mask_backward_panel"
  | "csr_select_columns"
  | "rms_norm_like_panel"
  | "layer_norm_like_panel"
> {
  /** y = (x - mean of x) / the deviation of `like` · weight + bias, over the tokens of a panel. */
  function normaliseLike(
    y: number,
    x: number,
    like: number,
    weight: number,
    bias: number,
    n: number,
    eps: number,
    centred: boolean,
  ): void {
    const { floats } = heap;
    const weights = heap.float(weight);
    const biases = heap.float(bias);
    for (let lane = 0; lane < 32; lane++) {
      const [to, from, model] = [heap.float(y) + lane, heap.float(x) + lane, heap.float(like) + lane];
      let [mean, likeMean, variance] = [0, 0, 0];
      for (let i = 0; centred && i < n; i++) {
        mean += floats[from + i * 32] / n;
        likeMean += floats[model + i * 32] / n;
      }
      for (let i = 0; i < n; i++) variance += (floats[model + i * 32] - likeMean) ** 2 / n;
      const factor = 1 / Math.sqrt(variance + eps);
      for (let i = 0; i < n; i++) {
        let value = (floats[from + i * 32] - mean) * factor;
        if (weight !== 0) value *= floats[weights + i];
        if (bias !== 0) value += floats[biases + i];
        floats[to + i * 32] = value;
      }
    }
  }

  return {
    mask_panel(x, original, masks, constants, n) {
      const { floats } = heap;
      if (original !== 0) floats.copyWithin(heap.float(original), heap.float(x), heap.float(x) + 32 * n);
      const [m, c] = [heap.float(masks), heap.float(constants)];
      for (let f = 0; f < n; f++) {
        const rest = (1 - floats[m + f]) * floats[c + f];
        const first = heap.float(x) + f * 32;
        for (let i = first; i < first + 32; i++) floats[i] = floats[m + f] * floats[i] + rest;
      }
    },
    mask_backward_panel(dmasks, dx, x, masks, constants, featureStart, featureEnd) {
      const { floats } = heap;
      const [dm, m, c] = [heap.float(dmasks), heap.float(masks), heap.float(constants)];
      for (let f = featureStart; f < featureEnd; f++) {
        const [g, p] = [heap.float(dx) + f * 32, heap.float(x) + f * 32];
        let sum = 0;
        for (let lane = 0; lane < 32; lane++) {
          sum += floats[g + lane] * (floats[p + lane] - floats[c + f]);
          floats[g + lane] *= floats[m + f];
        }
        floats[dm + f] += sum;
      }
    },
    csr_select_columns(
      targetPointers,
      targetIndices,
      targetValues,
      targetBias,
      pointers,
      indices,
      values,
      bias,
      masks,
      constants,
      rows,
    ) {
      const { floats, u16, u32 } = heap;
      const [ends, from] = [element(targetPointers, 4), element(pointers, 4)];
      const [target, listed] = [element(targetIndices, 2), element(indices, 2)];
      let kept = 0;
      u32[ends] = 0;
      for (let i = 0; i < rows; i++) {
        let sum = bias ? floats[heap.float(bias) + i] : 0;
        for (let e = u32[from + i]; e < u32[from + i + 1]; e++) {
          const j = u16[listed + e];
          const value = floats[heap.float(values) + e];
          if (floats[heap.float(masks) + j] !== 0) {
            u16[target + kept] = j;
            floats[heap.float(targetValues) + kept] = value;
            kept++;
          } else if (targetBias) sum += value * floats[heap.float(constants) + j];
        }
        u32[ends + i + 1] = kept;
        if (targetBias) floats[heap.float(targetBias) + i] = sum;
      }
    },
    rms_norm_like_panel(y, x, like, weight, n, eps) {
      normaliseLike(y, x, like, weight, 0, n, eps, false);
    },
    layer_norm_like_panel(y, x, like, weight, bias, n, eps) {
      normaliseLike(y, x, like, weight, bias, n, eps, true);
    },
  };
}
