import type { Kernels } from "../kernels.js";
import { element, type Heap } from "./heap.js";

/** Twin of `kernels/backward.ts`. */
export function backwardKernels(
  heap: Heap,
): Pick<
  Kernels,
  | "mask_nonzeros"
  | "relu_backward"
  | "multiply"
  | "rms_norm_backward_panel"
  | "layer_norm_backward_panel"
  | "cross_entropy_panel"
  | "add_rows_panel"
  | "scatter_rows_panel"
  | "sum_rows_panel"
  | "sum_of_squares"
> {
  let probabilities = new Float64Array(64);

  /** y = (x - mean) · factor · weight + bias, as `normalise` in `norm.ts` has it, over the tokens of a panel. */
  function normaliseBackward(
    dx: number,
    dy: number,
    x: number,
    weight: number,
    dweight: number,
    dbias: number,
    n: number,
    eps: number,
    centred: boolean,
  ): void {
    const { floats } = heap;
    const weights = heap.float(weight);
    const byWeight = new Float64Array(n);
    const byBias = new Float64Array(n);
    for (let lane = 0; lane < 32; lane++) {
      const [to, from, input] = [heap.float(dx) + lane, heap.float(dy) + lane, heap.float(x) + lane];
      const gradient = (i: number) => floats[from + i * 32] * (weight === 0 ? 1 : floats[weights + i]);
      let mean = 0;
      if (centred) {
        for (let i = 0; i < n; i++) mean += floats[input + i * 32];
        mean /= n;
      }
      let [variance, shift, dot] = [0, 0, 0];
      for (let i = 0; i < n; i++) {
        const deviation = floats[input + i * 32] - mean;
        variance += deviation ** 2 / n;
        shift += gradient(i) / n;
        dot += (gradient(i) * deviation) / n;
      }
      const factor = 1 / Math.sqrt(variance + eps);
      for (let i = 0; i < n; i++) {
        const normalised = (floats[input + i * 32] - mean) * factor;
        floats[to + i * 32] += factor * (gradient(i) - (centred ? shift : 0) - normalised * dot * factor);
        byWeight[i] += floats[from + i * 32] * normalised;
        byBias[i] += floats[from + i * 32];
      }
    }
    if (dweight !== 0) floats.set(byWeight, heap.float(dweight));
    if (dbias !== 0) floats.set(byBias, heap.float(dbias));
  }

  return {
    mask_nonzeros(dx, y, n) {
      const { floats } = heap;
      const [to, output] = [heap.float(dx), heap.float(y)];
      for (let i = 0; i < n; i++) if (floats[output + i] === 0) floats[to + i] = 0;
    },
    relu_backward(dx, y, n) {
      const { floats } = heap;
      const [to, output] = [heap.float(dx), heap.float(y)];
      for (let i = 0; i < n; i++) if (!(floats[output + i] > 0)) floats[to + i] = 0;
    },
    multiply(dx, derivative, n) {
      const { floats } = heap;
      const [to, by] = [heap.float(dx), heap.float(derivative)];
      for (let i = 0; i < n; i++) floats[to + i] *= floats[by + i];
    },
    rms_norm_backward_panel(dx, dy, x, weight, dweight, n, eps) {
      normaliseBackward(dx, dy, x, weight, dweight, 0, n, eps, false);
    },
    layer_norm_backward_panel(dx, dy, x, weight, dweight, dbias, n, eps) {
      normaliseBackward(dx, dy, x, weight, dweight, dbias, n, eps, true);
    },

    cross_entropy_panel(logits, n, targets, losses, scale) {
      const { floats, u32 } = heap;
      if (probabilities.length < n) probabilities = new Float64Array(n);
      for (let lane = 0; lane < 32; lane++) {
        const first = heap.float(logits) + lane;
        const target = u32[element(targets, 4) + lane] | 0;
        if (target < 0) {
          for (let i = 0; i < n; i++) floats[first + i * 32] = 0;
          floats[heap.float(losses) + lane] = 0;
          continue;
        }
        let largest = Number.NEGATIVE_INFINITY;
        for (let i = 0; i < n; i++) largest = Math.max(largest, floats[first + i * 32]);
        let total = 0;
        for (let i = 0; i < n; i++) {
          probabilities[i] = Math.exp(floats[first + i * 32] - largest);
          total += probabilities[i];
        }
        floats[heap.float(losses) + lane] = Math.log(total) - (floats[first + target * 32] - largest);
        for (let i = 0; i < n; i++) {
          floats[first + i * 32] = scale * (probabilities[i] / total - (i === target ? 1 : 0));
        }
      }
    },

    add_rows_panel(panel, width, table, stride, rows) {
      const { floats, u32 } = heap;
      for (let lane = 0; lane < 32; lane++) {
        const row = u32[element(rows, 4) + lane] | 0;
        if (row < 0) continue;
        const to = heap.float(panel) + lane;
        const from = heap.float(table) + row * stride;
        for (let f = 0; f < width; f++) floats[to + f * 32] += floats[from + f];
      }
    },
    scatter_rows_panel(table, stride, rows, panel, width, rowStart, rowEnd) {
      const { floats, u32 } = heap;
      for (let lane = 0; lane < 32; lane++) {
        const row = u32[element(rows, 4) + lane] | 0;
        if (row < rowStart || row >= rowEnd) continue;
        const to = heap.float(table) + row * stride;
        const from = heap.float(panel) + lane;
        for (let f = 0; f < width; f++) floats[to + f] += floats[from + f * 32];
      }
    },
    sum_rows_panel(sums, panel, rowStart, rowEnd) {
      const { floats } = heap;
      const to = heap.float(sums);
      for (let f = rowStart; f < rowEnd; f++) {
        const first = heap.float(panel) + f * 32;
        let sum = 0;
        for (let lane = 0; lane < 32; lane++) sum += floats[first + lane];
        floats[to + f] += sum;
      }
    },
    sum_of_squares(x, n) {
      const { floats } = heap;
      const first = heap.float(x);
      let sum = 0;
      for (let i = first; i < first + n; i++) sum += floats[i] ** 2;
      return sum;
    },
  };
}
