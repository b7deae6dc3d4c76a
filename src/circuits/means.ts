import { SparseLensError } from "../errors.js";
import type { NodeIndex } from "../model/node-index.js";
import type { Model } from "../model.js";
import type { Ablation, MeansReference } from "./circuit.js";

/** Mean activations of a model at its hook points, over a text. */
export interface Means {
  /** `[width]` by hook point: node locations, `final_resid`, and `attn.y`. */
  readonly values: ReadonlyMap<string, Float32Array>;
  readonly reference: MeansReference;
}

export interface MeansOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/** Tokens of one call. */
const CALL_TOKENS = 32768;

/**
 * Means of every node over the tokens of some sequences, none longer than the model's block size.
 * @throws SparseLensError when there is no token
 */
export async function computeMeans(
  model: Model,
  sequences: readonly ArrayLike<number>[],
  reference: Omit<MeansReference, "tokens">,
  { signal, onProgress }: MeansOptions = {},
): Promise<Means> {
  const points = model.description.hookPoints.filter(
    ({ name, isNodeLocation }) => isNodeLocation || name === "final_resid" || name.endsWith(".attn.y"),
  );
  const totals = new Map(points.map(({ name, width }) => [name, new Float64Array(width)]));
  let tokens = 0;
  for (let first = 0; first < sequences.length; ) {
    onProgress?.({ done: first, total: sequences.length });
    const call: { tokens: number[] }[] = [];
    for (let room = CALL_TOKENS; first < sequences.length && room > 0; first++) {
      call.push({ tokens: Array.from(sequences[first]) });
      room -= sequences[first].length;
    }
    const result = await model.run({ type: "sums", sequences: call, points }, { signal });
    tokens += result.tokens;
    for (const [name, sums] of result.sums) {
      const total = totals.get(name)!;
      for (let channel = 0; channel < sums.length; channel++) total[channel] += sums[channel];
    }
  }
  if (tokens === 0) throw new SparseLensError("There are no tokens to average activations over.");
  const values = new Map(
    [...totals].map(([name, total]) => [name, Float32Array.from(total, (sum) => sum / tokens)]),
  );
  return { values, reference: { ...reference, tokens } };
}

/**
 * What takes the place of each node when it is ablated, `[nodes]`.
 * @throws SparseLensError when means are needed and there are none
 */
export function ablationConstants(
  index: NodeIndex,
  ablation: Exclude<Ablation, "resample">,
  means: Means | null,
): Float32Array {
  const constants = new Float32Array(index.count);
  if (ablation === "zero") return constants;
  if (!means) throw new SparseLensError("Mean ablation needs the means of the nodes over a corpus.");
  for (const { name, offset, width } of index.locations) {
    const mean = means.values.get(name);
    if (mean?.length !== width) {
      throw new SparseLensError(
        `The means are of another model: ${name} has ${width} channels here, ${mean?.length ?? "none"} there.`,
      );
    }
    constants.set(mean, offset);
  }
  return constants;
}
