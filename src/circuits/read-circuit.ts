import { SparseLensError } from "../errors.js";
import { readVizData, type VizData } from "../formats/viz-data.js";
import { type ByteSource, readJsonObject } from "../io/byte-source.js";
import { requireLocalFiles } from "../io/local-files.js";
import { type Circuit, parseCircuit } from "./circuit.js";
import { circuitFromVizData } from "./viz-circuit.js";

/** Names that a viz_data.pt does not hold itself. */
export interface CircuitNames {
  readonly model?: string;
  readonly task?: string;
}

/** What a file of a circuit holds. */
export interface CircuitContent {
  readonly circuit: Circuit;
  /** What a viz_data.pt holds besides. null: it is a circuit file. */
  readonly viz: VizData | null;
}

/**
 * A circuit file or a viz_data.pt, whichever it is by how it begins.
 * @throws SparseLensError when it is neither
 */
export async function circuitFromSource(
  source: ByteSource,
  { model = "unknown", task = "unknown" }: CircuitNames = {},
): Promise<CircuitContent> {
  const location = source.name;
  const start = await source.read(0, Math.min(source.size, 64));
  if (/^\s*\{/.test(new TextDecoder().decode(start))) {
    return { circuit: parseCircuit(await readJsonObject(source), location), viz: null };
  }
  // torch.save writes a zip archive.
  const isZip = start[0] === 0x50 && start[1] === 0x4b;
  if (!isZip && !location.endsWith(".pt")) {
    throw new SparseLensError(`${location} is neither a circuit file (JSON) nor a viz_data.pt.`);
  }
  const viz = await readVizData(source);
  return { circuit: circuitFromVizData(viz, { location, model, task }), viz };
}

/** The same of a local file. */
export async function readCircuit(path: string, names: CircuitNames = {}): Promise<Circuit> {
  const files = requireLocalFiles("Reading a circuit");
  // As they lie in the released blob store: viz/<model>/<task>/<sweep>/<size>/viz_data.pt.
  const absolute = files.absolute(path).replaceAll("\\", "/");
  const [, model, task] = /\/viz\/([^/]+)\/([^/]+)\/[^/]+\/[^/]+\/viz_data\.pt$/.exec(absolute) ?? [];
  const file = await files.open(path);
  const { circuit } = await circuitFromSource(file, {
    model: names.model ?? model,
    task: names.task ?? task,
  }).finally(() => file.close());
  return circuit;
}
