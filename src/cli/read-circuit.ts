import type { Circuit } from "../circuits/circuit.js";
import { readCircuitFile } from "../circuits/circuit-file.js";
import { circuitFromVizData } from "../circuits/viz-circuit.js";
import { readVizData, type VizData } from "../formats/viz-data.js";
import { localFiles } from "./open.js";

/** Names that a viz_data.pt does not hold itself. */
export interface CircuitNames {
  readonly model?: string;
  readonly task?: string;
}

export const CIRCUIT_ARGUMENT = ["<file>", "a circuit: .json, or a viz_data .pt"] as const;

/** A circuit file, or a viz_data.pt by its ending. */
export async function readCircuit(path: string, names: CircuitNames = {}): Promise<Circuit> {
  if (!path.endsWith(".pt")) return readCircuitFile(path);
  // As they lie in the released blob store: viz/<model>/<task>/<sweep>/<size>/viz_data.pt.
  const absolute = localFiles().absolute(path).replaceAll("\\", "/");
  const [, model, task] = /\/viz\/([^/]+)\/([^/]+)\/[^/]+\/[^/]+\/viz_data\.pt$/.exec(absolute) ?? [];
  return circuitFromVizData(await readVizFile(path), {
    location: path,
    model: names.model ?? model ?? "unknown",
    task: names.task ?? task ?? "unknown",
  });
}

export async function readVizFile(path: string): Promise<VizData> {
  const file = await localFiles().open(path);
  return readVizData(file).finally(() => file.close());
}
