import { SparseLensError } from "../errors.js";
import type { Model } from "../model.js";
import { hashText } from "../tasks/hash.js";
import { auditAblations } from "./audit-ablations.js";
import { auditBinarization } from "./audit-binarization.js";
import { auditControls, type ControlMeasures } from "./audit-controls.js";
import { type AuditCriterion, notMeasured } from "./audit-criterion.js";
import { auditFreezing } from "./audit-freezing.js";
import { auditInterchange } from "./audit-interchange.js";
import { auditNecessity } from "./audit-necessity.js";
import { auditPartialAblation } from "./audit-partial-ablation.js";
import { budgetOf, finishSearch, maskedSubject, type SearchOutcome, searchAgain } from "./audit-search.js";
import { auditStability, type FurtherSearch, type StabilityMeasures } from "./audit-stability.js";
import { type AuditSubject, type AuditSubjectOptions, prepareAudit } from "./audit-subject.js";
import { auditSufficiency } from "./audit-sufficiency.js";
import { auditTrainingSeeds, type FurtherModel, type TrainingSeedMeasures } from "./audit-training-seeds.js";
import type { Circuit } from "./circuit.js";
import type { MaskedModel } from "./masked-model.js";
import { modelHash } from "./model-identity.js";
import { MemoryTrials, type TrialStore } from "./trials.js";

export interface AuditOptions extends AuditSubjectOptions {
  /** Random node sets, and random subsets of everything else. Default: 64 of each. */
  readonly draws?: number;
  /** Pairs between whose sides nodes are exchanged, at most. Default: 64. */
  readonly interchangePairs?: number;
  /** Further searches with the circuit's own budget, from other seeds. Default: 3; 0: nothing is searched. */
  readonly searches?: number;
  /** Trainings of masks in each search. Default: as many as the circuit was chosen among. */
  readonly trials?: number;
  /** Keeps trainings of masks: those that are there are not done again. Default: only while it runs. */
  readonly store?: TrialStore;
  /** The model with random weights on the trained sparsity pattern: `loadModel` with `shuffleWeights`. It is disposed of. */
  readonly randomModel?: () => Promise<Model>;
  /** Sequences that the means of that model are taken over; needed unless ablation is by zeros. */
  readonly meansFrom?: readonly ArrayLike<number>[] | null;
  /** The same shape from other training seeds. */
  readonly models?: readonly FurtherModel[];
  readonly onCriterion?: (name: string, number: number, criteria: number) => void;
  /** How far a criterion is that takes long. */
  readonly onStep?: (what: string, done: number, total: number) => void;
}

