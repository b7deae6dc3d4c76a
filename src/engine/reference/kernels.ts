import type { Kernels } from "../kernels.js";
import { attentionKernels } from "./attention.js";
import { attentionBackwardKernels } from "./attention-backward.js";
import { backwardKernels } from "./backward.js";
import { barrierKernel } from "./barrier.js";
import { denseKernels } from "./dense.js";
import { Heap } from "./heap.js";
import { layoutKernels } from "./layout.js";
import { maskKernels } from "./mask.js";
import { normKernels } from "./norm.js";
import { optimizerKernels } from "./optimizer.js";
import { pointwiseKernels } from "./pointwise.js";
import { sparseKernels } from "./sparse.js";
import { topKKernels } from "./top-k.js";

/**
 * The plain TypeScript twin of `kernels/`: same arguments, same memory, same discrete decisions. It computes in
 * float64 and rounds where it stores, so it is both the fallback and the yardstick.
 *
 * @param floatBytes 4: floats in memory are float32, as the WebAssembly kernels have them. 8: they are float64 (a panel
 * is then `[features][32]` of eight bytes); indices stay u16, row and column pointers and channels u32.
 */
export function createPlainKernels(memory: WebAssembly.Memory, floatBytes: 4 | 8 = 4): Kernels {
  const heap = new Heap(memory, floatBytes);
  return {
    ...barrierKernel(memory),
    ...sparseKernels(heap),
    ...denseKernels(heap),
    ...optimizerKernels(heap),
    ...topKKernels(heap),
    ...maskKernels(heap),
    ...normKernels(heap),
    ...pointwiseKernels(heap),
    ...attentionKernels(heap),
    ...layoutKernels(heap),
    ...attentionBackwardKernels(heap),
    ...backwardKernels(heap),
  };
}
