import { Random } from "../random.js";
import { promptOf, type TaskBatch } from "../tasks/batch.js";
import type { Tensor } from "../tensor.js";
import type { AuditCriterion } from "./audit-criterion.js";
import { drawMatchedNodes } from "./audit-necessity.js";
import type { AuditSubject } from "./audit-subject.js";
import { exchange } from "./exchange.js";

/** Share of the difference between the sides that the circuit's nodes together must carry. */
export const INTERCHANGE_SHARE = 0.5;

export interface InterchangeMeasures {
  readonly pairs: number;
  /** Pairs whose prompts have equally many tokens; of others, only what is behind their last difference is exchanged. */
  readonly aligned: number;
  /** Share of the difference that all nodes of the circuit carry together. */
  readonly circuit: number;
  /** As many random nodes at each location, together. */
  readonly random: number;
  /** Each node of the circuit alone, in their order. */
  readonly nodes: readonly { readonly node: string; readonly share: number }[];
}

/**
 * The circuit carries what decides the answer: in the whole model, its nodes take the values that they have in the other
 * prompt of a pair. With m the logit of the first answer minus that of the second, m' after the exchange, and the
 * difference of a pair D = m(first) − m(second), the share carried is the sum of (m − m')(first) + (m' − m)(second) over
 * pairs, divided by the sum of 2 D: 0 where nothing changes, 1 where the sides change places.
 * @param pairs held-out pairs, at most
 */
export async function auditInterchange(
  subject: AuditSubject,
  pairs: number,
): Promise<AuditCriterion<"interchange", InterchangeMeasures>> {
  const { model, index, nodes, report, seed, signal } = subject;
  const count = Math.min(pairs, report.count);
  const sequences = Array.from({ length: 2 * count }, (_, i) => promptOf(report, i));
  const points = index.locations.map(({ name }) => name);
  const before = await model.forward(sequences, { record: points, logits: "last", signal });
  const margins = before.logits.map((logits, i) => marginOf(report, i, logits));
  const total = margins.reduce((sum, margin, i) => sum + (i % 2 === 0 ? 2 : -2) * margin, 0);
  const shareOf = async (exchanged: readonly number[]) => {
    const channels = new Map([...index.byLocation(exchanged)].map(([{ name }, list]) => [name, list]));
    const interventions = exchange(channels, sequences, before.activations);
    const after = await model.forward(sequences, { interventions, logits: "last", signal });
    const moved = after.logits.reduce((sum, logits, i) => {
      const change = margins[i] - marginOf(report, i, logits);
      return sum + (i % 2 === 0 ? change : -change);
    }, 0);
    return moved / total;
  };
  const each: { node: string; share: number }[] = [];
  for (const node of nodes) each.push({ node: index.nameOf(node), share: await shareOf([node]) });
  const circuit = await shareOf(nodes);
  const random = await shareOf(drawMatchedNodes(index, nodes, new Random(seed + 2)));
  const largest = each.reduce((a, b) => (b.share > a.share ? b : a), { node: "none", share: 0 });
  return {
    name: "interchange",
    held: circuit >= INTERCHANGE_SHARE,
    summary: `share of the difference between the sides of a pair that the circuit's nodes carry ${circuit.toFixed(3)} (at least ${INTERCHANGE_SHARE}), as many random nodes ${random.toFixed(3)}; the largest of a single node ${largest.share.toFixed(3)} (${largest.node})`,
    measures: {
      pairs: count,
      aligned: report.aligned.subarray(0, count).reduce((sum, aligned) => sum + aligned, 0),
      ...{ circuit, random, nodes: each },
    },
  };
}

/** Logit of the first answer minus that of the second behind a prompt of a batch. */
function marginOf({ candidates }: TaskBatch, prompt: number, { data }: Tensor): number {
  const [right, wrong] = [data[candidates[2 * prompt]], data[candidates[2 * prompt + 1]]];
  return prompt % 2 === 0 ? right - wrong : wrong - right;
}
