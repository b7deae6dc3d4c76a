import type { Edge } from "../model/edges.js";
import type { WeightEdit } from "../model/weight-edits.js";
import type { TaskBatch } from "../tasks/batch.js";
import { scoreCandidates } from "../tasks/score.js";
import { calibrated, fitCalibration } from "./calibration.js";
import type { Calibration, Circuit, SplitLosses } from "./circuit.js";
import { type EdgeConstants, edgeEdits } from "./edge-edits.js";
import type { MaskedModel, MaskedOptions } from "./masked-model.js";
import { modelEdges } from "./model-edges.js";
import { type Removal, removeEdges } from "./removal.js";
import type { TaskSplits } from "./task-splits.js";

export interface EdgeCircuitOptions extends MaskedOptions {
  /** Measure on the report split too. Default: as the circuit was. */
  readonly report?: boolean;
}

/** The circuit without the edges that its target does not need; chosen on the select split. */
export async function pruneEdges(
  masked: MaskedModel,
  splits: TaskSplits,
  circuit: Circuit,
  constants: EdgeConstants,
  target: number,
  options: EdgeCircuitOptions = {},
): Promise<Circuit> {
  const nodes = circuit.nodes.map((node) => masked.index.numberOf(node));
  const removal = await removeEdges(masked, splits.select, nodes, target, constants, options);
  return edgeCircuit(masked, splits, circuit, removal, constants, options);
}

/**
 * A circuit that some of its edges have left: with its own calibration and losses. What does not depend on edges is the
 * circuit's: losses of the model, of the empty circuit, and of the complement, which keeps every edge.
 */
export async function edgeCircuit(
  masked: MaskedModel,
  splits: TaskSplits,
  circuit: Circuit,
  { kept, scores }: Pick<Removal<Edge>, "kept" | "scores">,
  constants: EdgeConstants,
  { report = circuit.losses.report !== undefined, ...options }: EdgeCircuitOptions = {},
): Promise<Circuit> {
  const { index } = masked;
  const masks = [masked.masksOf(circuit.nodes.map((node) => index.numberOf(node)))];
  const edits = [await editsOf(masked, circuit, kept, constants)];
  let calibration: Calibration | undefined;
  const measure = async (batch: TaskBatch, nodes: SplitLosses | undefined): Promise<SplitLosses> => {
    const [logits] = await masked.evaluate(batch, masks, { ...options, edits });
    calibration ??= fitCalibration(logits);
    const { loss, accuracy } = scoreCandidates(logits);
    const { model = null, empty = null, complement = null } = nodes ?? {};
    return {
      ...{ pairs: batch.count, model, empty, circuit: loss },
      calibrated: scoreCandidates(calibrated(logits, calibration)).loss,
      ...{ accuracy, complement },
    };
  };
  const train = await measure(splits.train, circuit.losses.train);
  const select = await measure(splits.select, circuit.losses.select);
  const losses = { train, select };
  return {
    ...circuit,
    edges_are: "pruned",
    edges: kept.map(
      ({ source, target, weight }) => [index.nameOf(source), index.nameOf(target), weight] as const,
    ),
    edge_scores: scores,
    node_scores: null,
    found: { ...circuit.found, steps: [...circuit.found.steps, "edge pruning"] },
    losses: report ? { ...losses, report: await measure(splits.report(), circuit.losses.report) } : losses,
    calibration: calibration!,
  };
}

/** What makes the model one in which the edges of a circuit that are not kept are ablated. */
async function editsOf(
  { model, index }: MaskedModel,
  circuit: Circuit,
  kept: readonly Edge[],
  constants: EdgeConstants,
): Promise<WeightEdit[]> {
  const nodes = circuit.nodes.map((node) => index.numberOf(node));
  const { edges, matrices } = await modelEdges(model, index, nodes);
  const isKept = new Set(kept.map(({ source, target }) => `${source} ${target}`));
  const left = edges.filter(({ source, target }) => !isKept.has(`${source} ${target}`));
  return edgeEdits(left, index, matrices, constants);
}
