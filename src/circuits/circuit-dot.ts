import type { Circuit } from "./circuit.js";

const POSITIVE = "#2166ac";
const NEGATIVE = "#b2182b";
const STREAM = "#999999";

/** Width of the line of the largest |weight|, and of a vanishing one, in points. */
const WIDEST = 4;
const NARROWEST = 0.5;

/** A location, or q, k and v of a layer, which lie side by side. */
interface Rank {
  readonly name: string;
  readonly nodes: string[];
}

/**
 * A circuit for Graphviz: a rank for each location, from the bottom up; edges blue where their weight is positive and red
 * where it is negative, as wide as it is large; dashed along the residual stream, from what writes a channel to what
 * reads it.
 */
export function circuitAsDot(circuit: Circuit): string {
  const ranks = ranksOf(circuit.nodes);
  const largest = Math.max(...circuit.edges.map(([, , weight]) => Math.abs(weight)));
  const lines = [
    `label=${quoted(`${circuit.task.name}: ${circuit.nodes.length} nodes, ${circuit.edges.length} edges of ${circuit.model.name}`)};`,
    "rankdir=BT; newrank=true; ranksep=0.6; nodesep=0.15;",
    'node [shape=box, style=rounded, fontname="Helvetica", fontsize=10, height=0.25, width=0.3, margin="0.06,0.03"];',
    "edge [arrowsize=0.5];",
    // Locations keep their order, whatever the edges between them.
    `${ranks.map(({ name }) => quoted(name)).join(" -> ")}${ranks.length > 0 ? " [style=invis];" : ""}`,
    ...ranks.flatMap(({ name, nodes }) => [
      `{ rank=same; ${quoted(name)} [shape=plaintext];`,
      ...nodes.map((node) => `  ${quoted(node)} [label=${quoted(labelOf(node))}];`),
      "}",
    ]),
    ...circuit.edges.map(([source, target, weight]) => {
      const width = NARROWEST + ((WIDEST - NARROWEST) * Math.abs(weight)) / largest;
      const color = weight < 0 ? NEGATIVE : POSITIVE;
      return `${quoted(source)} -> ${quoted(target)} [color="${color}", penwidth=${width.toFixed(2)}, tooltip=${quoted(`${source} to ${target}: ${weight}`)}];`;
    }),
    ...streamLinks(circuit.nodes).map(
      ([writer, reader]) =>
        `${quoted(writer)} -> ${quoted(reader)} [color="${STREAM}", style=dashed, penwidth=0.5, constraint=false];`,
    ),
  ];
  return `digraph circuit {\n${lines.map((line) => `  ${line}\n`).join("")}}\n`;
}

/** By location, in the order of the nodes. */
function ranksOf(nodes: readonly string[]): Rank[] {
  const ranks = new Map<string, Rank>();
  for (const node of nodes) {
    const name = node.replace(/:.*/, "").replace(/\.[qkv]$/, ".q, k, v");
    const rank = ranks.get(name) ?? { name, nodes: [] };
    rank.nodes.push(node);
    ranks.set(name, rank);
  }
  return [...ranks.values()];
}

/** The channel; of q, k and v also which of them. */
function labelOf(node: string): string {
  const [, part, channel] = /([qkv]?):(\d+)$/.exec(node)!;
  return part && /\.[qkv]:/.test(node) ? `${part} ${channel}` : channel;
}

/** Nodes that write a channel of the residual stream, with those that read it afterwards. */
function streamLinks(nodes: readonly string[]): [writer: string, reader: string][] {
  const links: [string, string][] = [];
  for (const [i, writer] of nodes.entries()) {
    const channel = /resid_delta:(\d+)$/.exec(writer)?.[1];
    if (channel === undefined) continue;
    // Nodes are in the order in which they happen.
    for (const reader of nodes.slice(i + 1))
      if (reader.endsWith(`.act_in:${channel}`) || reader === `final_resid:${channel}`)
        links.push([writer, reader]);
  }
  return links;
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}
