import type { Model } from "../model.js";
import type { AuditCriterion } from "./audit-criterion.js";
import {
  type AuditSearchOptions,
  type SearchBudget,
  type SearchOutcome,
  searchAgain,
  searchConstants,
} from "./audit-search.js";
import type { AuditSubject } from "./audit-subject.js";
import { MaskedModel } from "./masked-model.js";
import { computeMeans } from "./means.js";
import { modelHash } from "./model-identity.js";
import { nonsenseTask } from "./nonsense-task.js";

/** By how many times the circuit must be smaller than what the same search finds where there is nothing to find. */
export const CONTROL_FACTOR = 4;

export interface ControlMeasures {
  /** Trainings of masks in each search. */
  readonly trials: number;
  /** The same search for the circuit's own task, in the trained model. */
  readonly task: Omit<SearchOutcome, "nodes">;
  /** For a meaningless task in the trained model; null: its prompts give none. */
  readonly nonsense:
    | (Omit<SearchOutcome, "nodes"> & {
        /** Tokens behind prompts with one of the words, and behind the others. */
        readonly candidates: readonly [string, string];
        readonly words: readonly string[];
      })
    | null;
  /** For the task in a model with random weights on the trained sparsity pattern; null: there is none, or no means of it. */
  readonly random: Omit<SearchOutcome, "nodes"> | null;
}

export interface ControlOptions extends Omit<AuditSearchOptions, "label"> {
  readonly budget: SearchBudget;
  /** The model with random weights; it is disposed of. null: there is none. */
  readonly randomModel: (() => Promise<Model>) | null;
  /** Sequences that its means are taken over; null: there are none. */
  readonly meansFrom: readonly ArrayLike<number>[] | null;
  /** Label of the trials of a control. */
  readonly labelOf: (control: string) => string;
}

/**
 * Pruning does not find as small a circuit where there is nothing to find: the same search, calibrated alike, needs at
 * least CONTROL_FACTOR times the nodes, or misses the target, for a meaningless task and in a model with random weights
 * (SPEC, section 7). All sizes are those after bisection.
 * @param task the same search for the circuit's task
 */
export async function auditControls(
  subject: AuditSubject,
  masked: MaskedModel,
  task: SearchOutcome,
  options: ControlOptions,
): Promise<AuditCriterion<"controls", ControlMeasures>> {
  const { target, splits, model, seed, signal } = subject;
  const { budget, labelOf } = options;
  const nonsense = await nonsenseTask(model, splits, { seed, signal });
  const text = (token: number) => model.tokenizer!.decode([token], { skipSpecialTokens: false });
  const measures: ControlMeasures = {
    trials: budget.trials,
    task: brief(task),
    nonsense: nonsense && {
      ...brief(
        await searchAgain(masked, nonsense.splits, target, budget, {
          ...{ ...options, label: labelOf(`meaningless task ${nonsense.candidates.join(" or ")}`), signal },
        }),
      ),
      candidates: [text(nonsense.candidates[0]), text(nonsense.candidates[1])],
      words: nonsense.words.map(text),
    },
    random: await searchRandomModel(subject, options),
  };
  const controls = [measures.nonsense, measures.random];
  const isPassed = (control: Omit<SearchOutcome, "nodes">) =>
    (["plain", "calibrated"] as const).every(
      (how) => !control[how].reached || CONTROL_FACTOR * measures.task[how].nodes <= control[how].nodes,
    );
  const measured = controls.filter((control) => control !== null);
  const isHeld = measured.every(isPassed);
  const sizes = (one: Omit<SearchOutcome, "nodes"> | null) =>
    one ? `${sizeText(one.plain)} (calibrated: ${sizeText(one.calibrated)})` : "nothing, not measured,";
  return {
    name: "controls",
    held: !isTelling(measures) || (isHeld && measured.length < controls.length) ? null : isHeld,
    summary: `the same search finds ${sizes(measures.task)} for the task, ${sizes(measures.nonsense)} for a meaningless one, ${sizes(measures.random)} with random weights (at least ${CONTROL_FACTOR} times as many, or no circuit)`,
    measures,
  };
}

/** Where the search misses the target for the task itself, or needs no node, sizes say nothing. */
function isTelling({ task: { plain, calibrated } }: ControlMeasures): boolean {
  return plain.reached && calibrated.reached && plain.nodes > 0 && calibrated.nodes > 0;
}

function sizeText({ nodes, reached }: SearchOutcome["plain"]): string {
  return reached ? `${nodes} nodes` : "no circuit";
}

function brief({ plain, calibrated }: SearchOutcome): Omit<SearchOutcome, "nodes"> {
  return { plain, calibrated };
}

async function searchRandomModel(
  { index, circuit, target, splits, signal }: AuditSubject,
  options: ControlOptions,
): Promise<Omit<SearchOutcome, "nodes"> | null> {
  const { randomModel, meansFrom, budget, labelOf } = options;
  if (!randomModel || (circuit.ablation !== "zero" && !meansFrom)) return null;
  const model = await randomModel();
  try {
    const means =
      circuit.ablation === "zero"
        ? null
        : await computeMeans(model, meansFrom!, { source: "random weights", sha256: null }, { signal });
    const masked = new MaskedModel(model, index, searchConstants(index, circuit.ablation, means)!);
    const label = labelOf(`random weights ${(await modelHash(model)).slice(0, 12)}`);
    return brief(await searchAgain(masked, splits, target, budget, { ...options, label, signal }));
  } finally {
    await model.dispose();
  }
}
