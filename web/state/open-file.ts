import { messageOf } from "./resource.js";
import { failure } from "./store.js";
import { addCircuit } from "./work.js";

/** A circuit file or a `viz_data.pt` that somebody gave; what is wrong with it is told at the top of the page. */
export async function openFile(file: File): Promise<void> {
  try {
    await addCircuit(file.name, new Uint8Array(await file.arrayBuffer()));
    failure.value = null;
  } catch (error) {
    failure.value = messageOf(error);
  }
}
