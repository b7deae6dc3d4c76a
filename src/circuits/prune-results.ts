import { SparseLensError } from "../errors.js";
import { replaceFile } from "../io/replace-file.js";
import type { Circuit } from "./circuit.js";
import { markdownTable } from "./markdown.js";
import type { MaskTrainingSettings } from "./mask-optimizer.js";
import type { TrialsDirectory } from "./trials.js";

/** One task at one target. */
export interface PruneResult {
  readonly task: string;
  readonly target: number;
  /** Whether the select loss reaches it; without, the circuit is the best there was. */
  readonly reached: boolean;
  readonly nodes: number;
  readonly edges: number;
  /** After edge pruning; null: not done. */
  readonly pruned_edges: number | null;
  readonly losses: Circuit["losses"];
  /** Of the circuit with pruned edges; null: not done. */
  readonly pruned_losses: Circuit["losses"] | null;
  /** How many trials it was chosen among. */
  readonly trials: number;
  /** What the circuit was made from: the same once more makes the same. */
  readonly chosen: {
    readonly settings: MaskTrainingSettings;
    readonly k: number;
    readonly trials: number;
    readonly removal: { readonly nodes: boolean; readonly edges: boolean };
  };
  /** Of the circuit, and of that with pruned edges. */
  readonly files: readonly string[];
}

const RESULTS = "results.json";
const TABLE = "results.md";

/** The results that are in a directory. @throws SparseLensError when the file is something else */
export async function readResults({ files, path }: TrialsDirectory): Promise<PruneResult[]> {
  const file = files.join(path, RESULTS);
  if ((await files.kind(file)) !== "file") return [];
  try {
    const { circuits } = JSON.parse(await files.readText(file)) as { circuits: PruneResult[] };
    if (Array.isArray(circuits)) return circuits;
  } catch {}
  throw new SparseLensError(`${file} holds no results of a search for circuits: remove it.`);
}

/** Puts new results in the place of those for the same task and target, in `results.json` and `results.md`. */
export async function writeResults(
  { files, path }: TrialsDirectory,
  before: readonly PruneResult[],
  results: readonly PruneResult[],
): Promise<void> {
  const isSame = (a: PruneResult, b: PruneResult) => a.task === b.task && a.target === b.target;
  const circuits = [...before.filter((one) => !results.some((other) => isSame(one, other))), ...results];
  circuits.sort((a, b) => (a.task < b.task ? -1 : a.task > b.task ? 1 : a.target - b.target));
  await replaceFile(files, files.join(path, RESULTS), `${JSON.stringify({ circuits }, null, 1)}\n`);
  await replaceFile(files, files.join(path, TABLE), formatResults(circuits));
}

const TITLES = [
  ...["task", "target", "", "nodes", "edges", "pruned edges"],
  ...["loss", "calibrated", "pruned: loss", "model", "empty", "complement"],
] as const;

/** The table of results: losses are those of the report split. */
export function resultRows(results: readonly PruneResult[]): { titles: readonly string[]; rows: string[][] } {
  const loss = (value: number | null | undefined) => value?.toFixed(4) ?? "";
  const rows = results.map((result) => {
    const { task, target, reached, nodes, edges, pruned_edges, losses, pruned_losses } = result;
    const { report } = losses;
    return [
      ...[task, String(target), reached ? "" : "not reached", String(nodes), String(edges)],
      ...[pruned_edges === null ? "" : String(pruned_edges), loss(report?.circuit), loss(report?.calibrated)],
      ...[loss(pruned_losses?.report?.circuit), loss(report?.model), loss(report?.empty)],
      loss(report?.complement),
    ];
  });
  return { titles: TITLES, rows };
}

/** Results as Markdown, with the geometric means of the sizes at each target. */
export function formatResults(results: readonly PruneResult[]): string {
  const { titles, rows } = resultRows(results);
  const targets = [...new Set(results.map(({ target }) => target))].sort((a, b) => b - a);
  const means = targets.map((target) => {
    const counted = results.filter((one) => one.target === target && one.reached && !needsNothing(one));
    return [
      String(target),
      String(counted.length),
      geometricMean(counted.map(({ nodes }) => nodes)),
      geometricMean(counted.map(({ edges }) => edges)),
      geometricMean(counted.flatMap(({ pruned_edges }) => pruned_edges ?? [])),
    ];
  });
  return `${[
    "# Circuits",
    "Losses are task losses in nats on the report split; uncalibrated unless said otherwise.",
    markdownTable(titles, rows),
    "Geometric means, over the tasks whose target is reached, and missed by the empty circuit:",
    markdownTable(["target", "tasks", "nodes", "edges", "pruned edges"], means),
  ].join("\n\n")}\n`;
}

/** Without any node the target is reached: the task is no task for circuits. */
function needsNothing({ losses, target }: PruneResult): boolean {
  const { empty } = losses.report ?? losses.select ?? {};
  return empty !== null && empty !== undefined && empty <= target;
}

function geometricMean(sizes: readonly number[]): string {
  if (sizes.length === 0) return "";
  return Math.exp(sizes.reduce((sum, size) => sum + Math.log(size), 0) / sizes.length).toFixed(1);
}
