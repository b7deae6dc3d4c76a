import type { Kernels } from "../kernels.js";
import { element, type Heap } from "./heap.js";

/** Twin of `kernels/sparse.ts`. */
export function sparseKernels(
  heap: Heap,
): Pick<
  Kernels,
  | "csc_accumulate"
  | "csr_accumulate"
  | "csr_multiply_panel"
  | "csr_accumulate_panel"
  | "csr_scatter_panel"
  | "csr_add_row"
> {
  const sums = new Float64Array(32);

  /** sums += W[row, :] · x[:][32] */
  function addRow(rowPointers: number, columnIndices: number, values: number, x: number, row: number): void {
    const { floats, u16, u32 } = heap;
    const pointers = element(rowPointers, 4);
    const columns = element(columnIndices, 2);
    const weights = heap.float(values);
    const x0 = heap.float(x);
    for (let e = u32[pointers + row]; e < u32[pointers + row + 1]; e++) {
      const weight = floats[weights + e];
      const source = x0 + u16[columns + e] * 32;
      for (let lane = 0; lane < 32; lane++) sums[lane] += weight * floats[source + lane];
    }
  }

  return {
    csc_accumulate(y, offsets, columns, active, activeCount, x) {
      const { floats, u16, u32, floatBytes } = heap;
      const y0 = heap.float(y);
      const x0 = heap.float(x);
      const ends = element(offsets, 4);
      const listed = element(active, 2);
      for (let a = 0; a < activeCount; a++) {
        const j = u16[listed + a];
        const scalar = floats[x0 + j];
        const count = Math.floor((u32[ends + j + 1] - u32[ends + j]) / (floatBytes + 2));
        const weights = heap.float(columns + u32[ends + j]);
        const rows = element(columns + u32[ends + j] + count * floatBytes, 2);
        for (let e = 0; e < count; e++) floats[y0 + u16[rows + e]] += floats[weights + e] * scalar;
      }
    },

    csr_accumulate(y, rowPointers, columnIndices, values, x, rowStart, rowEnd) {
      const { floats, u16, u32 } = heap;
      const y0 = heap.float(y);
      const x0 = heap.float(x);
      const pointers = element(rowPointers, 4);
      const columns = element(columnIndices, 2);
      const weights = heap.float(values);
      for (let i = rowStart; i < rowEnd; i++) {
        const last = u32[pointers + i + 1];
        let sum = 0;
        for (let e = u32[pointers + i]; e < last; e++) {
          sum += floats[weights + e] * floats[x0 + u16[columns + e]];
        }
        floats[y0 + i] += sum;
      }
    },

    csr_multiply_panel(y, rowPointers, columnIndices, values, bias, x, rowStart, rowEnd) {
      const { floats } = heap;
      const y0 = heap.float(y);
      for (let i = rowStart; i < rowEnd; i++) {
        sums.fill(bias === 0 ? 0 : floats[heap.float(bias) + i]);
        addRow(rowPointers, columnIndices, values, x, i);
        floats.set(sums, y0 + i * 32);
      }
    },

    csr_accumulate_panel(y, rowPointers, columnIndices, values, x, rowStart, rowEnd) {
      const { floats } = heap;
      const y0 = heap.float(y);
      for (let i = rowStart; i < rowEnd; i++) {
        sums.set(floats.subarray(y0 + i * 32, y0 + i * 32 + 32));
        addRow(rowPointers, columnIndices, values, x, i);
        floats.set(sums, y0 + i * 32);
      }
    },

    csr_scatter_panel(y, rowPointers, columnIndices, values, x, rowStart, rowEnd) {
      const { floats, u16, u32 } = heap;
      const pointers = element(rowPointers, 4);
      const columns = element(columnIndices, 2);
      const weights = heap.float(values);
      const [x0, y0] = [heap.float(x), heap.float(y)];
      for (let i = rowStart; i < rowEnd; i++) {
        for (let e = u32[pointers + i]; e < u32[pointers + i + 1]; e++) {
          const target = y0 + u16[columns + e] * 32;
          for (let lane = 0; lane < 32; lane++)
            floats[target + lane] += floats[weights + e] * floats[x0 + i * 32 + lane];
        }
      }
    },

    csr_add_row(y, stride, rowPointers, columnIndices, values, row) {
      const { floats, u16, u32 } = heap;
      const y0 = heap.float(y);
      const pointers = element(rowPointers, 4) + row;
      const columns = element(columnIndices, 2);
      const weights = heap.float(values);
      const last = u32[pointers + 1];
      for (let e = u32[pointers]; e < last; e++)
        floats[y0 + u16[columns + e] * stride] += floats[weights + e];
    },
  };
}
