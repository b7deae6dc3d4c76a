import { type Circuit, circuitEdges } from "../../src/index.js";
import type { Session } from "./session.js";

/**
 * A circuit without some nodes and with some others. Edges between nodes that stay are as they were; nodes that came have
 * all that the weights give them. What was measured of the circuit as a whole does not hold of another one.
 */
export async function editCircuit(
  session: Session,
  circuit: Circuit,
  drop: readonly string[],
  add: readonly string[],
): Promise<Circuit> {
  const dropped = new Set(drop);
  const before = new Set(circuit.nodes);
  const added = add.filter((node) => !before.has(node));
  const numbers = [...circuit.nodes.filter((node) => !dropped.has(node)), ...added]
    .map((node) => session.index.numberOf(node))
    .sort((a, b) => a - b);
  const nodes = numbers.map((node) => session.index.nameOf(node));
  const kept = new Set(nodes);
  const isNew = new Set(added);
  const all = added.length > 0 ? await circuitEdges(session, numbers) : [];
  const edges = [
    ...circuit.edges.filter(([source, target]) => kept.has(source) && kept.has(target)),
    ...all.filter(([source, target]) => isNew.has(source) || isNew.has(target)),
  ];
  const scores = circuit.node_scores;
  const scoreOf = new Map(circuit.nodes.map((node, i) => [node, scores?.[i] ?? 0]));
  return {
    ...circuit,
    final_resid: circuit.final_resid || nodes.some((node) => node.startsWith("final_resid")),
    ...{ nodes, edges, edge_scores: null, calibration: null, losses: {} },
    node_scores: scores && added.length === 0 ? nodes.map((node) => scoreOf.get(node)!) : null,
    found: { ...circuit.found, steps: [...circuit.found.steps, "edited by hand"] },
  };
}
