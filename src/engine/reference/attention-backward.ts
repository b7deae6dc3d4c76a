import type { Kernels } from "../kernels.js";
import { cell } from "./attention.js";
import type { Heap } from "./heap.js";

/** Twin of `kernels/attention-backward.ts`; it leaves `scratch` alone. */
export function attentionBackwardKernels(heap: Heap): Pick<Kernels, "attention_backward_panel"> {
  return {
    attention_backward_panel(
      dq,
      dk,
      dv,
      dy,
      y,
      yWidth,
      q,
      qWidth,
      k,
      v,
      kWidth,
      start,
      sinks,
      dsinks,
      headStart,
      headEnd,
      dHead,
      length,
      scale,
      _scratch,
    ) {
      const { floats } = heap;
      const padded = Math.ceil(length / 8) * 8;

      /** The rows `[length][dHead]` of one head. */
      function read(panels: number, width: number, feature: number): Float64Array[] {
        return Array.from({ length }, (_, t) =>
          Float64Array.from({ length: dHead }, (_, d) => {
            return floats[heap.float(panels) + cell(width, feature + d, start + t)];
          }),
        );
      }

      function write(panels: number, width: number, feature: number, rows: Float64Array[]): void {
        for (let t = 0; t < padded; t++) {
          for (let d = 0; d < dHead; d++) {
            floats[heap.float(panels) + cell(width, feature + d, start + t)] = t < length ? rows[t][d] : 0;
          }
        }
      }

      for (let h = headStart; h < headEnd; h++) {
        const feature = h * dHead;
        const [queries, outputs] = [read(q, qWidth, feature), read(y, yWidth, feature)];
        const [keys, values] = [read(k, kWidth, feature), read(v, kWidth, feature)];
        const byOutput = read(dy, yWidth, feature);
        const zeros = () => Array.from({ length }, () => new Float64Array(dHead));
        const [byQuery, byKey, byValue] = [zeros(), zeros(), zeros()];
        const sink = sinks === 0 ? Number.NEGATIVE_INFINITY : floats[heap.float(sinks) + h];
        let bySink = 0;
        for (let t = 0; t < length; t++) {
          const scores = keys.slice(0, t + 1).map((key) => scale * dot(queries[t], key));
          const largest = scores.reduce((a, b) => Math.max(a, b), sink);
          const exponentials = scores.map((score) => Math.exp(score - largest));
          const total = exponentials.reduce((sum, e) => sum + e, Math.exp(sink - largest));
          const mean = dot(byOutput[t], outputs[t]);
          bySink -= (Math.exp(sink - largest) / total) * mean; // the sink's value is zero
          for (let s = 0; s <= t; s++) {
            const p = exponentials[s] / total;
            const byScore = p * (dot(byOutput[t], values[s]) - mean);
            for (let d = 0; d < dHead; d++) {
              byQuery[t][d] += scale * byScore * keys[s][d];
              byKey[s][d] += scale * byScore * queries[t][d];
              byValue[s][d] += p * byOutput[t][d];
            }
          }
        }
        write(dq, qWidth, feature, byQuery);
        write(dk, kWidth, feature, byKey);
        write(dv, kWidth, feature, byValue);
        if (sinks !== 0 && dsinks !== 0) floats[heap.float(dsinks) + h] += bySink;
      }
    },
  };
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
