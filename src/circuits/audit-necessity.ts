import type { NodeIndex } from "../model/node-index.js";
import { Random } from "../random.js";
import { type AuditCriterion, type Distribution, distributionOf, nats } from "./audit-criterion.js";
import { type AuditScore, type AuditSubject, ablationOf, scoreAblation } from "./audit-subject.js";

/** Task loss that a model without its circuit must have, in nats: chance is ln 2 = 0.693. */
export const NECESSITY_LOSS = 0.5;

export interface NecessityMeasures {
  readonly model: AuditScore;
  /** Only the circuit's nodes are ablated. */
  readonly complement: AuditScore;
  /** As many random nodes at each location are ablated instead: their task losses. */
  readonly random: Distribution;
  readonly randomLosses: readonly number[];
  /** Share of the random sets whose ablation costs at least as much as the circuit's. */
  readonly asHarmful: number;
}

/**
 * The model cannot do without the circuit: with only its nodes ablated the held-out loss is at least NECESSITY_LOSS (paper,
 * Figure 32). Not decided where the model's own loss is that large already. What ablating as many random nodes does stands beside it.
 * @param draws random sets
 */
export async function auditNecessity(
  subject: AuditSubject,
  draws: number,
): Promise<AuditCriterion<"necessity", NecessityMeasures>> {
  const { report, nodes, index, seed } = subject;
  const random = new Random(seed);
  const model = await scoreAblation(subject, report);
  const complement = await scoreAblation(subject, report, ablationOf(subject, nodes));
  const randomLosses: number[] = [];
  for (let draw = 0; draw < draws; draw++) {
    const matched = drawMatchedNodes(index, nodes, random);
    randomLosses.push((await scoreAblation(subject, report, ablationOf(subject, matched))).loss);
  }
  const distribution = distributionOf(randomLosses);
  const asHarmful = randomLosses.filter((loss) => loss >= complement.loss).length / draws;
  return {
    name: "necessity",
    // A model that fails anyway cannot show what it needs.
    held: model.loss >= NECESSITY_LOSS ? null : complement.loss >= NECESSITY_LOSS,
    summary: `held-out task loss without the circuit ${nats(complement.loss)} (at least ${NECESSITY_LOSS}); without random nodes in its place ${nats(distribution.median)} (median of ${draws}), at most ${nats(distribution.maximum)}; of the whole model ${nats(model.loss)}`,
    measures: { model, complement, random: distribution, randomLosses, asHarmful },
  };
}

/**
 * Random nodes, at each location as many as there are of the given ones; they are others, as long as the location has
 * enough of them. Ascending.
 */
export function drawMatchedNodes(
  index: Pick<NodeIndex, "byLocation">,
  nodes: readonly number[],
  random: Random,
): number[] {
  const drawn: number[] = [];
  for (const [{ width, offset }, channels] of index.byLocation(nodes)) {
    const given = new Set(channels);
    const others = Array.from({ length: width }, (_, channel) => channel).filter((one) => !given.has(one));
    const order = [...random.shuffle(others), ...random.shuffle([...channels])];
    drawn.push(...order.slice(0, channels.length).map((channel) => offset + channel));
  }
  return drawn.sort((a, b) => a - b);
}
