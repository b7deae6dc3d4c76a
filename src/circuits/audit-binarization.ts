import type { TaskBatch } from "../tasks/batch.js";
import { scoreCandidates } from "../tasks/score.js";
import { type AuditCriterion, nats } from "./audit-criterion.js";
import type { AuditScore, AuditSubject } from "./audit-subject.js";
import { BINARIZATION_DEFAULTS, type BinarizationSettings, binarize } from "./binarize.js";
import type { BinarizedNodes } from "./binarized-memory.js";
import type { MaskedModel } from "./masked-model.js";

export interface BinarizationMeasures {
  /** The circuit's nodes with all of their edges. */
  readonly circuit: AuditScore;
  /** Each node a step of two values, as first set. */
  readonly initial: AuditScore;
  /** The same after training. */
  readonly trained: AuditScore;
  /** Which of the two does better on the select split: that is held to the target. */
  readonly chosen: "initial" | "trained";
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
 * held-out loss is within the target (paper, appendix C); where training made it worse on select, as first set. Edges that were pruned play no part.
 */
export async function auditBinarization(
  { index, nodes, splits, report, target, seed, signal }: AuditSubject,
  masked: MaskedModel,
  settings: Partial<BinarizationSettings> = {},
  onStep?: (done: number, total: number) => void,
): Promise<AuditCriterion<"binarisation", BinarizationMeasures>> {
  const used = { ...BINARIZATION_DEFAULTS, seed, ...settings };
  const { initial, trained } = await binarize(masked, splits.train, nodes, used, { signal, onStep });
  const masks = [masked.masksOf(nodes)];
  const score = async (batch: TaskBatch, binarized?: BinarizedNodes): Promise<AuditScore> => {
    const [logits] = await masked.evaluate(batch, masks, { binarized, signal });
    const { loss, accuracy } = scoreCandidates(logits);
    return { loss, accuracy };
  };
  const { select } = splits;
  const isBetter = (await score(select, trained)).loss <= (await score(select, initial)).loss;
  const chosen = isBetter ? "trained" : "initial";
  const steps = { initial, trained }[chosen];
  const measures: BinarizationMeasures = {
    circuit: await score(report),
    ...{ initial: await score(report, initial), trained: await score(report, trained), chosen },
    nodes: nodes.map((node, i) => ({
      ...{ node: index.nameOf(node), left: steps.left[i], right: steps.right[i] },
      threshold: steps.threshold[i],
    })),
    settings: used,
  };
  const other = chosen === "trained" ? "before they were trained" : "after they were trained";
  const rest = measures[chosen === "trained" ? "initial" : "trained"];
  return {
    name: "binarisation",
    held: measures[chosen].loss <= target,
    summary: `held-out task loss of the circuit with each node one of two values ${nats(measures[chosen].loss)} (at most ${target}), ${other} ${nats(rest.loss)}; with activations as they are ${nats(measures.circuit.loss)}`,
    measures,
  };
}
