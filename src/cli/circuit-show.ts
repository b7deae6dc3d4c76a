import type { Command } from "commander";
import type { Circuit, SplitLosses } from "../circuits/circuit.js";
import { readCircuit } from "../circuits/read-circuit.js";
import { parseInteger } from "./arguments.js";
import { CIRCUIT_ARGUMENT } from "./circuit-arguments.js";
import { formatCount, formatTable, formatWeight } from "./format.js";
import { print, printJson } from "./output.js";

interface Options {
  readonly top: number;
  readonly json?: boolean;
}

export function addCircuitShow(circuit: Command): void {
  circuit
    .command("show")
    .description("Show a circuit's size, losses, nodes by location, and those that matter most.")
    .argument(...CIRCUIT_ARGUMENT)
    .option("--top <number>", "nodes and edges that are listed", (text) => parseInteger(text, 0), 10)
    .option("--json", "print one object: the circuit")
    .addHelpText(
      "after",
      `
Examples:
  $ sparselens circuit show circuit.json
  $ sparselens circuit show viz/csp_yolo2/bracket_counting_beeg/prune_v4/k_optim/viz_data.pt`,
    )
    .action(async (path: string, { top, json }: Options) => {
      const found = await readCircuit(path);
      if (json) printJson(found);
      else print(asText(found, top));
    });
}

function asText(circuit: Circuit, top: number): string {
  const { nodes, edges, edges_are, node_scores, edge_scores } = circuit;
  const kind = edges_are === "all" ? "all weights between them" : "pruned";
  const facts = [
    ["task", circuit.task.name],
    ["model", circuit.model.name],
    ["size", `${formatCount(nodes.length)} nodes, ${formatCount(edges.length)} edges (${kind})`],
    ["ablation", `${circuit.ablation}${meansOf(circuit)}`],
    ["found by", [circuit.found.method, ...circuit.found.steps].join(", ")],
    ["settings", settingsOf(circuit)],
  ];
  const parts = [
    formatTable(facts, "ll"),
    lossTable(circuit),
    locationTable(circuit),
    ...scored(nodes, node_scores, top, (node) => [node], "node"),
    ...scored(
      edges,
      edge_scores,
      top,
      ([source, target, weight]) => [`${source} → ${target}`, formatWeight(weight)],
      "edge",
    ),
  ];
  return parts.join("\n");
}

function meansOf({ ablation, means }: Circuit): string {
  if (ablation !== "mean") return "";
  return means
    ? `, means over ${formatCount(means.tokens)} tokens of ${means.source}`
    : ", with means that are not known";
}

function settingsOf({ found: { settings } }: Circuit): string {
  const all = Object.entries(settings).map(([key, value]) => `${key} ${value}`);
  return all.join(", ") || "–";
}

function lossTable({ losses }: Circuit): string {
  const columns = ["circuit", "calibrated", "model", "empty", "complement", "accuracy"] as const;
  const rows = Object.entries(losses).map(([split, one]) => [
    split,
    formatCount((one as SplitLosses).pairs),
    ...columns.map((column) => (one as SplitLosses)[column]?.toFixed(4) ?? "–"),
  ]);
  return formatTable([["task loss", "pairs", ...columns], ...rows], "lrrrrrrr");
}

function locationTable({ nodes, edges }: Circuit): string {
  const locationOf = (node: string) => node.slice(0, node.indexOf(":"));
  const locations = [...new Set(nodes.map(locationOf))];
  const count = (end: 0 | 1, location: string) =>
    edges.filter((edge) => locationOf(edge[end]) === location).length;
  const rows = locations.map((location) => {
    const channels = nodes
      .filter((node) => locationOf(node) === location)
      .map((node) => node.slice(location.length + 1));
    return [
      location,
      formatCount(channels.length),
      formatCount(count(1, location)),
      formatCount(count(0, location)),
      shortened(channels.join(" ")),
    ];
  });
  return formatTable([["location", "nodes", "edges in", "edges out", "channels"], ...rows], "lrrrl");
}

const LONGEST = 64;

function shortened(text: string): string {
  return text.length <= LONGEST ? text : `${text.slice(0, text.lastIndexOf(" ", LONGEST))} …`;
}

/** Those without which the loss grows most. */
function scored<T>(
  items: readonly T[],
  scores: readonly number[] | null,
  top: number,
  cells: (item: T) => string[],
  title: string,
): string[] {
  if (!scores || top === 0 || items.length === 0) return [];
  const order = [...items.keys()].sort((a, b) => scores[b] - scores[a]).slice(0, top);
  const rows = order.map((i) => [...cells(items[i]), formatScore(scores[i])]);
  const titles = [title, ...(rows[0].length === 3 ? ["weight"] : []), "loss without it"];
  return [formatTable([titles, ...rows], rows[0].length === 3 ? "lrr" : "lr")];
}

/** Nats. */
function formatScore(score: number): string {
  const text = score.toFixed(4);
  return Number(text) === 0 ? "0.0000" : score > 0 ? `+${text}` : text;
}
