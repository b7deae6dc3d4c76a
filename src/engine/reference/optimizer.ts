import type { Kernels } from "../kernels.js";
import { element, type Heap } from "./heap.js";

const TINY = 1e-30;
const SPARED = 0x7fffffff;

/** Twin of `kernels/optimizer.ts`. In float64, magnitudes are ranked after rounding to float32. */
export function optimizerKernels(
  heap: Heap,
): Pick<
  Kernels,
  | "adamw"
  | "replace_zeros"
  | "gather_nonzeros"
  | "scatter_nonzeros"
  | "rank_magnitudes"
  | "spare_rows"
  | "spare_columns"
  | "keep_highest"
> {
  const single = new Float32Array(1);
  const bits = new Int32Array(single.buffer);

  function step(w: number, g: number, m: number, v: number, settings: number): void {
    const { floats } = heap;
    const [scale, b1, c1, b2, c2, keep, rate, epsilon, correction] = floats.subarray(
      heap.float(settings),
      heap.float(settings) + 9,
    );
    const gradient = floats[g] * scale;
    const first = b1 * floats[m] + c1 * gradient;
    const second = b2 * floats[v] + c2 * gradient * gradient;
    floats[m] = Math.abs(first) > TINY ? first : 0;
    floats[v] = second > TINY ? second : 0;
    floats[w] = keep * floats[w] - (rate * floats[m]) / (Math.sqrt(floats[v]) * correction + epsilon);
  }

  /** Index of nonzero e = (row, column) in a matrix of `rows` rows in blocks of 32 columns. */
  function place(rows: number, row: number, column: number): number {
    return ((column >> 5) * rows + row) * 32 + (column & 31);
  }

  function eachNonzero(
    pointers: number,
    indices: number,
    rows: number,
    visit: (e: number, index: number) => void,
  ) {
    const { u16, u32 } = heap;
    const ends = element(pointers, 4);
    const listed = element(indices, 2);
    for (let row = 0; row < rows; row++) {
      for (let e = u32[ends + row]; e < u32[ends + row + 1]; e++) visit(e, place(rows, row, u16[listed + e]));
    }
  }

  /** The j highest ranks among the places listed become the highest of all; those that are so already do not count. */
  function spare(ranks: number, places: readonly number[], j: number): void {
    const { u32 } = heap;
    const base = element(ranks, 4);
    const highest = places
      .filter((at) => u32[base + at] > 0 && u32[base + at] !== SPARED)
      .sort((a, b) => u32[base + b] - u32[base + a] || places.indexOf(a) - places.indexOf(b));
    for (const at of highest.slice(0, j)) u32[base + at] = SPARED;
  }

  const range = (count: number) => Array.from({ length: count }, (_, i) => i);

  return {
    adamw(w, g, m, v, n, settings) {
      const [w0, g0, m0, v0] = [w, g, m, v].map((pointer) => heap.float(pointer));
      for (let i = 0; i < Math.ceil(n / 4) * 4; i++) step(w0 + i, g0 + i, m0 + i, v0 + i, settings);
    },

    replace_zeros(w, n) {
      const { floats } = heap;
      const w0 = heap.float(w);
      for (let i = 0; i < Math.ceil(n / 4) * 4; i++) if (floats[w0 + i] === 0) floats[w0 + i] = TINY;
    },

    gather_nonzeros(values, w, pointers, indices, rows) {
      const { floats } = heap;
      const [values0, w0] = [heap.float(values), heap.float(w)];
      eachNonzero(pointers, indices, rows, (e, at) => {
        floats[values0 + e] = floats[w0 + at];
      });
    },

    scatter_nonzeros(w, values, pointers, indices, rows) {
      const { floats } = heap;
      const [w0, values0] = [heap.float(w), heap.float(values)];
      eachNonzero(pointers, indices, rows, (e, at) => {
        floats[w0 + at] = floats[values0 + e];
      });
    },

    rank_magnitudes(ranks, w, n) {
      const { floats, u32 } = heap;
      for (let i = 0; i < Math.ceil(n / 4) * 4; i++) {
        single[0] = Math.abs(floats[heap.float(w) + i]);
        u32[element(ranks, 4) + i] = bits[0];
      }
    },

    spare_rows(ranks, rows, columns, j) {
      const blocked = range(Math.ceil(columns / 32) * 32);
      for (let row = 0; row < rows; row++) {
        spare(
          ranks,
          blocked.map((column) => place(rows, row, column)),
          j,
        );
      }
    },

    spare_columns(ranks, rows, columns, j) {
      for (let column = 0; column < columns; column++) {
        spare(
          ranks,
          range(rows).map((row) => place(rows, row, column)),
          j,
        );
      }
    },

    keep_highest(w, ranks, n, k) {
      const { floats, u32 } = heap;
      const w0 = heap.float(w);
      const base = element(ranks, 4);
      if (k >= n) return 0;
      if (k <= 0) {
        floats.fill(0, w0, w0 + n);
        return 0;
      }
      const order = range(n).sort((a, b) => u32[base + b] - u32[base + a] || a - b);
      for (const i of order.slice(k)) floats[w0 + i] = 0;
      return u32[base + order[k - 1]];
    },
  };
}
