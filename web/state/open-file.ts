import { chooseCircuit } from "./actions.js";
import { messageOf } from "./resource.js";
import { entry, failure } from "./store.js";
import { addTask, isTaskFile } from "./tasks.js";
import { addCircuit, circuit } from "./work.js";

/** Files that somebody gave: circuits, `viz_data.pt`, tasks. What is wrong with one is told at the top of the page. */
export async function openFiles(files: Iterable<File>): Promise<void> {
  // Tasks first: a circuit that comes with its task finds it.
  const ordered = [...files].sort((a, b) => Number(isTaskFile(b.name)) - Number(isTaskFile(a.name)));
  for (const file of ordered) {
    failure.value = null;
    try {
      if (isTaskFile(file.name)) await openTask(file);
      else await addCircuit(file.name, new Uint8Array(await file.arrayBuffer()));
    } catch (error) {
      failure.value = messageOf(error);
      return;
    }
  }
}

/** Shows a circuit of the task, so that something is seen of it. */
async function openTask(file: File): Promise<void> {
  const { name } = await addTask(file.name, await file.text());
  if (circuit.peek()?.task.name === name) return;
  const found = entry.peek()?.circuits.find(({ task }) => task === name);
  if (found) chooseCircuit(found.id);
  else failure.value = `The pairs of ${name} are here now: open a circuit of that task.`;
}
