import { PANEL, type Pointer } from "./kernels.js";
import { MaskedOperations, type MaskedOptions } from "./masked.js";
import type { Arena } from "./memory.js";
import type { Steps, Value } from "./operations.js";
import type { Thread } from "./thread.js";

/** Channels of one value that are mixed with steps of two values. */
export interface BinarizedChannels {
  readonly channels: readonly number[];
  /** f[channels] each: the values left and right of the threshold, the threshold, and how soft the step is (0: not at all). */
  readonly left: Pointer;
  readonly right: Pointer;
  readonly threshold: Pointer;
  readonly temperature: Pointer;
  /** f[channels] each: gradients are added to them. */
  readonly gradients: { readonly left: Pointer; readonly right: Pointer; readonly threshold: Pointer };
}

export interface BinarizedOptions extends MaskedOptions {
  /** By hook point; their masks are 1. */
  readonly binarized: ReadonlyMap<string, BinarizedChannels>;
  /** How much of a channel is its step: from 0, its activation, to 1. */
  readonly mix: number;
}

/**
 * Masked operations in which some channels become steps of two values (paper, appendix C): of an activation x
 * (1 − mix) · x + mix · (left + (right − left) · σ((x − threshold) / temperature)).
 */
export class BinarizedOperations extends MaskedOperations {
  readonly #binarized: ReadonlyMap<string, BinarizedChannels>;
  readonly #mix: number;

  constructor(thread: Thread, arena: Arena, options: BinarizedOptions) {
    super(thread, arena, options);
    this.#binarized = options.binarized;
    this.#mix = options.mix;
  }

  override *hook(point: string, value: Value): Steps {
    yield* super.hook(point, value);
    const binarized = this.#binarized.get(point);
    if (!binarized) return;
    const { left, right, threshold, temperature } = this.#parameters(binarized);
    this.eachPanel((panel) => {
      const floats = this.floatsOf(value, panel);
      binarized.channels.forEach((channel, i) => {
        for (let at = channel * PANEL; at < (channel + 1) * PANEL; at++) {
          const share = sigmoid(floats[at] - threshold[i], temperature[i]);
          const step = left[i] + (right[i] - left[i]) * share;
          floats[at] += this.#mix * (step - floats[at]);
        }
      });
    });
  }

  override hookBackward(point: string, dx: Value): void {
    const binarized = this.#binarized.get(point);
    if (binarized) this.#stepBackward(binarized, dx, this.original(point));
    super.hookBackward(point, dx);
  }

  /** Threads own channels, as in the gradients of masks. */
  #stepBackward(binarized: BinarizedChannels, dx: Value, original: Value): void {
    const { left, right, threshold, temperature } = this.#parameters(binarized);
    const { memory } = this.thread;
    const { channels, gradients } = binarized;
    const [byLeft, byRight, byThreshold] = [gradients.left, gradients.right, gradients.threshold].map(
      (pointer) => memory.floats(pointer, channels.length),
    );
    const mix = this.#mix;
    this.thread.barrier();
    const [first, last] = this.thread.share(dx.width);
    for (let panel = 0; panel < this.panels; panel++) {
      const [slopes, inputs] = [this.floatsOf(dx, panel), this.floatsOf(original, panel)];
      channels.forEach((channel, i) => {
        if (channel < first || channel >= last) return;
        for (let at = channel * PANEL; at < (channel + 1) * PANEL; at++) {
          const slope = slopes[at];
          const share = sigmoid(inputs[at] - threshold[i], temperature[i]);
          byLeft[i] += slope * mix * (1 - share);
          byRight[i] += slope * mix * share;
          const rise =
            temperature[i] === 0 ? 0 : (mix * (right[i] - left[i]) * share * (1 - share)) / temperature[i];
          byThreshold[i] -= slope * rise;
          slopes[at] = slope * (1 - mix + rise);
        }
      });
    }
  }

  #parameters({ channels, left, right, threshold, temperature }: BinarizedChannels) {
    const floats = (pointer: Pointer) => this.thread.memory.floats(pointer, channels.length);
    return {
      ...{ left: floats(left), right: floats(right) },
      ...{ threshold: floats(threshold), temperature: floats(temperature) },
    };
  }
}

/** σ(x / temperature), at temperature 0 the step that is 1 above 0. */
function sigmoid(x: number, temperature: number): number {
  return temperature === 0 ? (x > 0 ? 1 : 0) : 1 / (1 + Math.exp(-x / temperature));
}
