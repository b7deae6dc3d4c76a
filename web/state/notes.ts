/** Notes that a reader writes about nodes: kept in this browser, by circuit, and saved with the circuit. */
import { keep, keysWith, recall } from "./storage.js";

const keyOf = (circuit: string | null, node: string) => `note:${circuit ?? ""}:${node}`;

export async function readNote(circuit: string | null, node: string): Promise<string | undefined> {
  return await recall<string>(keyOf(circuit, node));
}

export async function writeNote(circuit: string | null, node: string, text: string): Promise<void> {
  await keep(keyOf(circuit, node), text);
}

/** All notes of a circuit, those of its file among them. */
export async function notesOf(
  circuit: string,
  fromFile: Readonly<Record<string, string>> = {},
): Promise<Record<string, string>> {
  const notes = { ...fromFile };
  const prefix = keyOf(circuit, "");
  for (const key of await keysWith(prefix))
    notes[key.slice(prefix.length)] = (await recall<string>(key)) ?? "";
  return Object.fromEntries(Object.entries(notes).filter(([, text]) => text !== ""));
}
