import { type AuditCriterion, nats } from "./audit-criterion.js";
import { type AuditScore, type AuditSubject, ablationOf, scoreAblation } from "./audit-subject.js";
import { ABLATIONS, type Ablation } from "./circuit.js";
import { circuitAblation } from "./circuit-ablation.js";

/** One way to ablate. null: not measured, for want of means or of a corpus. */
export interface AblationScores {
  readonly circuit: AuditScore;
  readonly complement: AuditScore;
}

export type AblationMeasures = Readonly<Record<Ablation, AblationScores | null>>;

/**
 * The circuit does not live on one way to ablate: its held-out loss is within the target whatever takes the place of
 * everything else (SPEC, section 7: zero ablation finds smaller circuits than mean ablation).
 */
export async function auditAblations(
  subject: AuditSubject,
): Promise<AuditCriterion<"ablations", AblationMeasures>> {
  const { circuit, target } = subject;
  const measures: Record<Ablation, AblationScores | null> = { mean: null, zero: null, resample: null };
  for (const ablation of ABLATIONS) {
    if (isPossible(subject, ablation)) measures[ablation] = await scoresOf(subject, ablation);
  }
  const parts = ABLATIONS.map((ablation) => {
    const scores = measures[ablation];
    return `${ablation} ${scores ? nats(scores.circuit.loss) : "not measured"}`;
  });
  const measured = ABLATIONS.flatMap((ablation) => measures[ablation]?.circuit.loss ?? []);
  const isWithin = measured.every((loss) => loss <= target);
  return {
    name: "ablations",
    held: isWithin && measured.length < ABLATIONS.length ? null : isWithin,
    summary: `held-out task loss of the circuit, found by ${circuit.ablation} ablation, by way to ablate: ${parts.join(", ")} (each at most ${target})`,
    measures,
  };
}

function isPossible({ circuit, means, resampleFrom }: AuditSubject, ablation: Ablation): boolean {
  if (ablation === "zero") return true;
  if (ablation === "mean") return means !== null;
  // What pruned edges carried has nothing but a mean to take its place.
  return resampleFrom !== null && (circuit.edges_are === "all" || means !== null);
}

async function scoresOf(subject: AuditSubject, ablation: Ablation): Promise<AblationScores> {
  const { model, circuit, means, seed, report, nodes } = subject;
  const resampleFrom = subject.resampleFrom ?? undefined;
  const alone = await circuitAblation(model, circuit, { ablation, means, seed, resampleFrom });
  return {
    circuit: await scoreAblation(subject, report, alone),
    complement: await scoreAblation(subject, report, ablationOf(subject, nodes, ablation)),
  };
}
