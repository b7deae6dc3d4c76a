import { type Command, Option } from "commander";
import { ABLATIONS, type Ablation, requireModel } from "../circuits/circuit.js";
import { circuitAblation } from "../circuits/circuit-ablation.js";
import { readCircuitFile } from "../circuits/circuit-file.js";
import { findMeans } from "../circuits/means-file.js";
import { modelHash } from "../circuits/model-identity.js";
import { openCorpus } from "../corpus/corpus.js";
import { SparseLensError } from "../errors.js";
import type { NodeAblation } from "../model/ablation.js";
import type { Model } from "../model.js";

/** How a model is run as a circuit. */
export interface CircuitFlags {
  readonly circuit?: string;
  readonly circuitAblation?: Ablation;
  readonly complement?: boolean;
  readonly means?: string;
  readonly frozen?: string[];
  readonly resampleFrom?: string;
}

export const CIRCUIT_ARGUMENT = ["<file>", "a circuit: .json, or a viz_data .pt"] as const;

const FROZEN = ["norms", "supports"];

/** @param canFreeze whether there is a run without ablation to take norms, supports and other values from */
export function addCircuitOptions(command: Command, { canFreeze }: { readonly canFreeze: boolean }): Command {
  command
    .option("--circuit <file>", "run the model as this circuit: everything else is ablated")
    .addOption(
      new Option(
        "--circuit-ablation <kind>",
        "what takes its place (default: as the circuit was found)",
      ).choices(ABLATIONS),
    )
    .option("--complement", "the inverse: only the circuit is ablated")
    .option("--means <file>", "means of the nodes (default: the file beside the model)");
  if (!canFreeze) return command;
  return command
    .addOption(
      new Option(
        "--frozen <what...>",
        "norms: their scales, supports: what AbsTopK keeps, as without ablation",
      ).choices(FROZEN),
    )
    .option("--resample-from <corpus>", "corpus whose documents resampled values come from");
}

/** What the options ask for; undefined: no circuit. @throws SparseLensError when circuit and model do not fit together */
export async function readCircuitAblation(
  model: Model,
  flags: CircuitFlags,
): Promise<NodeAblation | undefined> {
  const {
    circuit: path,
    circuitAblation: given,
    complement,
    means: meansPath,
    frozen = [],
    resampleFrom,
  } = flags;
  if (path === undefined) {
    const other = (["circuitAblation", "complement", "means", "frozen", "resampleFrom"] as const).find(
      (key) => flags[key] !== undefined,
    );
    if (other === undefined) return undefined;
    const option = other.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new SparseLensError(`--${option} says how a circuit is run: name one with --circuit.`);
  }
  const circuit = await readCircuitFile(path);
  const { config, source } = model;
  requireModel(circuit, { config, source, sha256: await modelHash(model) }, path);
  const ablation = given ?? circuit.ablation;
  const isNeeded = ablation === "mean" || (circuit.edges_are === "pruned" && ablation !== "zero");
  const reference = circuit.means ?? { source: "an unknown corpus", sha256: null, tokens: 0 };
  const means = isNeeded ? await findMeans(model, reference, meansPath) : null;
  if (ablation === "resample" && resampleFrom === undefined) {
    throw new SparseLensError(
      "Resampled values come from other documents: name a corpus with --resample-from.",
    );
  }
  return circuitAblation(model, circuit, {
    ...{ ablation, means, complement },
    frozenNorms: frozen.includes("norms"),
    frozenSupports: frozen.includes("supports"),
    resampleFrom: resampleFrom === undefined ? undefined : await windowsOf(resampleFrom, config.block_size),
  });
}

/** Some sequences of a corpus, as long as the model allows. */
export async function windowsOf(directory: string, length: number): Promise<Uint16Array[]> {
  const tokens = await (await openCorpus(directory)).tokens("train");
  const count = Math.min(256, Math.floor(tokens.length / length));
  return Array.from({ length: count }, (_, i) => {
    const start = Math.floor((i * (tokens.length - length)) / count);
    return tokens.subarray(start, start + length);
  });
}
