import { scoreCandidates } from "../tasks/score.js";
import { type AuditCriterion, nats } from "./audit-criterion.js";
import type { AuditScore, AuditSubject } from "./audit-subject.js";
import { BINARIZATION_DEFAULTS, type BinarizationSettings, binarize } from "./binarize.js";
import type { MaskedModel } from "./masked-model.js";

export interface BinarizationMeasures {
  /** The circuit's nodes with all of their edges. */
  readonly circuit: AuditScore;
  /** Each node a step of two values, as first set. */
  readonly initial: AuditScore;
  /** The same after training. */
  readonly trained: AuditScore;
  readonly nodes: readonly {
    readonly node: string;
    readonly left: number;
    readonly right: number;
    readonly threshold: number;
  }[];
  readonly settings: BinarizationSettings;
}

/**
 * The circuit's nodes say yes or no: with each activation replaced by one of two values, trained on the train split, the
 * held-out loss is within the target (paper, appendix C). Edges that were pruned play no part.
 */
export async function auditBinarization(
  { index, nodes, splits, report, target, seed, signal }: AuditSubject,
  masked: MaskedModel,
  settings: Partial<BinarizationSettings> = {},
  onStep?: (done: number, total: number) => void,
): Promise<AuditCriterion<"binarisation", BinarizationMeasures>> {
  const chosen = { ...BINARIZATION_DEFAULTS, seed, ...settings };
  const { initial, trained } = await binarize(masked, splits.train, nodes, chosen, { signal, onStep });
  const masks = [masked.masksOf(nodes)];
  const score = async (binarized?: typeof trained): Promise<AuditScore> => {
    const [logits] = await masked.evaluate(report, masks, { binarized, signal });
    const { loss, accuracy } = scoreCandidates(logits);
    return { loss, accuracy };
  };
  const measures: BinarizationMeasures = {
    ...{ circuit: await score(), initial: await score(initial), trained: await score(trained) },
    nodes: nodes.map((node, i) => ({
      ...{ node: index.nameOf(node), left: trained.left[i], right: trained.right[i] },
      threshold: trained.threshold[i],
    })),
    settings: chosen,
  };
  return {
    name: "binarisation",
    held: measures.trained.loss <= target,
    summary: `held-out task loss of the circuit with each node one of two values ${nats(measures.trained.loss)} (at most ${target}), before they were trained ${nats(measures.initial.loss)}; with activations as they are ${nats(measures.circuit.loss)}`,
    measures,
  };
}
