import { SparseLensError } from "../errors.js";
import type { NodeAblation } from "../model/ablation.js";
import { NodeIndex } from "../model/node-index.js";
import type { Model } from "../model.js";
import type { TaskBatch } from "../tasks/batch.js";
import { candidateLogits } from "../tasks/evaluate.js";
import { scoreCandidates } from "../tasks/score.js";
import { type Task, TEMPLATE_SETS, type TemplateSet } from "../tasks/task.js";
import { type Ablation, type Circuit, nodesOf, requireModel } from "./circuit.js";
import { ablatedChannels, circuitAblation } from "./circuit-ablation.js";
import type { Means } from "./means.js";
import { modelHash } from "./model-identity.js";
import { prepareSplits, type SplitOptions, type TaskSplits } from "./task-splits.js";

/** Task loss that circuits without a target are held to, in nats (paper, A.5). */
export const DEFAULT_TARGET = 0.15;

export interface AuditSubjectOptions {
  readonly model: Model;
  readonly circuit: Circuit;
  readonly task: Task;
  /** For mean ablation; null: what needs them is not measured. */
  readonly means: Means | null;
  /** Token sequences that resampled values come from, as long as the model's block size; null: nothing is resampled. */
  readonly resampleFrom: readonly ArrayLike<number>[] | null;
  readonly splits?: Partial<SplitOptions>;
  /** Of whatever is drawn. */
  readonly seed?: number;
  readonly signal?: AbortSignal;
  /** What the circuit is called in messages. */
  readonly location?: string;
}

/** How well something does the task on some prompts. */
export interface AuditScore {
  /** Task loss in nats. */
  readonly loss: number;
  /** Share of prompts. */
  readonly accuracy: number;
}

/** A circuit with all that its criteria are measured with. */
export interface AuditSubject {
  readonly model: Model;
  readonly circuit: Circuit;
  readonly index: NodeIndex;
  /** Of the circuit, by their numbers in `index`, ascending. */
  readonly nodes: readonly number[];
  /** All others. */
  readonly others: readonly number[];
  /** In nats: the circuit's own, or DEFAULT_TARGET. */
  readonly target: number;
  readonly means: Means | null;
  readonly resampleFrom: readonly ArrayLike<number>[] | null;
  readonly splits: TaskSplits;
  readonly train: TaskBatch;
  /** Held-out prompts: the report split, which nothing was chosen by. */
  readonly report: TaskBatch;
  readonly seed: number;
  readonly signal?: AbortSignal;
  /** How the circuit is run: everything else ablated, as it was found. */
  readonly ablation: NodeAblation;
}

/**
 * @throws SparseLensError for a circuit of another model, a task that is not the circuit's or that the model's tokens
 * cannot express, or means (for resampled circuits: sequences) that are missing
 */
export async function prepareAudit(options: AuditSubjectOptions): Promise<AuditSubject> {
  const { model, circuit, task, means, resampleFrom, seed = 0, signal, location = "The circuit" } = options;
  const { config, source } = model;
  requireModel(circuit, { config, source, sha256: await modelHash(model) }, location);
  if (circuit.task.name !== task.name) {
    throw new SparseLensError(`${location} is of the task ${circuit.task.name}, not of ${task.name}.`);
  }
  const { templates } = circuit.task;
  if (!TEMPLATE_SETS.includes(templates as TemplateSet)) {
    throw new SparseLensError(`${location} was found with templates that are not known here: ${templates}.`);
  }
  if (circuit.ablation === "resample" && !resampleFrom) {
    throw new SparseLensError(
      `${location} was found by resampling: its audit needs a corpus that values come from.`,
    );
  }
  const splits = prepareSplits(model, task, { ...options.splits, templates: templates as TemplateSet });
  const index = new NodeIndex(model.description, { finalResid: circuit.final_resid });
  const nodes = nodesOf(circuit, index, location).sort((a, b) => a - b);
  const isNode = new Set(nodes);
  return {
    ...{ model, circuit, index, nodes, means, resampleFrom, seed, signal },
    others: Array.from({ length: index.count }, (_, node) => node).filter((node) => !isNode.has(node)),
    target: circuit.target_loss ?? DEFAULT_TARGET,
    ...{ splits, train: splits.train, report: splits.report() },
    ablation: await circuitAblation(model, circuit, {
      ...{ means, seed, resampleFrom: resampleFrom ?? undefined },
    }),
  };
}

/** How well a model does the task with an ablation, or as it is. */
export async function scoreAblation(
  { model, signal }: AuditSubject,
  batch: TaskBatch,
  ablation?: NodeAblation,
): Promise<AuditScore> {
  const { loss, accuracy } = scoreCandidates(await candidateLogits(model, batch, { ablation, signal }));
  return { loss, accuracy };
}

/** Some nodes are ablated, in the circuit's own way unless said otherwise, and nothing else. */
export function ablationOf(
  { circuit, index, means, resampleFrom, seed }: AuditSubject,
  nodes: Iterable<number>,
  ablation: Ablation = circuit.ablation,
): NodeAblation {
  const channels = ablatedChannels(index, nodes, ablation, means);
  return { channels, seed, resampleFrom: resampleFrom ?? undefined };
}
