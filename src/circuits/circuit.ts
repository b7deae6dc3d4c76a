import { SparseLensError } from "../errors.js";
import { describe } from "../model/description.js";
import { NodeIndex } from "../model/node-index.js";
import { JsonReader, type JsonRecord } from "./json-reader.js";

/** What takes the place of nodes that are ablated. */
export const ABLATIONS = ["mean", "zero", "resample"] as const;
export type Ablation = (typeof ABLATIONS)[number];

/** Which model a circuit is of. */
export interface ModelIdentity {
  /** For people. */
  readonly name: string;
  /** Of its weights and configuration: `Model.identity`. null where it is not known. */
  readonly sha256: string | null;
}

/** Where the mean activations come from that a circuit was pruned with. */
export interface MeansReference {
  /** For people: a corpus' name, or how else they were estimated. */
  readonly source: string;
  /** Of the corpus. null where there was none. */
  readonly sha256: string | null;
  /** How many tokens were averaged over. */
  readonly tokens: number;
}

/** Task losses in nats, uncalibrated unless said otherwise. null: not measured. */
export interface SplitLosses {
  /** Number of pairs. */
  readonly pairs: number;
  /** Of the model without any ablation. */
  readonly model: number | null;
  /** With every node ablated. */
  readonly empty: number | null;
  readonly circuit: number;
  /** Of the circuit, its logits scaled and shifted. */
  readonly calibrated: number | null;
  /** Share of prompts after which the circuit prefers the right answer. */
  readonly accuracy: number | null;
  /** With the circuit's nodes ablated and everything else kept. */
  readonly complement: number | null;
}

/** What a circuit's margin between the two answers is replaced by: scale · margin + shift towards the first answer. */
export interface Calibration {
  readonly scale: number;
  readonly shift: number;
}

/** How a circuit was found. */
export interface Finding {
  /** `masks`, `attribution`, or another way in a few words. */
  readonly method: string;
  /** Whatever the search was set to, its seed among them. */
  readonly settings: Readonly<Record<string, number | string | boolean | null>>;
  /** What was done after the nodes had an order, in order: `bisection`, `node removal`, `edge pruning`. */
  readonly steps: readonly string[];
  /** How many searches it was chosen among. */
  readonly candidates: number;
}

/** `[source, target, weight]`: a nonzero weight between two retained nodes. */
export type CircuitEdge = readonly [source: string, target: string, weight: number];

/**
 * The nodes that suffice for a task while all others are ablated (paper, section 2.2); docs/circuits.md documents the
 * file. Keys are those of the file.
 */
export interface Circuit {
  readonly model: ModelIdentity;
  readonly task: { readonly name: string; readonly templates: string };
  /** Task loss that the circuit was to reach, in nats. null: none. */
  readonly target_loss: number | null;
  readonly ablation: Ablation;
  /** null: not needed, or not known. */
  readonly means: MeansReference | null;
  /** Whether channels of `final_resid` count as nodes. */
  readonly final_resid: boolean;
  /** `4.attn.resid_delta:1079`, in the order of NodeIndex. */
  readonly nodes: readonly string[];
  /** `all` nonzero weights between the nodes; or those that `pruned` edges left, the others' contributions at their means. */
  readonly edges_are: "all" | "pruned";
  readonly edges: readonly CircuitEdge[];
  /** By how much the task loss grows when a node is ablated too, in the order of `nodes`. */
  readonly node_scores: readonly number[] | null;
  /** The same of an edge, in the order of `edges`. */
  readonly edge_scores: readonly number[] | null;
  readonly found: Finding;
  readonly calibration: Calibration | null;
  /** By split: masks are trained on `train`, choices made on `select`, and `report` is read once. */
  readonly losses: Partial<Readonly<Record<"train" | "select" | "report", SplitLosses>>>;
  /** What a reader wrote about nodes. Absent: nothing. */
  readonly notes?: Readonly<Record<string, string>>;
}

const FORMAT = "sparselens-circuit";
const FORMAT_VERSION = 1;

/**
 * Reads a circuit file's content.
 * @param location for messages
 * @throws SparseLensError naming the key that is missing, unknown or wrong
 */
export function parseCircuit(json: JsonRecord, location: string): Circuit {
  if (json.format !== FORMAT) {
    throw new SparseLensError(`${location} is not a circuit: its "format" is not ${JSON.stringify(FORMAT)}.`);
  }
  if (json.format_version !== FORMAT_VERSION) {
    throw new SparseLensError(
      `${location} has format_version ${JSON.stringify(json.format_version)}; this version of SparseLens reads ${FORMAT_VERSION}.`,
    );
  }
  const reader = new JsonReader(json, location);
  reader.text("format");
  reader.number("format_version");
  const model = reader.object("model");
  const task = reader.object("task");
  const means = reader.optionalObject("means");
  const found = reader.object("found");
  const calibration = reader.optionalObject("calibration");
  const losses = reader.object("losses");
  const splits = (["train", "select", "report"] as const).flatMap((split) => {
    const of = losses.optionalObject(split);
    return of ? [[split, readLosses(of)] as const] : [];
  });
  const circuit: Circuit = {
    model: { name: model.text("name"), sha256: model.optionalText("sha256") },
    task: { name: task.text("name"), templates: task.text("templates") },
    target_loss: reader.optionalNumber("target_loss"),
    ablation: reader.choice("ablation", ABLATIONS),
    means: means && {
      source: means.text("source"),
      sha256: means.optionalText("sha256"),
      tokens: means.number("tokens"),
    },
    final_resid: reader.flag("final_resid"),
    nodes: reader.array("nodes", isText, "a node"),
    edges_are: reader.choice("edges_are", ["all", "pruned"]),
    edges: reader.array("edges", isEdge, "[source, target, weight]"),
    node_scores: reader.optionalArray("node_scores", isNumber, "a number"),
    edge_scores: reader.optionalArray("edge_scores", isNumber, "a number"),
    found: {
      method: found.text("method"),
      settings: found.record("settings", isSetting, "a number, a text, true, false or null"),
      steps: found.array("steps", isText, "a text"),
      candidates: found.number("candidates"),
    },
    calibration: calibration && { scale: calibration.number("scale"), shift: calibration.number("shift") },
    losses: Object.fromEntries(splits),
    ...(json.notes === undefined ? {} : { notes: reader.record("notes", isText, "a text") }),
  };
  for (const one of [reader, model, task, means, found, calibration, losses]) one?.refuseOthers();
  checkConsistency(circuit, location);
  return circuit;
}

