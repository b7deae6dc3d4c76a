import { chooseCircuit } from "../state/actions.js";
import { openFiles } from "../state/open-file.js";
import { address, entry, go } from "../state/store.js";
import { LOCAL, localCircuits, original } from "../state/work.js";

/** Task, target loss (or k) and search, from what there is. */
export function CircuitPicker({ of }: { readonly of: "circuit" | "other" }) {
  const circuits = entry.value?.circuits ?? [];
  const tasks = [...new Set(circuits.map(({ task }) => task))];
  const id = of === "circuit" ? (original.value.value?.id ?? address.value.circuit) : address.value.other;
  const choose = (chosen: string) => {
    if (of === "other") go({ other: chosen || null });
    else chooseCircuit(chosen);
  };
  return (
    <label>
      {of === "circuit" ? "Circuit" : "compare with"}{" "}
      <select value={id ?? ""} onChange={(event) => choose(event.currentTarget.value)}>
        {of === "other" && <option value="">nothing</option>}
        {tasks.map((task) => (
          <optgroup key={task} label={task}>
            {circuits
              .filter((circuit) => circuit.task === task)
              .map(({ id, target_loss, nodes, edges, control }) => (
                <option key={id} value={id}>
                  {task}
                  {target_loss === null ? "" : ` ≤ ${target_loss} nat`}: {nodes} nodes, {edges} edges
                  {control ? ` (${control})` : ""}
                </option>
              ))}
          </optgroup>
        ))}
        {localCircuits.value.length > 0 && (
          <optgroup label="Opened in this browser">
            {localCircuits.value.map((local) => (
              <option key={local} value={local}>
                {local.slice(LOCAL.length)}
              </option>
            ))}
          </optgroup>
        )}
      </select>
    </label>
  );
}

export function OpenFileButton() {
  return (
    <label class="file">
      Open file …
      <input
        type="file"
        class="hidden"
        multiple
        accept=".json,.jsonl,.pt"
        onChange={async (event) => {
          const input = event.currentTarget;
          await openFiles(input.files ?? []);
          input.value = "";
        }}
      />
    </label>
  );
}
