import { BatchOperations, type BatchOptions, type BatchSequence } from "./batch.js";
import { PANEL, type Pointer } from "./kernels.js";
import type { Arena } from "./memory.js";
import type { NormWeights, Steps, Value } from "./operations.js";
import type { Thread } from "./thread.js";

/** Channels of one value that are ablated. */
export interface AblatedChannels {
  /** u32[count] */
  readonly channels: Pointer;
  /** f32[count], or 0: taken from the sources. */
  readonly values: Pointer;
  readonly count: number;
}

export interface AblatedOptions extends Omit<BatchOptions, "cache"> {
  /** By hook point. */
  readonly ablated: ReadonlyMap<string, AblatedChannels>;
  /** For each sequence the tokens that resampled values come from, as many as it has; null: none are resampled. */
  readonly sources: readonly (readonly number[])[] | null;
  readonly frozenNorms: boolean;
  readonly frozenSupports: boolean;
}

/**
 * A forward pass with ablated channels. What an ablation refers to goes through the same pass, in groups of panels: first
 * the same sequences without ablation, where norms or supports are frozen; then the sources of resampled values; last the
 * sequences themselves. A token has the same lane of the same panel in each group, and one thread.
 */
export class AblatedOperations extends BatchOperations {
  readonly #options: AblatedOptions;
  readonly #groups: number;

  constructor(thread: Thread, arena: Arena, options: AblatedOptions) {
    const { sequences, sources, frozenNorms, frozenSupports } = options;
    const silent = (tokens: (i: number) => readonly number[]) =>
      sequences.map(({ index }, i): BatchSequence => ({ index, tokens: tokens(i), isSilent: true }));
    const groups = [
      ...(frozenNorms || frozenSupports ? [silent((i) => sequences[i].tokens)] : []),
      ...(sources ? [silent((i) => sources[i])] : []),
      sequences,
    ];
    const placed = groups.flatMap(([first, ...others]) => [{ ...first, startsPanel: true }, ...others]);
    super(thread, arena, { ...options, sequences: placed });
    this.#options = options;
    this.#groups = groups.length;
  }

  override norm(y: Value, x: Value, weights: NormWeights): void {
    if (!this.#options.frozenNorms) {
      super.norm(y, x, weights);
      return;
    }
    const { kind, weight, bias, eps } = weights;
    this.#eachReference((panel) => {
      this.normPanel(this.panelOf(y, panel), this.panelOf(x, panel), x.width, weights);
    });
    this.eachHookedPanel((panel) => {
      const [to, from] = [y, x].map((value) => this.panelOf(value, panel));
      const like = this.panelOf(x, panel % this.#size);
      if (kind === "rms") this.kernels.rms_norm_like_panel(to, from, like, weight, x.width, eps);
      else this.kernels.layer_norm_like_panel(to, from, like, weight, bias, x.width, eps);
    });
  }

  override absTopK(x: Value, k: number | null): void {
    if (k === null) return;
    if (!this.#options.frozenSupports) {
      super.absTopK(x, k);
      return;
    }
    this.#eachReference((panel) => this.kernels.abs_top_k_panel(this.panelOf(x, panel), x.width, k));
    this.eachHookedPanel((panel) => {
      const like = this.panelOf(x, panel % this.#size);
      this.kernels.mask_nonzeros(this.panelOf(x, panel), like, x.width * PANEL);
    });
  }

  override watches(point: string): boolean {
    return this.#options.ablated.has(point) || super.watches(point);
  }

  override *hook(point: string, value: Value): Steps {
    const ablated = this.#options.ablated.get(point);
    if (ablated) this.#ablate(value, ablated);
    if (super.watches(point)) yield* super.hook(point, value);
  }

  #ablate(value: Value, { channels, values, count }: AblatedChannels): void {
    if (values) {
      this.eachHookedPanel((panel) => {
        this.kernels.set_channels_panel(this.panelOf(value, panel), channels, values, count);
      });
      return;
    }
    const list = new Uint32Array(this.thread.memory.bytes.buffer, channels, count);
    this.eachHookedPanel((panel) => {
      const to = this.panelOf(value, panel);
      // The group before the last.
      const from = this.panelOf(value, panel - this.#size);
      for (const channel of list) {
        this.kernels.copy(to + channel * this.rowBytes, from + channel * this.rowBytes, this.rowBytes);
      }
    });
  }

  /** Panels of one group. */
  get #size(): number {
    return this.panels / this.#groups;
  }

  protected override eachPanel(work: (panel: number) => void): void {
    this.#eachReference(work);
    this.eachHookedPanel(work);
  }

  /** This thread's panels of all groups but the last. */
  #eachReference(work: (panel: number) => void): void {
    const [first, last] = this.thread.share(this.#size);
    for (let group = 0; group < this.#groups - 1; group++) {
      for (let panel = first; panel < last; panel++) work(group * this.#size + panel);
    }
  }

  /** This thread's panels of the sequences themselves: what refers to others comes after them. */
  protected override eachHookedPanel(work: (panel: number) => void): void {
    const [first, last] = this.thread.share(this.#size);
    const group = this.#groups - 1;
    for (let panel = first; panel < last; panel++) work(group * this.#size + panel);
  }
}
