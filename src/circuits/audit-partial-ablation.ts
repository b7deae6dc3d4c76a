import { Random } from "../random.js";
import { type AuditCriterion, type Distribution, distributionOf, nats } from "./audit-criterion.js";
import { type AuditSubject, ablationOf, scoreAblation } from "./audit-subject.js";

export interface PartialAblationDraw {
  /** Share of the other nodes that were ablated. */
  readonly share: number;
  readonly loss: number;
}

export interface PartialAblationMeasures {
  /** Task loss with nothing ablated: the one end of all draws. */
  readonly model: number;
  /** With everything else ablated: the other end. */
  readonly circuit: number;
  readonly losses: Distribution;
  readonly worst: PartialAblationDraw;
  readonly draws: readonly PartialAblationDraw[];
}

/**
 * It makes no difference to the task which of the other nodes are ablated: of many random subsets, each of a share drawn
 * evenly from 0 to 1, even the worst leaves a held-out loss within the larger of the target and the model's own loss, to
 * which draws come near as their share falls. Edges that were pruned stay ablated.
 * @param count draws
 */
export async function auditPartialAblation(
  subject: AuditSubject,
  count: number,
): Promise<AuditCriterion<"partial ablation", PartialAblationMeasures>> {
  const { report, others, seed, target, ablation } = subject;
  // Apart from those of the other criteria.
  const random = new Random(seed + 1);
  const draws: PartialAblationDraw[] = [];
  for (let draw = 0; draw < count; draw++) {
    const share = random.next();
    const subset = others.filter(() => random.chance(share));
    const partly = { ...ablation, channels: ablationOf(subject, subset).channels };
    const { loss } = await scoreAblation(subject, report, partly);
    draws.push({ share: others.length === 0 ? 0 : subset.length / others.length, loss });
  }
  const { loss: model } = await scoreAblation(subject, report);
  const { loss: circuit } = await scoreAblation(subject, report, ablation);
  const worst = draws.reduce((a, b) => (b.loss > a.loss ? b : a));
  const losses = distributionOf(draws.map(({ loss }) => loss));
  const limit = Math.max(target, model);
  return {
    name: "partial ablation",
    held: worst.loss <= limit,
    summary: `held-out task loss with a random part of everything else ablated at worst ${nats(worst.loss)} (at most ${limit === target ? target : `the model's ${nats(model)}`}; ${(100 * worst.share).toFixed(0)} % ablated), median ${nats(losses.median)} of ${count}`,
    measures: { model, circuit, losses, worst, draws },
  };
}
