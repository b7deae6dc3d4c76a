import { type Circuit, nodesOf } from "../circuits/circuit.js";
import { readCircuit } from "../circuits/read-circuit.js";
import { SparseLensError } from "../errors.js";
import { type LocalFiles, requireLocalFiles } from "../io/local-files.js";
import type { ModelConfig } from "../model/config.js";
import { describe } from "../model/description.js";
import { NodeIndex } from "../model/node-index.js";
import { tasks } from "../tasks/registry.js";
import { addressable, uniqueName } from "./names.js";

/** A circuit in a directory, with what belongs to it. */
export interface FoundCircuit {
  /** In addresses: of its path. */
  readonly id: string;
  readonly file: string;
  readonly circuit: Circuit;
  /** File of its audit. */
  readonly audit: string | null;
  /** What it is a control for; of circuits in a directory `controls/WHAT`. */
  readonly control: string | null;
}

interface FoundAudit {
  readonly file: string;
  /** Its path without endings that say what it is. */
  readonly name: string;
  readonly json: Record<string, unknown>;
}

/**
 * Circuits at paths, and below those that are directories (files of circuits, and `viz_data.pt`), and their audits, by what is in the files: others
 * are passed over.
 * @throws SparseLensError for a circuit that is damaged
 */
export async function findCircuits(paths: readonly string[]): Promise<FoundCircuit[]> {
  const files = requireLocalFiles("Looking for circuits");
  const circuits: Omit<FoundCircuit, "audit">[] = [];
  const audits: FoundAudit[] = [];
  const ids = new Set<string>();
  for (const given of paths) {
    const isFile = (await files.kind(given)) === "file";
    const directory = isFile ? files.directoryName(given) : given;
    for (const path of isFile ? [files.baseName(given)] : await files.tree(given)) {
      const file = files.join(directory, path);
      const name = path.replaceAll("\\", "/").replace(/\.[^./]+$/, "");
      const json = path.endsWith(".json") ? await readJson(files, file) : null;
      if (json?.format === "sparselens-audit") {
        audits.push({ file, name: name.replace(/(\.|\/)audit$/, ""), json });
      } else if (json?.format === "sparselens-circuit" || path.endsWith("viz_data.pt")) {
        const id = uniqueName(addressable(name.replace(/\/viz_data$/, "")), ids);
        circuits.push({ id, file, circuit: await readCircuit(file), control: controlOf(name) });
      }
    }
  }
  return circuits.map((found) => ({ ...found, audit: auditOf(found, audits)?.file ?? null }));
}

/**
 * In the order in which they are offered, of which the first is shown: by task as the library lists them, those with an audit first;
 * controls at the end.
 */
export function inOrder(circuits: readonly FoundCircuit[]): FoundCircuit[] {
  const place = ({ circuit, audit, control }: FoundCircuit) => {
    const task = tasks.findIndex(({ name }) => name === circuit.task.name);
    return [control === null ? 0 : 1, task < 0 ? tasks.length : task, audit === null ? 1 : 0];
  };
  return circuits.toSorted((one, other) => {
    const [a, b] = [place(one), place(other)];
    const differing = a.findIndex((part, i) => part !== b[i]);
    return differing < 0 ? 0 : a[differing] - b[differing];
  });
}

/** @throws SparseLensError when a circuit names a node that the model lacks */
export function checkCircuits(circuits: readonly FoundCircuit[], config: ModelConfig): void {
  const description = describe(config);
  for (const { circuit, file } of circuits)
    nodesOf(circuit, new NodeIndex(description, { finalResid: circuit.final_resid }), file);
}

/** The content of a file that may be anything; null when it is no JSON object. */
async function readJson(files: LocalFiles, file: string): Promise<Record<string, unknown> | null> {
  const text = await files.readText(file);
  if (!/^\s*\{/.test(text)) return null;
  try {
    return JSON.parse(text);
  } catch {
    throw new SparseLensError(`${file} is not JSON: it may have been cut off.`);
  }
}

function controlOf(name: string): string | null {
  const [, what] = /(?:^|\/)controls\/(?:([^/]+)\/)?[^/]+$/.exec(name) ?? [null, null];
  if (what === null) return null;
  return what === undefined ? "control" : what.replace(/[-_]/g, " ");
}

/** The audit of the same name, if it says the same of the circuit; else any that does. */
function auditOf(
  { circuit, file }: Omit<FoundCircuit, "audit">,
  audits: readonly FoundAudit[],
): FoundAudit | undefined {
  const fitting = audits.filter(({ json }) => isAuditOf(json, circuit));
  const base = (path: string) =>
    path
      .replaceAll("\\", "/")
      .split("/")
      .at(-1)!
      .replace(/\.json$/, "");
  return fitting.find(({ name }) => base(name) === base(file)) ?? fitting[0];
}

function isAuditOf(json: Record<string, unknown>, circuit: Circuit): boolean {
  const { model, task, nodes, edges, target_loss } = json as Partial<{
    model: { sha256?: unknown };
    task: { name?: unknown };
    nodes: unknown;
    edges: unknown;
    target_loss: unknown;
  }>;
  return (
    (model?.sha256 ?? null) === circuit.model.sha256 &&
    task?.name === circuit.task.name &&
    nodes === circuit.nodes.length &&
    edges === circuit.edges.length &&
    (circuit.target_loss === null || target_loss === circuit.target_loss)
  );
}
