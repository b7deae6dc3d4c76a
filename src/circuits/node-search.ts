import type { TaskBatch } from "../tasks/batch.js";
import { scoreCandidates } from "../tasks/score.js";
import { type Bisection, bisect, ranked } from "./bisection.js";
import { calibrated, fitCalibration } from "./calibration.js";
import type { MaskTrainingSettings } from "./mask-optimizer.js";
import type { MaskedModel, MaskedOptions } from "./masked-model.js";
import type { TaskSplits } from "./task-splits.js";

/** Nodes in an order of importance. */
export interface NodeOrder {
  /** The most important first; only those that may be kept. */
  readonly nodes: readonly number[];
  /** How it came about, for the circuit. */
  readonly method: string;
  readonly settings: Readonly<Record<string, number | string>>;
}

/** The nodes that an order keeps to reach a target. */
export interface NodeSelection extends Bisection {
  readonly order: NodeOrder;
  /** The first k of the order. */
  readonly nodes: readonly number[];
}

/** Order by learned masks (paper, A.5): only nodes whose τ ended above 0 may be kept. */
export async function orderByMasks(
  masked: MaskedModel,
  { train }: TaskSplits,
  settings: MaskTrainingSettings,
  options: MaskedOptions = {},
): Promise<NodeOrder> {
  const { tau } = await masked.train(train, settings, options);
  return {
    nodes: ranked(tau).filter((node) => tau[node] > 0),
    method: "masks",
    settings: { ...settings },
  };
}

/**
 * Order by attribution, the baseline (paper, Figure 31): gradient × (activation − constant), summed over tokens and
 * averaged over prompts, is to first order by how much the loss falls when a node that is ablated comes back. It is
 * taken where nothing is ablated; `size` ranks by its size, `gain` by its sign as well.
 */
export async function orderByAttribution(
  masked: MaskedModel,
  { train }: TaskSplits,
  by: "gain" | "size" = "gain",
  options: MaskedOptions = {},
): Promise<NodeOrder> {
  const everything = new Float32Array(masked.index.count).fill(1);
  const gradient = await masked.gradient(train, everything, options);
  const scores = gradient.map((value) => (by === "size" ? Math.abs(value) : -value));
  return { nodes: ranked(scores), method: "attribution", settings: { by } };
}

/** The task loss that some nodes alone reach. */
export async function lossOfNodes(
  masked: MaskedModel,
  batch: TaskBatch,
  nodes: Iterable<number>,
  options: MaskedOptions = {},
): Promise<number> {
  const [logits] = await masked.evaluate(batch, [masked.masksOf(nodes)], options);
  return scoreCandidates(logits).loss;
}

export interface SelectOptions extends MaskedOptions {
  /** Compare losses after calibration, fitted to each number of nodes anew (on train). Default: before. */
  readonly calibrate?: boolean;
}

/** The fewest first nodes of an order whose task loss on the select split reaches a target. */
export async function selectNodes(
  masked: MaskedModel,
  { train, select }: TaskSplits,
  order: NodeOrder,
  target: number,
  { calibrate = false, ...options }: SelectOptions = {},
): Promise<NodeSelection> {
  const found = await bisect(order.nodes.length, target, async (k) => {
    const masks = [masked.masksOf(order.nodes.slice(0, k))];
    const [logits] = await masked.evaluate(select, masks, options);
    if (!calibrate) return scoreCandidates(logits).loss;
    const [trained] = await masked.evaluate(train, masks, options);
    return scoreCandidates(calibrated(logits, fitCalibration(trained))).loss;
  });
  return { ...found, order, nodes: order.nodes.slice(0, found.k) };
}
