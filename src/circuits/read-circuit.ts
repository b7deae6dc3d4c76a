import { readVizData, type VizData } from "../formats/viz-data.js";
import { requireLocalFiles } from "../io/local-files.js";
import type { Circuit } from "./circuit.js";
import { readCircuitFile } from "./circuit-file.js";
import { circuitFromVizData } from "./viz-circuit.js";

/** Names that a viz_data.pt does not hold itself. */
export interface CircuitNames {
  readonly model?: string;
  readonly task?: string;
}

/** A circuit file, or a viz_data.pt by its ending. */
export async function readCircuit(path: string, names: CircuitNames = {}): Promise<Circuit> {
  if (!path.endsWith(".pt")) return readCircuitFile(path);
  // As they lie in the released blob store: viz/<model>/<task>/<sweep>/<size>/viz_data.pt.
  const absolute = requireLocalFiles("Reading a circuit").absolute(path).replaceAll("\\", "/");
  const [, model, task] = /\/viz\/([^/]+)\/([^/]+)\/[^/]+\/[^/]+\/viz_data\.pt$/.exec(absolute) ?? [];
  return circuitFromVizData(await readVizFile(path), {
    location: path,
    model: names.model ?? model ?? "unknown",
    task: names.task ?? task ?? "unknown",
  });
}

export async function readVizFile(path: string): Promise<VizData> {
  const file = await requireLocalFiles("Reading a circuit").open(path);
  return readVizData(file).finally(() => file.close());
}
