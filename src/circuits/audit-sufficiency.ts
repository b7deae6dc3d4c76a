import type { TaskBatch } from "../tasks/batch.js";
import { candidateLogits } from "../tasks/evaluate.js";
import { scoreCandidates } from "../tasks/score.js";
import { type AuditCriterion, nats } from "./audit-criterion.js";
import { type AuditScore, type AuditSubject, ablationOf, scoreAblation } from "./audit-subject.js";
import { calibrated } from "./calibration.js";

/** Task loss and accuracy on one split. */
export interface SplitScores {
  readonly pairs: number;
  readonly model: AuditScore;
  readonly circuit: AuditScore;
  /** After the circuit's own calibration; null: it has none. */
  readonly calibrated: AuditScore | null;
  /** Only the circuit's nodes are ablated. */
  readonly complement: AuditScore;
  /** Every node is ablated. */
  readonly empty: AuditScore;
}

export interface SufficiencyMeasures {
  readonly train: SplitScores;
  readonly report: SplitScores;
}

/** The circuit alone does the task: its loss on held-out prompts, uncalibrated, is within its target (SPEC, section 4). */
export async function auditSufficiency(
  subject: AuditSubject,
): Promise<AuditCriterion<"sufficiency", SufficiencyMeasures>> {
  const train = await scoresOf(subject, subject.train);
  const report = await scoresOf(subject, subject.report);
  return {
    name: "sufficiency",
    held: report.circuit.loss <= subject.target,
    summary: `held-out task loss of the circuit ${nats(report.circuit.loss)} (at most ${subject.target}); accuracy ${percent(report.circuit.accuracy)}, the model's ${percent(report.model.accuracy)}`,
    measures: { train, report },
  };
}

async function scoresOf(subject: AuditSubject, batch: TaskBatch): Promise<SplitScores> {
  const { model, circuit, index, nodes, ablation, signal } = subject;
  const logits = await candidateLogits(model, batch, { ablation, signal });
  const brief = (values: ArrayLike<number>): AuditScore => {
    const { loss, accuracy } = scoreCandidates(values);
    return { loss, accuracy };
  };
  const everything = Array.from({ length: index.count }, (_, node) => node);
  return {
    pairs: batch.count,
    model: await scoreAblation(subject, batch),
    circuit: brief(logits),
    calibrated: circuit.calibration && brief(calibrated(logits, circuit.calibration)),
    complement: await scoreAblation(subject, batch, ablationOf(subject, nodes)),
    empty: await scoreAblation(subject, batch, ablationOf(subject, everything)),
  };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
