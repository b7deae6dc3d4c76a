import { circuit, quickBatch, session, task } from "../state/work.js";
import { OpenFileButton } from "./circuit-picker.js";

/** Why nothing can be measured on the circuit's task, where that is so. */
export function MissingTask() {
  const name = circuit.value?.task.name;
  if (name === undefined || quickBatch.value || !session.value) return null;
  if (task.value) return <p class="note">This model's tokens cannot express the task {name}.</p>;
  return (
    <p class="note">
      The task {name} is not one of the library's, and a circuit file does not hold its pairs. To measure on
      them, open <code>{`${name}.jsonl`}</code>, which it was searched with: <OpenFileButton />
    </p>
  );
}