function readLosses(reader: JsonReader): SplitLosses {
  const losses: SplitLosses = {
    pairs: reader.number("pairs"),
    model: reader.optionalNumber("model"),
    empty: reader.optionalNumber("empty"),
    circuit: reader.number("circuit"),
    calibrated: reader.optionalNumber("calibrated"),
    accuracy: reader.optionalNumber("accuracy"),
    complement: reader.optionalNumber("complement"),
  };
  reader.refuseOthers();
  return losses;
}

const isText = (value: unknown): value is string => typeof value === "string";
const isNumber = (value: unknown): value is number => typeof value === "number";
const isEdge = (value: unknown): value is CircuitEdge =>
  Array.isArray(value) && value.length === 3 && isText(value[0]) && isText(value[1]) && isNumber(value[2]);
const isSetting = (value: unknown): value is number | string | boolean | null =>
  value === null || ["number", "string", "boolean"].includes(typeof value);

/** What can be said without the model. */
function checkConsistency(circuit: Circuit, location: string): void {
  const fail = (problem: string): never => {
    throw new SparseLensError(`${location}: ${problem}.`);
  };
  const { nodes, edges, node_scores, edge_scores } = circuit;
  const known = new Set(nodes);
  if (known.size < nodes.length) {
    const twice = nodes.find((node, i) => nodes.indexOf(node) < i);
    fail(`the node ${twice} is there twice`);
  }
  const seen = new Set<string>();
  for (const [source, target] of edges) {
    const end = [source, target].find((node) => !known.has(node));
    if (end !== undefined)
      fail(`the edge from ${source} to ${target} ends at ${end}, which is not among "nodes"`);
    const key = `${source} ${target}`;
    if (seen.has(key)) fail(`the edge from ${source} to ${target} is there twice`);
    seen.add(key);
  }
  const fits = (scores: readonly number[] | null, count: number, key: string) => {
    if (scores && scores.length !== count) fail(`"${key}" has ${scores.length} numbers for ${count}`);
  };
  fits(node_scores, nodes.length, "node_scores");
  fits(edge_scores, edges.length, "edge_scores");
}

/** The nodes of a circuit of a model. @throws SparseLensError naming a node that the model does not have */
export function nodesOf(circuit: Circuit, index: NodeIndex, location = "The circuit"): number[] {
  return circuit.nodes.map((node) => {
    try {
      return index.numberOf(node);
    } catch (error) {
      if (!(error instanceof SparseLensError)) throw error;
      throw new SparseLensError(`${location} does not fit the model ${circuit.model.name}: ${error.message}`);
    }
  });
}

/** What a circuit must fit. */
export interface CircuitModel {
  readonly config: Parameters<typeof describe>[0];
  /** How it is called in messages. */
  readonly source: string;
  /** As in ModelIdentity. */
  readonly sha256: string;
}

/**
 * That a circuit is of this model, and has nothing that it lacks.
 * @throws SparseLensError saying what does not fit
 */
export function requireModel(
  circuit: Circuit,
  { config, source, sha256 }: CircuitModel,
  location: string,
): void {
  nodesOf(circuit, new NodeIndex(describe(config), { finalResid: circuit.final_resid }), location);
  if (circuit.model.sha256 === null || circuit.model.sha256 === sha256) return;
  throw new SparseLensError(
    `${location} is a circuit of another model: of ${circuit.model.name}, whose weights have the SHA-256 ${circuit.model.sha256.slice(0, 12)}…; those of ${source} have ${sha256.slice(0, 12)}…. Name the model that it was found in.`,
  );
}

/** The text of a circuit file: a line for each key, node and edge. */
export function formatCircuit(circuit: Circuit): string {
  const list = (items: readonly unknown[]) =>
    items.length === 0 ? "[]" : `[\n${items.map((item) => `  ${JSON.stringify(item)}`).join(",\n")}\n ]`;
  const lines = Object.entries({ format: FORMAT, format_version: FORMAT_VERSION, ...circuit }).map(
    ([key, value]) => {
      const isLong = (key === "nodes" || key === "edges") && Array.isArray(value);
      return ` ${JSON.stringify(key)}: ${isLong ? list(value) : JSON.stringify(value)}`;
    },
  );
  return `{\n${lines.join(",\n")}\n}\n`;
}
