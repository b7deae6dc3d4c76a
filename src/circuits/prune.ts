import { NodeIndex } from "../model/node-index.js";
import type { Model } from "../model.js";
import type { Task } from "../tasks/task.js";
import { assembleCircuit } from "./assemble.js";
import type { Ablation } from "./circuit.js";
import { writeCircuitFile } from "./circuit-file.js";
import { edgeConstants } from "./edge-edits.js";
import { edgeCircuit } from "./edge-pruning.js";
import { bestTrial, type PrunePlan, searchMasks } from "./mask-search.js";
import { MaskedModel, type MaskedOptions } from "./masked-model.js";
import { ablationConstants, type Means } from "./means.js";
import { modelHash } from "./model-identity.js";
import { type PruneResult, readResults, writeResults } from "./prune-results.js";
import { removeEdges, removeNodes } from "./removal.js";
import { prepareSplits, SPLIT_DEFAULTS, type SplitOptions, type TaskSplits } from "./task-splits.js";
import { type MaskTrial, TrialsDirectory } from "./trials.js";

export interface PruneOptions {
  /** The same model several times, each with threads of its own: so many trials run at a time. */
  readonly models: readonly Model[];
  /** What it is called in circuits. */
  readonly name: string;
  readonly tasks: readonly Task[];
  /** Task losses to reach, in nats. */
  readonly targets: readonly number[];
  readonly plan: PrunePlan;
  readonly ablation: Exclude<Ablation, "resample">;
  /** For mean ablation. */
  readonly means: Means | null;
  readonly finalResid?: boolean;
  readonly splits?: Partial<SplitOptions>;
  /** Remove nodes that no longer matter, and edges. Default: both. */
  readonly removal?: { readonly nodes: boolean; readonly edges: boolean };
  /** Trials and circuits accumulate here; a search that was killed goes on. */
  readonly directory: string;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: PruneEvent) => void;
}

export type PruneEvent =
  | { readonly type: "task"; readonly task: string; readonly number: number; readonly tasks: number }
  | {
      readonly type: "progress";
      readonly task: string;
      readonly what: string;
      readonly done: number;
      readonly total: number;
    }
  | {
      readonly type: "trial";
      readonly trial: MaskTrial;
      readonly isNew: boolean;
      readonly number: number;
      readonly trials: number;
    }
  | { readonly type: "circuit"; readonly result: PruneResult }
  | { readonly type: "refused"; readonly task: string; readonly reason: string };

/**
 * Finds the smallest circuits for tasks: masks are trained (on train), their discretised circuits compared (on select), the
 * smallest that reaches the target rid of what no longer matters, and measured (report is read once, then). What comes
 * out depends on the options alone, not on how many run at a time, nor on whether a search was interrupted.
 */
export async function prune(options: PruneOptions): Promise<PruneResult[]> {
  const { models, name, tasks, ablation, means, finalResid = false, splits, onEvent, signal } = options;
  const description = {
    model: { name, sha256: await modelHash(models[0]) },
    ...{ ablation, means: means?.reference ?? null, final_resid: finalResid },
    splits: { ...SPLIT_DEFAULTS, ...splits },
  };
  const directory = await TrialsDirectory.open(options.directory, description);
  try {
    const index = new NodeIndex(models[0].description, { finalResid });
    const constants = ablationConstants(index, ablation, means);
    const masked = models.map((model) => new MaskedModel(model, index, constants));
    const known = await readResults(directory);
    const results: PruneResult[] = [];
    for (const [i, task] of tasks.entries()) {
      signal?.throwIfAborted();
      onEvent?.({ type: "task", task: task.name, number: i + 1, tasks: tasks.length });
      let prepared: TaskSplits;
      try {
        prepared = prepareSplits(models[0], task, splits);
      } catch (error) {
        if (tasks.length === 1 || !(error instanceof Error) || error.name !== "SparseLensError") throw error;
        onEvent?.({ type: "refused", task: task.name, reason: error.message });
        continue;
      }
      const trials = await searchMasks(masked, prepared, {
        ...{ plan: options.plan, targets: options.targets, store: directory, signal },
        onStep: (done, total) =>
          onEvent?.({ type: "progress", task: task.name, what: "training masks", done, total }),
        onTrial: (trial, isNew, number, trials) => onEvent?.({ type: "trial", trial, isNew, number, trials }),
      });
      for (const target of options.targets) {
        const result = await writeBest(masked[0], prepared, trials, target, directory, options, known);
        results.push(result);
        await writeResults(directory, known, results);
        onEvent?.({ type: "circuit", result });
      }
    }
    return results;
  } finally {
    await directory.close();
  }
}

/** The smallest circuit among trials, rid of what its target does not need, measured, and written. */
async function writeBest(
  masked: MaskedModel,
  splits: TaskSplits,
  trials: readonly MaskTrial[],
  target: number,
  { files, path }: TrialsDirectory,
  options: PruneOptions,
  known: readonly PruneResult[],
): Promise<PruneResult> {
  const { ablation, means, name, signal, onEvent, removal = { nodes: true, edges: true } } = options;
  const task = splits.task.name;
  const { trial, outcome } = bestTrial(trials, target);
  const directory = files.join(path, "circuits");
  const base = files.join(directory, `${task}-${target}`);
  const isPruned = removal.edges && outcome.reached;
  const written = [`${base}.json`, ...(isPruned ? [`${base}-edges.json`] : [])];
  const chosen = { settings: trial.settings, k: outcome.k, trials: trials.length, removal };
  const before = known.find((one) => one.task === task && one.target === target);
  if (before && JSON.stringify(before.chosen) === JSON.stringify(chosen)) {
    const kinds = await Promise.all(written.map((file) => files.kind(file)));
    if (kinds.every((kind) => kind === "file")) return { ...before, files: written };
  }
  const during = (what: string): MaskedOptions => ({
    signal,
    onStep: (done, total) => onEvent?.({ type: "progress", task, what, done, total }),
  });
  const steps = ["bisection"];
  const order = trial.order.slice(0, outcome.k);
  const removed =
    removal.nodes && outcome.reached
      ? await removeNodes(masked, splits.select, order, target, during("removing nodes"))
      : null;
  if (removed) steps.push("node removal");
  const nodes = removed?.kept ?? order;
  const constants = edgeConstants(masked.index, ablation, means);
  // Everything is chosen before the report split is read.
  const edges = isPruned
    ? await removeEdges(masked, splits.select, nodes, target, constants, during("removing edges"))
    : null;
  const found = {
    ...{ method: "masks", settings: { ...trial.settings }, steps, candidates: trials.length },
  };
  const circuit = await assembleCircuit(masked, splits, nodes, {
    ...{ name, target, ablation, means: ablation === "mean" ? (means?.reference ?? null) : null, found },
    ...{ scores: removed?.scores, report: true, ...during("scoring nodes") },
  });
  await files.makeDirectory(directory);
  await writeCircuitFile(written[0], circuit);
  const pruned = edges && (await edgeCircuit(masked, splits, circuit, edges, constants, during("measuring")));
  if (pruned) await writeCircuitFile(written[1], pruned);
  return {
    ...{ task, target, reached: outcome.reached, nodes: circuit.nodes.length, edges: circuit.edges.length },
    ...{ pruned_edges: pruned?.edges.length ?? null, losses: circuit.losses },
    ...{ pruned_losses: pruned?.losses ?? null, trials: trials.length, chosen, files: written },
  };
}
