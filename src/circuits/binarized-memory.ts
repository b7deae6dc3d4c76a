import type { BinarizedChannels } from "../engine/binarized.js";
import type { Pointer } from "../engine/kernels.js";
import type { Arena } from "../engine/memory.js";
import type { Thread } from "../engine/thread.js";
import type { NodeLocation } from "../model/node-index.js";

/** Nodes whose activations are mixed with steps of two values (paper, appendix C). Plain data. */
export interface BinarizedNodes {
  /** By their numbers, ascending. */
  readonly nodes: readonly number[];
  /** `[nodes]`: the value at and below the threshold. */
  readonly left: Float32Array;
  /** `[nodes]`: the value above it. */
  readonly right: Float32Array;
  /** `[nodes]` */
  readonly threshold: Float32Array;
  /** `[nodes]`: how soft the step is; 0: not at all. */
  readonly temperature: Float32Array;
  /** From 0, the activation as it is, to 1, the step. */
  readonly mix: number;
}

/** `[nodes]` each. */
export interface BinarizedGradient {
  readonly left: Float32Array<ArrayBuffer>;
  readonly right: Float32Array<ArrayBuffer>;
  readonly threshold: Float32Array<ArrayBuffer>;
}

const PARAMETERS = ["left", "right", "threshold", "temperature"] as const;
const TRAINED = ["left", "right", "threshold"] as const;

/** The same in the engine's memory. */
export class BinarizedMemory {
  readonly table: { readonly binarized: ReadonlyMap<string, BinarizedChannels>; readonly mix: number };
  readonly #parameters: Record<(typeof PARAMETERS)[number], Pointer>;
  readonly #gradients: Record<(typeof TRAINED)[number], Pointer>;

  constructor(
    private readonly thread: Thread,
    arena: Arena,
    locations: readonly NodeLocation[],
    private readonly nodes: BinarizedNodes,
  ) {
    const count = nodes.nodes.length;
    const [left, right, threshold, temperature] = PARAMETERS.map(() => arena.floats(count));
    this.#parameters = { left, right, threshold, temperature };
    const [byLeft, byRight, byThreshold] = TRAINED.map(() => arena.floats(count));
    this.#gradients = { left: byLeft, right: byRight, threshold: byThreshold };
    const { floatBytes } = thread.memory;
    const binarized = new Map<string, BinarizedChannels>();
    for (const { name, width, offset } of locations) {
      const first = nodes.nodes.findIndex((node) => node >= offset);
      const channels = nodes.nodes
        .filter((node) => node >= offset && node < offset + width)
        .map((node) => node - offset);
      if (channels.length === 0) continue;
      const at = (pointer: Pointer) => pointer + first * floatBytes;
      binarized.set(name, {
        channels,
        ...{ left: at(left), right: at(right), threshold: at(threshold), temperature: at(temperature) },
        gradients: { left: at(byLeft), right: at(byRight), threshold: at(byThreshold) },
      });
    }
    this.table = { binarized, mix: nodes.mix };
  }

  /** On every thread alike. */
  write(): void {
    const count = this.nodes.nodes.length;
    if (this.thread.index === 0) {
      for (const name of PARAMETERS)
        this.thread.memory.floats(this.#parameters[name], count).set(this.nodes[name]);
      for (const name of TRAINED) this.thread.memory.floats(this.#gradients[name], count).fill(0);
    }
    this.thread.barrier();
  }

  /** After a barrier. */
  gradient(): BinarizedGradient {
    const [left, right, threshold] = TRAINED.map((name) =>
      this.thread.memory.copyOut(this.#gradients[name], this.nodes.nodes.length),
    );
    return { left, right, threshold };
  }
}
