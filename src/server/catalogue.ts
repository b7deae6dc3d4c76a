/**
 * What an explorer has to show: `catalogue.json` beside its `index.html`. The server answers with it, an export writes it
 * down, and the browser reads it. All paths are relative to it, with `/` between names, and lead to files below it.
 */
import { JsonReader, type JsonRecord } from "../circuits/json-reader.js";
import { SparseLensError } from "../errors.js";

export interface Catalogue {
  /** The first is shown unless the address says otherwise. */
  readonly models: readonly CatalogueModel[];
}

export interface CatalogueModel {
  /** In addresses: letters, digits, `.`, `_` and `-`. */
  readonly id: string;
  /** For people. */
  readonly title: string;
  /** Directory of the model: `models/default/`. */
  readonly path: string;
  /** What the model is loaded from: configuration, weights (with their shards) and tokenizer. */
  readonly files: readonly CatalogueFile[];
  /** The first is shown unless the address says otherwise. */
  readonly circuits: readonly CatalogueCircuit[];
  /** Means of the nodes over the pretraining distribution (`means-….safetensors`). */
  readonly means: string | null;
  /** Markdown. */
  readonly card: string | null;
  /** Training metrics, JSON lines (`progress.json`). */
  readonly curve: string | null;
  /** Searches for circuits, JSON lines (`trials.jsonl` of `sparselens prune`). */
  readonly trials: string | null;
  /** Documents of the pretraining distribution: `parseDocuments`. */
  readonly documents: string | null;
}

export interface CatalogueFile {
  /** Within the model's directory. */
  readonly name: string;
  readonly bytes: number;
}

export interface CatalogueCircuit {
  /** In addresses: unique within the model. */
  readonly id: string;
  /** A circuit file (`.json`), or a released `viz_data.pt`. */
  readonly path: string;
  readonly task: string;
  readonly target_loss: number | null;
  readonly nodes: number;
  readonly edges: number;
  /** `audit.json` of this circuit. */
  readonly audit: string | null;
  /** In a few words, what it is a control for, where it was found to be doubted: `a task without meaning`. */
  readonly control: string | null;
}

const VERSION = 1;

/**
 * Reads `catalogue.json`.
 * @param location for messages
 * @throws SparseLensError naming the key that is missing or wrong
 */
export function parseCatalogue(json: JsonRecord, location: string): Catalogue {
  if (json.version !== VERSION) {
    throw new SparseLensError(
      `${location} has version ${JSON.stringify(json.version)}; this explorer reads ${VERSION}.`,
    );
  }
  const readers = (reader: JsonReader, key: string, where: string) =>
    reader
      .array(key, isRecord, "an object")
      .map((item, i) => new JsonReader(item, `${where}: ${key} ${i + 1}`));
  const models = readers(new JsonReader(json, location), "models", location).map((model) => {
    const id = model.text("id");
    const where = `${location}: model ${id}`;
    return {
      ...{ id, title: model.text("title"), path: model.text("path") },
      files: readers(model, "files", where).map((file) => ({
        name: file.text("name"),
        bytes: file.number("bytes"),
      })),
      circuits: readers(model, "circuits", where).map((circuit) => ({
        ...{ id: circuit.text("id"), path: circuit.text("path"), task: circuit.text("task") },
        target_loss: circuit.optionalNumber("target_loss"),
        ...{ nodes: circuit.number("nodes"), edges: circuit.number("edges") },
        ...{ audit: circuit.optionalText("audit"), control: circuit.optionalText("control") },
      })),
      ...{ means: model.optionalText("means"), card: model.optionalText("card") },
      ...{ curve: model.optionalText("curve"), trials: model.optionalText("trials") },
      documents: model.optionalText("documents"),
    };
  });
  return { models };
}

/** The text of `catalogue.json`. */
export function formatCatalogue(catalogue: Catalogue): string {
  return `${JSON.stringify({ version: VERSION, ...catalogue }, null, 1)}\n`;
}

/** Documents of a corpus as a model's tokens: what a node's activations are looked at over. */
export interface Documents {
  /** For people: what they were drawn from. */
  readonly source: string;
  /** Tokens of each document; what is behind the model's block size is left out. */
  readonly documents: readonly (readonly number[])[];
}

/**
 * Reads `documents.json`.
 * @throws SparseLensError naming the key that is missing or wrong
 */
export function parseDocuments(json: JsonRecord, location: string): Documents {
  const reader = new JsonReader(json, location);
  if (reader.number("version") !== VERSION) {
    throw new SparseLensError(`${location} is of another version than ${VERSION}.`);
  }
  return {
    source: reader.text("source"),
    documents: reader.array("documents", isTokens, "a list of token ids"),
  };
}

/** The text of `documents.json`: a line for each document. */
export function formatDocuments({ source, documents }: Documents): string {
  const lines = documents.map((tokens) => ` ${JSON.stringify(tokens)}`);
  return `{"version":${VERSION},"source":${JSON.stringify(source)},"documents":[\n${lines.join(",\n")}\n]}\n`;
}

const isRecord = (value: unknown): value is JsonRecord =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isTokens = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length > 0 && value.every((token) => Number.isInteger(token) && token >= 0);
