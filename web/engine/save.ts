import { type Circuit, formatCircuit, modelHash, type TaskBatch } from "../../src/index.js";
import type { Run } from "./run.js";
import type { Session } from "./session.js";
import { scoreRun } from "./task.js";

/**
 * A circuit as a file, with what was measured of it anew where it was edited: losses and ablation deltas on the select
 * split.
 * @param batch of its task; null: nothing can be measured
 */
export async function saveCircuit(
  session: Session,
  circuit: Circuit,
  notes: Readonly<Record<string, string>>,
  run: Omit<Run, "off" | "set" | "scope">,
  batch: TaskBatch | null,
  onProgress: (share: number) => void,
): Promise<string> {
  const measured =
    Object.keys(circuit.losses).length > 0
      ? circuit
      : await measure(session, circuit, run, batch, onProgress);
  const { notes: _, ...rest } = measured;
  return formatCircuit(Object.keys(notes).length > 0 ? { ...rest, notes } : rest);
}

async function measure(
  session: Session,
  circuit: Circuit,
  run: Omit<Run, "off" | "set" | "scope">,
  batch: TaskBatch | null,
  onProgress: (share: number) => void,
): Promise<Circuit> {
  const named = {
    ...circuit,
    ablation: run.ablation,
    model: { ...circuit.model, sha256: await modelHash(session.model) },
  };
  if (!batch) return named;
  const score = (scope: Run["scope"], off: readonly string[] = [], of: Circuit = circuit) =>
    scoreRun(session, { ...run, circuit: of, scope, off, set: new Map() }, batch);
  const whole = await score("circuit");
  const scores: number[] = [];
  for (const [i, node] of circuit.nodes.entries()) {
    onProgress(i / circuit.nodes.length);
    scores.push((await score("circuit", [node])).loss - whole.loss);
  }
  const empty = { ...circuit, nodes: [], edges: [] };
  return {
    ...named,
    node_scores: scores,
    losses: {
      select: {
        ...{
          pairs: batch.count,
          model: (await score("model")).loss,
          empty: (await score("circuit", [], empty)).loss,
        },
        ...{ circuit: whole.loss, calibrated: null, accuracy: whole.accuracy },
        complement: (await score("complement")).loss,
      },
    },
  };
}

/** Hands a text to the reader as a file. */
export function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
