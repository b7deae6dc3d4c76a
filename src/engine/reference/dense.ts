import type { Kernels } from "../kernels.js";
import { element, type Heap } from "./heap.js";

/** Twin of `kernels/dense.ts`. */
export function denseKernels(
  heap: Heap,
): Pick<
  Kernels,
  | "multiply_full_panel"
  | "begin_panel"
  | "compress_rows"
  | "transpose_csr"
  | "transpose_tile"
  | "csr_gradient_panel"
  | "sum_parts"
> {
  return {
    multiply_full_panel(y, a, rowBytes, stepBytes, x, rows, n) {
      const { floats } = heap;
      const x0 = heap.float(x);
      const sums = new Float64Array(32);
      for (let i = 0; i < rows; i++) {
        const y0 = heap.float(y) + i * 32;
        sums.set(floats.subarray(y0, y0 + 32));
        for (let j = 0; j < n; j++) {
          const weight = floats[heap.float(a + i * rowBytes + j * stepBytes)];
          for (let lane = 0; lane < 32; lane++) sums[lane] += weight * floats[x0 + j * 32 + lane];
        }
        floats.set(sums, y0);
      }
    },

    begin_panel(y, bias, rows) {
      const { floats } = heap;
      const y0 = heap.float(y);
      for (let i = 0; i < rows; i++) {
        floats.fill(bias === 0 ? 0 : floats[heap.float(bias) + i], y0 + i * 32, y0 + i * 32 + 32);
      }
    },

    compress_rows(pointers, indices, values, x, rows, rowBytes, pieces, pieceBytes, width) {
      const { floats, u16, u32 } = heap;
      const ends = element(pointers, 4);
      const listed = element(indices, 2);
      const kept = heap.float(values);
      let count = 0;
      u32[ends] = 0;
      for (let r = 0; r < rows; r++) {
        for (let piece = 0; piece < pieces; piece++) {
          const from = heap.float(x + r * rowBytes + piece * pieceBytes);
          for (let e = 0; e < width; e++) {
            if (floats[from + e] === 0) continue;
            u16[listed + count] = piece * width + e;
            floats[kept + count] = floats[from + e];
            count++;
          }
        }
        u32[ends + r + 1] = count;
      }
    },

    transpose_csr(targetPointers, targetIndices, targetValues, pointers, indices, values, rows, columns) {
      const { floats, u16, u32 } = heap;
      const ends = element(targetPointers, 4);
      const from = element(pointers, 4);
      const listed = element(indices, 2);
      u32.fill(0, ends, ends + columns + 1);
      for (let e = 0; e < u32[from + rows]; e++) u32[ends + u16[listed + e] + 1]++;
      for (let j = 0; j < columns; j++) u32[ends + j + 1] += u32[ends + j];
      const next = u32.slice(ends, ends + columns);
      for (let i = 0; i < rows; i++) {
        for (let e = u32[from + i]; e < u32[from + i + 1]; e++) {
          const place = next[u16[listed + e]]++;
          u16[element(targetIndices, 2) + place] = i;
          floats[heap.float(targetValues) + place] = floats[heap.float(values) + e];
        }
      }
    },

    transpose_tile(y, x, bias, rows, columns) {
      const { floats } = heap;
      const [y0, x0, b0] = [y, x, bias].map((pointer) => heap.float(pointer));
      for (let c = 0; c < columns; c++) {
        for (let r = 0; r < 32; r++) {
          floats[y0 + c * 32 + r] = r < rows ? floats[x0 + r * 32 + c] + (bias ? floats[b0 + c] : 0) : 0;
        }
      }
    },

    csr_gradient_panel(sums, pointers, indices, dy, x, rowStart, rowEnd) {
      const { floats, u16, u32 } = heap;
      const ends = element(pointers, 4);
      const listed = element(indices, 2);
      for (let i = rowStart; i < rowEnd; i++) {
        for (let e = u32[ends + i]; e < u32[ends + i + 1]; e++) {
          const parts = heap.float(sums) + e * 4;
          const p = heap.float(dy) + i * 32;
          const q = heap.float(x) + u16[listed + e] * 32;
          for (let lane = 0; lane < 32; lane++)
            floats[parts + (lane % 4)] += floats[p + lane] * floats[q + lane];
        }
      }
    },

    sum_parts(y, x, n) {
      const { floats } = heap;
      const [sums, parts] = [heap.float(y), heap.float(x)];
      for (let e = 0; e < n; e++) {
        let sum = 0;
        for (let part = 0; part < 4; part++) sum += floats[parts + e * 4 + part];
        floats[sums + e] = sum;
      }
    },
  };
}
