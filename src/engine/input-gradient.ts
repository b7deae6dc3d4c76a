import { BatchOperations, type BatchOptions, occupiedTokens } from "./batch.js";
import { PANEL, type Pointer } from "./kernels.js";
import type { Arena } from "./memory.js";
import type { Activation, NormWeights, Value } from "./operations.js";
import type { Thread } from "./thread.js";
import type { CompressedRows } from "./weights.js";

export interface InputGradientOptions extends BatchOptions {
  /** Channels of a head. */
  readonly headWidth: number;
}

/** The steps backward that are the same whichever weights get a gradient: from values to values. */
export abstract class InputGradientOperations extends BatchOperations {
  readonly #attentionScratch: Pointer;

  constructor(thread: Thread, arena: Arena, options: InputGradientOptions) {
    super(thread, arena, options);
    const longest = occupiedTokens(Math.max(...options.sequences.map(({ tokens }) => tokens.length)));
    const head = Math.ceil(options.headWidth / 8) * 8;
    const room = () => arena.floats(16 * longest + 2 * longest * head + 32 * head);
    this.#attentionScratch = Array.from({ length: thread.count }, room)[thread.index];
  }

  // dx is overwritten unless said otherwise.

  normBackward(dx: Value, dy: Value, x: Value, weights: NormWeights): void {
    this.eachPanel((panel) => {
      this.normPanelBackward(
        this.panelOf(dx, panel),
        this.panelOf(dy, panel),
        this.panelOf(x, panel),
        panel,
        x.width,
        weights,
      );
    });
  }

  copy(y: Value, x: Value): void {
    this.eachPanel((panel) => {
      this.kernels.copy(this.panelOf(y, panel), this.panelOf(x, panel), x.width * this.rowBytes);
    });
  }

  zero(x: Value): void {
    this.eachPanel((panel) => this.kernels.zero(this.panelOf(x, panel), x.width * this.rowBytes));
  }

  absTopKBackward(dx: Value, y: Value, k: number | null): void {
    if (k === null) return;
    this.eachPanel((panel) => {
      this.kernels.mask_nonzeros(this.panelOf(dx, panel), this.panelOf(y, panel), dx.width * PANEL);
    });
  }

  activationBackward(dx: Value, y: Value, activation: Activation, derivative?: Value): void {
    if (activation === "relu") this.reluBackward(dx, y);
    if (activation !== "gelu") return;
    this.eachPanel((panel) => {
      this.kernels.multiply(this.panelOf(dx, panel), this.panelOf(derivative!, panel), dx.width * PANEL);
    });
  }

  reluBackward(dx: Value, y: Value): void {
    this.eachPanel((panel) => {
      this.kernels.relu_backward(this.panelOf(dx, panel), this.panelOf(y, panel), dx.width * PANEL);
    });
  }

  attentionBackward(
    [dq, dk, dv]: readonly Value[],
    dy: Value,
    [q, k, v]: readonly Value[],
    y: Value,
    heads: number,
    sinks: Pointer,
  ): void {
    const sinkGradients = this.sinkGradients(sinks);
    // The gaps between sequences are written by nobody.
    for (const value of [dq, dk, dv]) this.zero(value);
    this.thread.barrier();
    const [headStart, headEnd] = this.thread.share(heads);
    const dHead = q.width / heads;
    if (sinkGradients)
      this.kernels.zero(
        sinkGradients + headStart * this.thread.memory.floatBytes,
        (headEnd - headStart) * this.thread.memory.floatBytes,
      );
    for (const { start, tokens } of this.sequences) {
      this.kernels.attention_backward_panel(
        ...([dq.pointer, dk.pointer, dv.pointer, dy.pointer, y.pointer, y.width] as const),
        ...([q.pointer, q.width, k.pointer, v.pointer, k.width, start, sinks, sinkGradients] as const),
        ...([
          headStart,
          headEnd,
          dHead,
          tokens.length,
          1 / Math.sqrt(dHead),
          this.#attentionScratch,
        ] as const),
      );
    }
    this.thread.barrier();
  }

  /** Where the gradients of a norm's weight and bias over one panel go; 0: not wanted. */
  protected normParts(_panel: number, _width: number): [Pointer, Pointer] {
    return [0, 0];
  }

  /** Where the gradient of a layer's sinks goes; 0: not wanted. */
  protected sinkGradients(_sinks: Pointer): Pointer {
    return 0;
  }

  /** dx = Wᵀ dy over one panel, with the parts of dy side by side. @param transposed Wᵀ */
  protected multiplyTransposed(
    dx: Pointer,
    parts: readonly Value[],
    transposed: CompressedRows,
    columns: number,
  ): void {
    let dy = parts[0].pointer;
    if (parts.length > 1) {
      dy = this.panelScratch;
      let target = dy;
      for (const { pointer, width } of parts) {
        this.kernels.copy(target, pointer, width * this.rowBytes);
        target += width * this.rowBytes;
      }
    }
    const { pointers, indices, values } = transposed;
    this.kernels.csr_multiply_panel(dx, pointers, indices, values, 0, dy, 0, columns);
  }

  protected normPanelBackward(
    dx: Pointer,
    dy: Pointer,
    x: Pointer,
    panel: number,
    width: number,
    weights: NormWeights,
  ): void {
    const { kind, weight, bias, eps } = weights;
    const [dweight, dbias] = this.normParts(panel, width);
    if (kind === "rms")
      this.kernels.rms_norm_backward_panel(dx, dy, x, weight, weight && dweight, width, eps);
    else
      this.kernels.layer_norm_backward_panel(dx, dy, x, weight, weight && dweight, bias && dbias, width, eps);
  }
}
