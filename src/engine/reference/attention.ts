import type { Kernels } from "../kernels.js";
import type { Heap } from "./heap.js";

/** Twin of `kernels/attention.ts`; it keeps the scores in an array of its own and leaves `scratch` alone. */
export function attentionKernels(
  heap: Heap,
): Pick<Kernels, "attention_panel" | "attention_decode" | "append_to_cache"> {
  let probabilities = new Float64Array(64);

  /**
   * One query of one head against `count` keys and values. `y` and `q` are the indices of the head's first feature and
   * their features lie `step` apart; `k` and `v` are the indices of panels of `width` features.
   */
  function attend(
    y: number,
    q: number,
    step: number,
    k: number,
    v: number,
    width: number,
    kStart: number,
    feature: number,
    dHead: number,
    count: number,
    scale: number,
    sink: number,
  ): void {
    const { floats } = heap;
    if (probabilities.length < count) probabilities = new Float64Array(2 * count);
    let largest = sink;
    for (let s = 0; s < count; s++) {
      const key = k + cell(width, feature, kStart + s);
      let dot = 0;
      for (let d = 0; d < dHead; d++) dot += floats[q + d * step] * floats[key + d * 32];
      probabilities[s] = dot * scale;
      largest = Math.max(largest, probabilities[s]);
    }
    let total = Math.exp(sink - largest);
    for (let s = 0; s < count; s++) {
      probabilities[s] = Math.exp(probabilities[s] - largest);
      total += probabilities[s];
    }
    for (let d = 0; d < dHead; d++) {
      let sum = 0;
      for (let s = 0; s < count; s++) {
        sum += probabilities[s] * floats[v + cell(width, feature + d, kStart + s)];
      }
      floats[y + d * step] = sum / total;
    }
  }

  function sinkOf(sinks: number, head: number): number {
    return sinks === 0 ? Number.NEGATIVE_INFINITY : heap.floats[heap.float(sinks) + head];
  }

  return {
    attention_panel(
      y,
      yWidth,
      q,
      qWidth,
      qStart,
      k,
      v,
      kWidth,
      kStart,
      sinks,
      headStart,
      headEnd,
      dHead,
      length,
      scale,
      _scratch,
    ) {
      const keys = heap.float(k);
      const values = heap.float(v);
      for (let h = headStart; h < headEnd; h++) {
        const feature = h * dHead;
        const sink = sinkOf(sinks, h);
        for (let t = 0; t < length; t++) {
          const target = heap.float(y) + cell(yWidth, feature, qStart + t);
          const query = heap.float(q) + cell(qWidth, feature, qStart + t);
          attend(target, query, 32, keys, values, kWidth, kStart, feature, dHead, t + 1, scale, sink);
        }
      }
    },

    attention_decode(y, q, k, v, headPanels, sinks, headStart, headEnd, dHead, length, scale, _scratch) {
      const keys = heap.float(k);
      const values = heap.float(v);
      for (let h = headStart; h < headEnd; h++) {
        const feature = h * dHead;
        const target = heap.float(y) + feature;
        const query = heap.float(q) + feature;
        const sink = sinkOf(sinks, h);
        const head = h * headPanels * dHead * 32;
        attend(target, query, 1, keys + head, values + head, dHead, 0, 0, dHead, length, scale, sink);
      }
    },

    append_to_cache(cache, headPanels, x, headStart, headEnd, dHead, position) {
      const { floats } = heap;
      for (let h = headStart; h < headEnd; h++) {
        for (let d = 0; d < dHead; d++) {
          const head = heap.float(cache) + h * headPanels * dHead * 32;
          floats[head + cell(dHead, d, position)] = floats[heap.float(x) + h * dHead + d];
        }
      }
    },
  };
}

/** Offset of feature `feature` of token `token` in panels of `width` features. */
export function cell(width: number, feature: number, token: number): number {
  return ((token >> 5) * width + feature) * 32 + (token & 31);
}
