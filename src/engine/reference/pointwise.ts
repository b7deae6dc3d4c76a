import type { Kernels } from "../kernels.js";
import { complementaryErrorFunction } from "./error-function.js";
import type { Heap } from "./heap.js";

/** Twin of `kernels/pointwise.ts` and `kernels/stream.ts`. */
export function pointwiseKernels(
  heap: Heap,
): Pick<
  Kernels,
  "gelu" | "gelu_with_derivative" | "relu" | "add" | "sum" | "copy" | "zero" | "log_sum_exp" | "stream_sum"
> {
  return {
    gelu(x, n) {
      const { floats } = heap;
      const first = heap.float(x);
      for (let i = first; i < first + n; i++) {
        floats[i] *= 0.5 * complementaryErrorFunction(-floats[i] * Math.SQRT1_2);
      }
    },
    gelu_with_derivative(x, derivative, n) {
      const { floats } = heap;
      const [first, to] = [heap.float(x), heap.float(derivative)];
      for (let i = 0; i < n; i++) {
        const value = floats[first + i];
        const below = 0.5 * complementaryErrorFunction(-value * Math.SQRT1_2);
        floats[first + i] = value * below;
        floats[to + i] = below + (value * Math.exp(-(value ** 2) / 2)) / Math.sqrt(2 * Math.PI);
      }
    },
    relu(x, n) {
      const { floats } = heap;
      const first = heap.float(x);
      for (let i = first; i < first + n; i++) floats[i] = Math.max(floats[i], 0);
    },
    add(y, x, n) {
      const { floats } = heap;
      const y0 = heap.float(y);
      const x0 = heap.float(x);
      for (let i = 0; i < n; i++) floats[y0 + i] += floats[x0 + i];
    },
    sum(y, a, b, n) {
      const { floats } = heap;
      const [y0, a0, b0] = [heap.float(y), heap.float(a), heap.float(b)];
      for (let i = 0; i < n; i++) floats[y0 + i] = floats[a0 + i] + floats[b0 + i];
    },
    copy(target, source, bytes) {
      heap.bytes.copyWithin(target, source, source + bytes);
    },
    zero(target, bytes) {
      heap.bytes.fill(0, target, target + bytes);
    },
    log_sum_exp(x, n) {
      const { floats } = heap;
      const first = heap.float(x);
      let largest = Number.NEGATIVE_INFINITY;
      for (let i = first; i < first + n; i++) largest = Math.max(largest, floats[i]);
      if (largest === Number.NEGATIVE_INFINITY) return largest;
      let total = 0;
      for (let i = first; i < first + n; i++) total += Math.exp(floats[i] - largest);
      return largest + Math.log(total);
    },
    stream_sum(pointer, bytes) {
      const { floats } = heap;
      const end = heap.float(pointer + bytes);
      let total = 0;
      for (let i = heap.float(pointer); i < end; i++) total += floats[i];
      return total;
    },
  };
}
