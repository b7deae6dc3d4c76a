import type { TaskBatch } from "../tasks/batch.js";
import { scoreCandidates } from "../tasks/score.js";
import { calibrated, fitCalibration } from "./calibration.js";
import type {
  Ablation,
  Calibration,
  Circuit,
  CircuitEdge,
  Finding,
  MeansReference,
  SplitLosses,
} from "./circuit.js";
import type { MaskedModel, MaskedOptions } from "./masked-model.js";
import { modelEdges } from "./model-edges.js";
import { modelHash } from "./model-identity.js";
import { scoredPairs } from "./removal.js";
import type { TaskSplits } from "./task-splits.js";

export interface AssembleOptions extends MaskedOptions {
  /** What the model is called. */
  readonly name: string;
  readonly target: number | null;
  readonly ablation: Ablation;
  readonly means: MeansReference | null;
  readonly found: Finding;
  /** Of the nodes, in the order in which they are given, where a removal knows them. Default: measured. */
  readonly scores?: readonly number[];
  /** Read the report split: once, when everything is chosen. */
  readonly report?: boolean;
}

/** A circuit of some nodes, with its edges, scores, calibration and losses. */
export async function assembleCircuit(
  masked: MaskedModel,
  splits: TaskSplits,
  given: Iterable<number>,
  { name, target, ablation, means, found, scores, report = false, ...options }: AssembleOptions,
): Promise<Circuit> {
  const { model, index } = masked;
  const order = [...given];
  const known = scores && new Map(order.map((node, i) => [node, scores[i]]));
  const nodes = order.sort((a, b) => a - b);
  const { calibration, losses } = await measureNodes(masked, splits, nodes, { report, ...options });
  return {
    model: { name, sha256: await modelHash(model) },
    task: { name: splits.task.name, templates: splits.options.templates },
    target_loss: target,
    ablation,
    means,
    final_resid: index.locations.some((location) => location.name === "final_resid"),
    nodes: nodes.map((node) => index.nameOf(node)),
    edges_are: "all",
    edges: await circuitEdges(masked, nodes),
    node_scores: known
      ? nodes.map((node) => known.get(node)!)
      : await nodeScores(masked, scoredPairs(splits.select), nodes, options),
    edge_scores: null,
    found,
    calibration,
    losses,
  };
}

/** The nonzero weights between some nodes. */
export async function circuitEdges(
  { model, index }: Pick<MaskedModel, "model" | "index">,
  nodes: readonly number[],
): Promise<CircuitEdge[]> {
  const { edges } = await modelEdges(model, index, nodes);
  return edges.map(
    ({ source, target, weight }) => [index.nameOf(source), index.nameOf(target), weight] as const,
  );
}

/** By how much the task loss grows when each of a circuit's nodes is ablated too, in their order. */
export async function nodeScores(
  masked: MaskedModel,
  batch: TaskBatch,
  nodes: readonly number[],
  options: MaskedOptions = {},
): Promise<number[]> {
  const without = nodes.map((node) => {
    const masks = masked.masksOf(nodes);
    masks[node] = 0;
    return masks;
  });
  const [whole, ...others] = await masked.evaluate(batch, [masked.masksOf(nodes), ...without], options);
  const { loss } = scoreCandidates(whole);
  return others.map((logits) => scoreCandidates(logits).loss - loss);
}

/** Losses of a circuit of nodes, its complement, the model and the empty circuit; calibrated on train. */
export async function measureNodes(
  masked: MaskedModel,
  splits: TaskSplits,
  nodes: readonly number[],
  { report = false, ...options }: MaskedOptions & { readonly report?: boolean } = {},
): Promise<{ readonly calibration: Calibration; readonly losses: Circuit["losses"] }> {
  const circuit = masked.masksOf(nodes);
  const masks = [
    circuit,
    new Float32Array(masked.index.count).fill(1),
    new Float32Array(masked.index.count),
    circuit.map((mask) => 1 - mask),
  ];
  let calibration: Calibration | undefined;
  const measure = async (batch: TaskBatch): Promise<SplitLosses> => {
    const logits = await masked.evaluate(batch, masks, options);
    calibration ??= fitCalibration(logits[0]);
    const [scores, model, empty, complement] = logits.map((one) => scoreCandidates(one));
    return {
      ...{ pairs: batch.count, model: model.loss, empty: empty.loss, circuit: scores.loss },
      calibrated: scoreCandidates(calibrated(logits[0], calibration)).loss,
      ...{ accuracy: scores.accuracy, complement: complement.loss },
    };
  };
  const train = await measure(splits.train);
  const select = await measure(splits.select);
  const losses = report ? { train, select, report: await measure(splits.report()) } : { train, select };
  return { calibration: calibration!, losses };
}
