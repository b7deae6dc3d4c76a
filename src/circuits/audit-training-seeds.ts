import { SparseLensError } from "../errors.js";
import { NodeIndex } from "../model/node-index.js";
import type { Model } from "../model.js";
import type { AuditCriterion } from "./audit-criterion.js";
import {
  type AuditSearchOptions,
  finishSearch,
  type SearchBudget,
  searchAgain,
  searchConstants,
} from "./audit-search.js";
import { STABLE_OVERLAP, STABLE_SIZES } from "./audit-stability.js";
import type { AuditSubject } from "./audit-subject.js";
import { MaskedModel } from "./masked-model.js";
import type { Means } from "./means.js";
import { modelHash } from "./model-identity.js";
import { countOverlap, countsByLocation, meanOverPairs } from "./node-overlap.js";
import { prepareSplits } from "./task-splits.js";

/** The same shape, trained from another seed. */
export interface FurtherModel {
  /** What it is called. */
  readonly name: string;
  readonly model: Model;
  /** For mean ablation. */
  readonly means: Means | null;
}

export interface TrainingSeedMeasures {
  /** Of the circuit itself, then of each further model. */
  readonly circuits: readonly {
    readonly model: string;
    readonly nodes: number;
    readonly reached: boolean;
    /** Nodes at each location, in the order of `locations`. */
    readonly counts: readonly number[];
  }[];
  readonly locations: readonly string[];
  /** Σ min / Σ max of the counts of any two, on average. */
  readonly overlap: number;
  /** The same between each circuit and as many nodes spread evenly over all channels, on average. */
  readonly even: number;
}

/**
 * Training again from another seed gives a circuit of about the same size, at the same locations. Channels have no meaning
 * beyond their model, so that node names cannot be compared: what is are sizes, and how many nodes lie at each location.
 * Not decided where there is no further model.
 * @throws SparseLensError for a model of another shape
 */
export async function auditTrainingSeeds(
  { index, nodes, circuit, target, splits }: AuditSubject,
  models: readonly FurtherModel[],
  budget: SearchBudget,
  {
    labelOf,
    ...options
  }: Omit<AuditSearchOptions, "label"> & {
    readonly labelOf: (search: string) => string;
  },
): Promise<AuditCriterion<"training seeds", TrainingSeedMeasures>> {
  const circuits = [
    { model: circuit.model.name, nodes: nodes.length, reached: true, counts: countsByLocation(index, nodes) },
  ];
  for (const { name, model, means } of models) {
    requireShape(index, model, name, circuit.final_resid);
    const constants = searchConstants(index, circuit.ablation, means);
    if (!constants)
      throw new SparseLensError(`The means of ${name} are missing: its nodes cannot be ablated.`);
    const masked = new MaskedModel(model, index, constants);
    const own = prepareSplits(model, splits.task, splits.options);
    const label = labelOf(`model ${(await modelHash(model)).slice(0, 12)}`);
    const outcome = await searchAgain(masked, own, target, budget, { ...options, label });
    const kept = await finishSearch(masked, own, target, budget, outcome, options);
    const counts = countsByLocation(index, kept);
    circuits.push({ model: name, nodes: kept.length, reached: outcome.plain.reached, counts });
  }
  const sizes = circuits.map((one) => one.nodes);
  const [smallest, largest] = [Math.min(...sizes), Math.max(...sizes)];
  const overlap = meanOverPairs(
    circuits.map(({ counts }) => counts),
    countOverlap,
  );
  const spread = (size: number) => index.locations.map(({ width }) => (size * width) / index.count);
  const even =
    circuits.reduce((sum, { nodes: size, counts }) => sum + countOverlap(counts, spread(size)), 0) /
    circuits.length;
  const isStable =
    circuits.every(({ reached }) => reached) &&
    overlap >= STABLE_OVERLAP &&
    largest <= STABLE_SIZES * smallest;
  return {
    name: "training seeds",
    held: models.length === 0 ? null : isStable,
    summary:
      models.length === 0
        ? "no model from another training seed was named"
        : `circuits of ${circuits.length} models have ${sizes.join(", ")} nodes (at most ${STABLE_SIZES} times as many); overlap of their numbers at each location ${overlap.toFixed(3)} (at least ${STABLE_OVERLAP}), with nodes spread evenly ${even.toFixed(3)}`,
    measures: { circuits, locations: index.locations.map(({ name }) => name), overlap, even },
  };
}

function requireShape(index: NodeIndex, model: Model, name: string, finalResid: boolean): void {
  const shape = ({ locations }: NodeIndex) =>
    JSON.stringify(locations.map(({ name, width }) => [name, width]));
  if (shape(new NodeIndex(model.description, { finalResid })) === shape(index)) return;
  throw new SparseLensError(
    `${name} has another shape than the circuit's model: training seeds are compared between models of one shape.`,
  );
}
