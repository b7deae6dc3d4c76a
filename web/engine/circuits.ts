import { type CircuitContent, circuitFromSource, MemorySource } from "../../src/index.js";
import { fetchBytes } from "./fetch.js";

/** A circuit that was opened, from a circuit file or from a released `viz_data.pt`. */
export interface OpenedCircuit extends CircuitContent {
  readonly id: string;
}

/** One of the site's. */
export async function fetchCircuit(
  { id, path, task }: { readonly id: string; readonly path: string; readonly task: string },
  signal?: AbortSignal,
): Promise<OpenedCircuit> {
  const source = new MemorySource(path, await fetchBytes(path, signal));
  return { id, ...(await circuitFromSource(source, { task })) };
}

/** @throws SparseLensError when it is no circuit */
export async function readCircuit(id: string, name: string, bytes: Uint8Array): Promise<OpenedCircuit> {
  return { id, ...(await circuitFromSource(new MemorySource(name, bytes))) };
}
