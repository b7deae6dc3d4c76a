import { readJsonObject } from "../io/byte-source.js";
import { requireLocalFiles } from "../io/local-files.js";
import { replaceFile } from "../io/replace-file.js";
import { type Circuit, formatCircuit, parseCircuit } from "./circuit.js";

/** @throws SparseLensError when there is no such file, or it is not a circuit */
export async function readCircuitFile(path: string): Promise<Circuit> {
  const file = await requireLocalFiles("Reading a circuit").open(path);
  const json = await readJsonObject(file).finally(() => file.close());
  return parseCircuit(json, path);
}

/** Writes a file that appears whole or not at all. */
export async function writeCircuitFile(path: string, circuit: Circuit): Promise<void> {
  await replaceFile(requireLocalFiles("Writing a circuit"), path, formatCircuit(circuit));
}
