import type { Kernels } from "../kernels.js";
import { element, type Heap } from "./heap.js";

/** Twin of `kernels/layout.ts`. */
export function layoutKernels(
  heap: Heap,
): Pick<Kernels, "panel_to_rows" | "rows_to_panel" | "set_channels" | "set_channels_panel"> {
  return {
    panel_to_rows(target, stride, panel, width, lane, count) {
      const { floats } = heap;
      const to = heap.float(target);
      const from = heap.float(panel) + lane;
      for (let f = 0; f < width; f++) {
        for (let t = 0; t < count; t++) floats[to + t * stride + f] = floats[from + f * 32 + t];
      }
    },
    rows_to_panel(panel, width, lane, count, source, stride) {
      const { floats } = heap;
      const to = heap.float(panel) + lane;
      const from = heap.float(source);
      for (let f = 0; f < width; f++) {
        for (let t = 0; t < count; t++) floats[to + f * 32 + t] = floats[from + t * stride + f];
      }
    },
    set_channels(x, channels, values, count) {
      const { floats, u32 } = heap;
      const to = heap.float(x);
      const from = heap.float(values);
      const listed = element(channels, 4);
      for (let i = 0; i < count; i++) floats[to + u32[listed + i]] = floats[from + i];
    },
    set_channels_panel(x, channels, values, count) {
      const { floats, u32 } = heap;
      const to = heap.float(x);
      const from = heap.float(values);
      const listed = element(channels, 4);
      for (let i = 0; i < count; i++) {
        const first = to + u32[listed + i] * 32;
        floats.fill(floats[from + i], first, first + 32);
      }
    },
  };
}
