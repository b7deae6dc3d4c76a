import { SparseLensError } from "../errors.js";
import { auditAblations } from "./audit-ablations.js";
import type { AuditCriterion } from "./audit-criterion.js";
import { auditFreezing } from "./audit-freezing.js";
import { auditInterchange } from "./audit-interchange.js";
import { auditNecessity } from "./audit-necessity.js";
import { auditPartialAblation } from "./audit-partial-ablation.js";
import { type AuditSubjectOptions, prepareAudit } from "./audit-subject.js";
import { auditSufficiency } from "./audit-sufficiency.js";
import type { Circuit } from "./circuit.js";

export interface AuditOptions extends AuditSubjectOptions {
  /** Random node sets, and random subsets of everything else. Default: 64 of each. */
  readonly draws?: number;
  /** Pairs between whose sides nodes are exchanged, at most. Default: 64. */
  readonly interchangePairs?: number;
  readonly onCriterion?: (name: string, number: number, criteria: number) => void;
}

/** Measures of each criterion, in a fixed order. */
export type AuditCriteria = readonly [
  Awaited<ReturnType<typeof auditSufficiency>>,
  Awaited<ReturnType<typeof auditAblations>>,
  Awaited<ReturnType<typeof auditFreezing>>,
  Awaited<ReturnType<typeof auditNecessity>>,
  Awaited<ReturnType<typeof auditPartialAblation>>,
  Awaited<ReturnType<typeof auditInterchange>>,
];

/** What an audit found; its keys are those of the file. */
export interface Audit {
  readonly format: "sparselens-audit";
  readonly format_version: 1;
  readonly model: Circuit["model"];
  readonly task: Circuit["task"];
  /** Task loss in nats that the circuit was held to. */
  readonly target_loss: number;
  readonly ablation: Circuit["ablation"];
  readonly nodes: number;
  readonly edges: number;
  /** Pairs of held-out prompts, and of those that masks were trained on. */
  readonly pairs: { readonly train: number; readonly report: number };
  /** Of whatever was drawn. */
  readonly seed: number;
  readonly criteria: AuditCriteria;
}

/**
 * Asks of a circuit what a sceptic would ask (SPEC, section 7). The result depends on the options alone.
 * @throws SparseLensError as prepareAudit does, and for fewer than one draw or pair
 */
export async function auditCircuit(options: AuditOptions): Promise<Audit> {
  const { draws = 64, interchangePairs = 64, onCriterion } = options;
  for (const [name, count] of Object.entries({ draws, interchangePairs })) {
    if (!Number.isInteger(count) || count < 1) {
      throw new SparseLensError(`${name} must be an integer from 1, not ${count}.`);
    }
  }
  const subject = await prepareAudit(options);
  let number = 0;
  const next = <C extends AuditCriterion>(name: C["name"], measure: () => Promise<C>): Promise<C> => {
    subject.signal?.throwIfAborted();
    onCriterion?.(name, ++number, 6);
    return measure();
  };
  const criteria: AuditCriteria = [
    await next("sufficiency", () => auditSufficiency(subject)),
    await next("ablations", () => auditAblations(subject)),
    await next("freezing", () => auditFreezing(subject)),
    await next("necessity", () => auditNecessity(subject, draws)),
    await next("partial ablation", () => auditPartialAblation(subject, draws)),
    await next("interchange", () => auditInterchange(subject, interchangePairs)),
  ];
  const { circuit, target, train, report, seed } = subject;
  return {
    ...{ format: "sparselens-audit", format_version: 1, model: circuit.model, task: circuit.task },
    ...{ target_loss: target, ablation: circuit.ablation },
    ...{ nodes: circuit.nodes.length, edges: circuit.edges.length },
    ...{ pairs: { train: train.count, report: report.count }, seed, criteria },
  };
}
