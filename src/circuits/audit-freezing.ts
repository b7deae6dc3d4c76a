import { type AuditCriterion, nats } from "./audit-criterion.js";
import { type AuditScore, type AuditSubject, scoreAblation } from "./audit-subject.js";

/** What of the run without ablation stays: norm scales, AbsTopK supports, both, or nothing. */
export interface FreezingMeasures {
  readonly free: AuditScore;
  readonly frozenNorms: AuditScore;
  readonly frozenSupports: AuditScore;
  readonly frozenBoth: AuditScore;
}

/**
 * The circuit does not live on the shift of norms and AbsTopK that ablation brings: its held-out loss is within the target
 * with either frozen, and with both (SPEC, section 7: norm statistics that move with the mask flatter the result).
 */
export async function auditFreezing(
  subject: AuditSubject,
): Promise<AuditCriterion<"freezing", FreezingMeasures>> {
  const { report, target, ablation } = subject;
  const score = (frozenNorms: boolean, frozenSupports: boolean) =>
    scoreAblation(subject, report, { ...ablation, frozenNorms, frozenSupports });
  const measures: FreezingMeasures = {
    free: await score(false, false),
    frozenNorms: await score(true, false),
    frozenSupports: await score(false, true),
    frozenBoth: await score(true, true),
  };
  const { free, frozenNorms, frozenSupports, frozenBoth } = measures;
  return {
    name: "freezing",
    held: [frozenNorms, frozenSupports, frozenBoth].every(({ loss }) => loss <= target),
    summary: `held-out task loss of the circuit with frozen norm scales ${nats(frozenNorms.loss)}, frozen supports ${nats(frozenSupports.loss)}, both ${nats(frozenBoth.loss)} (each at most ${target}); with neither ${nats(free.loss)}`,
    measures,
  };
}
