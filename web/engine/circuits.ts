import {
  type Circuit,
  circuitFromVizData,
  MemorySource,
  parseCircuit,
  readVizData,
  type VizData,
} from "../../src/index.js";
import { fetchBytes } from "./fetch.js";

/** A circuit that was opened, from a circuit file or from a released `viz_data.pt`. */
export interface OpenedCircuit {
  readonly id: string;
  readonly circuit: Circuit;
  /** What the file held beside it. */
  readonly viz: VizData | null;
}

export async function openCircuit(id: string, path: string, signal?: AbortSignal): Promise<OpenedCircuit> {
  return await readCircuit(id, path, await fetchBytes(path, signal));
}

/** @throws SparseLensError when it is neither kind of file */
export async function readCircuit(id: string, name: string, bytes: Uint8Array): Promise<OpenedCircuit> {
  // A zip archive, as torch.save writes it.
  if (bytes[0] === 0x50 && bytes[1] === 0x4b) {
    const viz = await readVizData(new MemorySource(name, bytes));
    const origin = { model: "unknown", task: taskOf(name), location: name };
    return { id, circuit: circuitFromVizData(viz, origin), viz };
  }
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new Error(`${name} is neither a circuit file (JSON) nor a viz_data.pt.`);
  }
  return { id, circuit: parseCircuit(json, name), viz: null };
}

/** The released files lie in `…/TASK/SWEEP/K/viz_data.pt`; a file that was dropped alone does not say. */
function taskOf(path: string): string {
  return path.split("/").at(-4) ?? "unknown";
}