/** Measures of each criterion, in a fixed order. */
export type AuditCriteria = readonly [
  Awaited<ReturnType<typeof auditSufficiency>>,
  Awaited<ReturnType<typeof auditAblations>>,
  Awaited<ReturnType<typeof auditFreezing>>,
  Awaited<ReturnType<typeof auditNecessity>>,
  Awaited<ReturnType<typeof auditPartialAblation>>,
  Awaited<ReturnType<typeof auditInterchange>>,
  AuditCriterion<"binarisation", Awaited<ReturnType<typeof auditBinarization>>["measures"] | null>,
  AuditCriterion<"controls", ControlMeasures | null>,
  AuditCriterion<"stability", StabilityMeasures | null>,
  AuditCriterion<"training seeds", TrainingSeedMeasures | null>,
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
 * @throws SparseLensError as prepareAudit does, and for fewer than one draw, pair or trial
 */
export async function auditCircuit(options: AuditOptions): Promise<Audit> {
  const { draws = 64, interchangePairs = 64, onCriterion, onStep } = options;
  for (const [name, count] of Object.entries({ draws, interchangePairs, trials: options.trials ?? 1 })) {
    if (!Number.isInteger(count) || count < 1) {
      throw new SparseLensError(`${name} must be an integer from 1, not ${count}.`);
    }
  }
  const subject = await prepareAudit(options);
  const masked = maskedSubject(subject);
  const names = [
    ...["sufficiency", "ablations", "freezing", "necessity", "partial ablation", "interchange"],
    ...["binarisation", "controls", "stability", "training seeds"],
  ];
  const next = <C extends AuditCriterion>(name: C["name"], measure: () => C | Promise<C>) => {
    subject.signal?.throwIfAborted();
    onCriterion?.(name, names.indexOf(name) + 1, names.length);
    return measure();
  };
  const direct = [
    await next("sufficiency", () => auditSufficiency(subject)),
    await next("ablations", () => auditAblations(subject)),
    await next("freezing", () => auditFreezing(subject)),
    await next("necessity", () => auditNecessity(subject, draws)),
    await next("partial ablation", () => auditPartialAblation(subject, draws)),
    await next("interchange", () => auditInterchange(subject, interchangePairs)),
    await next<AuditCriteria[6]>("binarisation", () =>
      masked
        ? auditBinarization(subject, masked, {}, (done, total) => onStep?.("binarisation", done, total))
        : notMeasured("binarisation", NO_MEANS),
    ),
  ] as const;
  const criteria: AuditCriteria = [...direct, ...(await auditSearches(subject, masked, options, next))];
  const { circuit, target, train, report, seed } = subject;
  return {
    ...{ format: "sparselens-audit", format_version: 1, model: circuit.model, task: circuit.task },
    ...{ target_loss: target, ablation: circuit.ablation },
    ...{ nodes: circuit.nodes.length, edges: circuit.edges.length },
    ...{ pairs: { train: train.count, report: report.count }, seed, criteria },
  };
}

const NO_MEANS = "the means of the nodes are missing";

type Next = <C extends AuditCriterion>(name: C["name"], measure: () => C | Promise<C>) => C | Promise<C>;

/** The criteria for which the search is done again, with the circuit's own budget. */
async function auditSearches(
  subject: AuditSubject,
  masked: MaskedModel | null,
  options: AuditOptions,
  next: Next,
): Promise<readonly [AuditCriteria[7], AuditCriteria[8], AuditCriteria[9]]> {
  const { searches = 3, store = new MemoryTrials(), randomModel = null, meansFrom = null } = options;
  const { models = [], onStep } = options;
  const { circuit, splits, target, signal } = subject;
  if (!masked || searches < 1) {
    const why = masked ? "nothing was searched" : NO_MEANS;
    return [notMeasured("controls", why), notMeasured("stability", why), notMeasured("training seeds", why)];
  }
  const budget = budgetOf(circuit, options.trials);
  const identity = await modelHash(masked.model);
  // Whatever else a training depends on: other trials in the store are of something else.
  const key = hashText(
    JSON.stringify([
      identity,
      circuit.ablation,
      subject.means?.reference,
      circuit.final_resid,
      splits.options,
    ]),
  ).toString(16);
  const during = (what: string) => ({
    ...{ store, signal, label: `${splits.task.name} (${what}, ${key})` },
    onStep: (done: number, total: number) => onStep?.(what, done, total),
  });
  const first = budget.settings.seed + 1;
  const outcomes: SearchOutcome[] = [];
  const controls = await next("controls", async () => {
    outcomes.push(await searchAgain(masked, splits, target, budget, { ...during("again"), seed: first }));
    return auditControls(subject, masked, outcomes[0], {
      ...{ ...during("control"), budget, randomModel, meansFrom, seed: first },
      labelOf: (control) => during(control).label,
    });
  });
  const stability = await next("stability", async () => {
    for (let seed = first + 1; seed < first + searches; seed++) {
      outcomes.push(await searchAgain(masked, splits, target, budget, { ...during("again"), seed }));
    }
    const further: FurtherSearch[] = [];
    for (const [i, outcome] of outcomes.entries()) {
      const nodes = await finishSearch(masked, splits, target, budget, outcome, during("removing nodes"));
      further.push({ seed: first + i, nodes, reached: outcome.plain.reached });
    }
    return auditStability(subject, further);
  });
  const training = await next("training seeds", () =>
    auditTrainingSeeds(subject, models, budget, {
      ...{ ...during("training seeds"), seed: first },
      labelOf: (search) => during(search).label,
    }),
  );
  return [controls, stability, training];
}
