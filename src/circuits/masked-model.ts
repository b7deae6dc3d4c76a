import type { Edge } from "../model/edges.js";
import type { NodeIndex } from "../model/node-index.js";
import type { WeightEdit } from "../model/weight-edits.js";
import type { Model } from "../model.js";
import { promptOf, type TaskBatch } from "../tasks/batch.js";
import type { SparseMatrix } from "../tensor.js";
import type { BinarizedGradient, BinarizedNodes } from "./binarized-memory.js";
import { constantOf, type EdgeConstants } from "./edge-edits.js";
import type { MaskTrainingSettings } from "./mask-optimizer.js";
import type { MaskedPrompt, TrainMasksResult } from "./mask-program.js";

export interface MaskedOptions {
  readonly signal?: AbortSignal;
  readonly onStep?: (done: number, total: number) => void;
}

/**
 * A model of which every node can be kept, or replaced by a constant, or anything between: node value = mask · activation
 * + (1 − mask) · constant (paper, A.5). Masks are `[nodes]`, in the order of `index`.
 */
export class MaskedModel {
  /** @param constants `[nodes]`: their means, or zeros */
  constructor(
    readonly model: Model,
    readonly index: NodeIndex,
    readonly constants: Float32Array,
  ) {}

  /**
   * For each of the masks the logits of the right and of the wrong candidate behind each prompt, `[2N, 2]`.
   * @param options `edits`: for each of the masks the weights that are ablated as well; `binarized`: nodes, among those
   *   that all of the masks keep, that become steps of two values
   */
  async evaluate(
    batch: TaskBatch,
    masks: readonly Float32Array[],
    options: MaskedOptions & {
      readonly edits?: readonly (readonly WeightEdit[])[];
      readonly binarized?: BinarizedNodes;
    } = {},
  ): Promise<readonly Float32Array[]> {
    const { signal, onStep, edits, binarized } = options;
    const call = { type: "evaluate-masks" as const, ...this.#common(batch), masks, edits, binarized };
    return (await this.model.run(call, { signal, onStep })).candidateLogits;
  }

  /** The gradient of the task loss by the masks, `[nodes]`. */
  async gradient(
    batch: TaskBatch,
    masks: Float32Array,
    { signal }: MaskedOptions = {},
  ): Promise<Float32Array> {
    const call = { type: "mask-gradient" as const, ...this.#common(batch), masks };
    return (await this.model.run(call, { signal })).maskGradient;
  }

  /**
   * About by how much the task loss grows when each of some edges is ablated, to first order.
   * @param constants what an edge carries when it is ablated
   */
  async edgeGradient(
    batch: TaskBatch,
    masks: Float32Array,
    edges: readonly Edge[],
    { matrices, constants }: { matrices: ReadonlyMap<string, SparseMatrix>; constants: EdgeConstants },
    { signal }: MaskedOptions = {},
  ): Promise<Map<Edge, number>> {
    const groups = [...new Set(edges.map(({ matrix }) => matrix))].map(
      (name) => [name, edges.filter(({ matrix }) => matrix === name)] as const,
    );
    const ablatable = groups.map(([name, list]) => ({
      name,
      rows: list.map(({ row }) => row),
      columns: list.map(({ entry }) => matrices.get(name)!.columnIndices[entry]),
      constants: list.map((edge) => constantOf(edge, this.index, constants)),
    }));
    const call = { type: "mask-gradient" as const, ...this.#common(batch), masks, ablatable };
    const { weightGradients } = await this.model.run(call, { signal });
    return new Map(
      groups.flatMap(([, list], i) =>
        list.map((edge, at) => [edge, -edge.weight * weightGradients![i][at]] as const),
      ),
    );
  }

  /** The gradient of the task loss by the steps that nodes have become. */
  async binarizedGradient(
    batch: TaskBatch,
    masks: Float32Array,
    binarized: BinarizedNodes,
    { signal }: MaskedOptions = {},
  ): Promise<BinarizedGradient> {
    const call = { type: "mask-gradient" as const, ...this.#common(batch), masks, binarized };
    return (await this.model.run(call, { signal })).binarizedGradient!;
  }

  /** Trains masks; the result depends on the settings, never on the number of threads. */
  async train(
    batch: TaskBatch,
    settings: MaskTrainingSettings,
    { signal, onStep }: MaskedOptions = {},
  ): Promise<TrainMasksResult> {
    const call = { type: "train-masks" as const, ...this.#common(batch), settings };
    return await this.model.run(call, { signal, onStep });
  }

  /** Masks that keep some nodes alone. */
  masksOf(nodes: Iterable<number>): Float32Array {
    const masks = new Float32Array(this.index.count);
    for (const node of nodes) masks[node] = 1;
    return masks;
  }

  #common(batch: TaskBatch) {
    return { prompts: promptsOf(batch), locations: this.index.locations, constants: this.constants };
  }
}

export function promptsOf(batch: TaskBatch): MaskedPrompt[] {
  return Array.from({ length: 2 * batch.count }, (_, i) => ({
    tokens: Array.from(promptOf(batch, i)),
    candidates: [batch.candidates[2 * i], batch.candidates[2 * i + 1]] as const,
  }));
}
