import { SparseLensError } from "../errors.js";
import type { NodeAblation } from "../model/ablation.js";
import { NodeIndex } from "../model/node-index.js";
import type { Model } from "../model.js";
import { type Ablation, type Circuit, nodesOf } from "./circuit.js";
import { edgeConstants, edgeEdits } from "./edge-edits.js";
import { ablationConstants, type Means } from "./means.js";
import { modelEdges } from "./model-edges.js";

export interface CircuitAblationOptions
  extends Pick<NodeAblation, "resampleFrom" | "seed" | "frozenNorms" | "frozenSupports"> {
  /** What takes the place of what is ablated. Default: the circuit's own. */
  readonly ablation?: Ablation;
  /** For mean ablation, and for edges that were pruned. */
  readonly means?: Means | null;
  /** Ablate the circuit's nodes, and keep everything else. */
  readonly complement?: boolean;
}

/**
 * A model as a circuit, for `forward` and `generate`: everything else is ablated; or its complement, only the circuit is.
 * @throws SparseLensError when the circuit does not fit the model, or means are missing
 */
export async function circuitAblation(
  model: Model,
  circuit: Circuit,
  options: CircuitAblationOptions = {},
): Promise<NodeAblation> {
  const { ablation = circuit.ablation, means = null, complement = false, ...rest } = options;
  const index = new NodeIndex(model.description, { finalResid: circuit.final_resid });
  const nodes = nodesOf(circuit, index);
  const isNode = new Set(nodes);
  const ablated = Array.from({ length: index.count }, (_, node) => node).filter(
    (node) => isNode.has(node) === complement,
  );
  const channels = ablatedChannels(index, ablated, ablation, means);
  const isPruned = circuit.edges_are === "pruned" && !complement;
  if (isPruned && ablation !== "zero" && !means) {
    throw new SparseLensError(
      "The edges of this circuit were pruned: it needs the means of what they carried.",
    );
  }
  return { ...rest, channels, edits: isPruned ? await prunedEdits(model, circuit, index, nodes) : [] };

  async function prunedEdits(model: Model, circuit: Circuit, index: NodeIndex, nodes: readonly number[]) {
    const { edges, matrices } = await modelEdges(model, index, nodes);
    const key = (source: string, target: string) => `${source} ${target}`;
    const kept = new Set(circuit.edges.map(([source, target]) => key(source, target)));
    const left = edges.filter(
      ({ source, target }) => !kept.has(key(index.nameOf(source), index.nameOf(target))),
    );
    return edgeEdits(left, index, matrices, edgeConstants(index, ablation, means));
  }
}

/**
 * The same ablation, and of some nodes more; what was ablated stays as it was.
 * @throws SparseLensError when means are missing, or one location would have both constants and resampled values
 */
export function alsoAblated(
  before: NodeAblation,
  index: NodeIndex,
  nodes: Iterable<number>,
  ablation: Ablation,
  means: Means | null,
): NodeAblation {
  const joined = { ...before.channels };
  for (const [location, more] of Object.entries(ablatedChannels(index, nodes, ablation, means))) {
    const there = joined[location];
    if (!there) {
      joined[location] = more;
      continue;
    }
    if ((there.values === null) !== (more.values === null)) {
      throw new SparseLensError(`${location} cannot be resampled in part: ablate all of it in one way.`);
    }
    const known = new Set(there.channels);
    const added = [...more.channels.keys()].filter((i) => !known.has(more.channels[i]));
    joined[location] = {
      channels: [...there.channels, ...added.map((i) => more.channels[i])],
      values: there.values && [...Array.from(there.values), ...added.map((i) => more.values![i])],
    };
  }
  return { ...before, channels: joined };
}

/**
 * Some nodes as the channels of an ablation.
 * @throws SparseLensError when means are missing
 */
export function ablatedChannels(
  index: NodeIndex,
  nodes: Iterable<number>,
  ablation: Ablation,
  means: Means | null,
): NodeAblation["channels"] {
  const constants = ablation === "resample" ? null : ablationConstants(index, ablation, means);
  return Object.fromEntries(
    [...index.byLocation(nodes)].map(([{ name, offset }, list]) => [
      name,
      { channels: list, values: constants && list.map((channel) => constants[offset + channel]) },
    ]),
  );
}
