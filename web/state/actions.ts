/** What a reader does to nodes. */
import { formatSet, setValues } from "./address.js";
import { address, go } from "./store.js";
import { circuit } from "./work.js";

/** Opens another circuit: what was done to the one before is not done to it. */
export function chooseCircuit(id: string): void {
  go({ circuit: id, drop: [], add: [], off: [], set: [], node: null, layer: null, pair: 0 });
}

const without = (list: readonly string[], node: string) => list.filter((one) => one !== node);

/** Switches a node off, or on again. */
export function toggle(node: string): void {
  const { off, set } = address.peek();
  const values = setValues(set);
  values.delete(node);
  go({ off: off.includes(node) ? without(off, node) : [...off, node], set: formatSet(values) });
}

/** Sets a node to a value; null: leaves it to itself. */
export function setNode(node: string, value: number | null): void {
  const { off, set } = address.peek();
  const values = setValues(set);
  if (value === null) values.delete(node);
  else values.set(node, value);
  go({ off: without(off, node), set: formatSet(values) });
}

/** These nodes alone are off, or set to values. */
export function interveneOnly(off: readonly string[], values: ReadonlyMap<string, number>): void {
  go({ off: [...off], set: formatSet(values) });
}

export function clearInterventions(): void {
  go({ off: [], set: [] });
}

/** Takes a node out of the circuit, or puts it in. */
export function toggleMembership(node: string): void {
  const { drop, add } = address.peek();
  if (add.includes(node)) go({ add: without(add, node) });
  else if (drop.includes(node)) go({ drop: without(drop, node) });
  else if (circuit.peek()?.nodes.includes(node)) go({ drop: [...drop, node] });
  else go({ add: [...add, node] });
}

export function clearEdits(): void {
  go({ drop: [], add: [] });
}
