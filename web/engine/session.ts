import {
  type Circuit,
  loadModel,
  type Means,
  MemorySource,
  type Model,
  NodeIndex,
  openCheckpoint,
  parseMeans,
  resolveSource,
  type Tokenizer,
  WeightGraph,
} from "../../src/index.js";
import type { CatalogueModel } from "../../src/server/catalogue.js";
import { type Documents, parseDocuments } from "../../src/server/catalogue.js";
import { type Arrival, fetchBytes, fetchJson, fetchModelFiles } from "./fetch.js";

export interface OpenProgress extends Arrival {
  readonly phase: "download" | "load";
}

export interface SessionOptions {
  readonly kernels: string;
  readonly onProgress: (progress: OpenProgress) => void;
  readonly signal: AbortSignal;
}

/** A model that runs in this page, and all that is looked up about it. */
export class Session {
  readonly tokenizer: Tokenizer | null;
  readonly index: NodeIndex;
  readonly #files: readonly File[];
  #graph: Promise<WeightGraph> | null = null;
  #documents: Promise<Documents | null> | null = null;

  /** Of the nodes over the pretraining distribution, once they are read; null: there are none. */
  means: Means | null = null;

  private constructor(
    readonly entry: CatalogueModel,
    readonly model: Model,
    files: readonly File[],
  ) {
    this.#files = files;
    this.tokenizer = model.tokenizer;
    this.index = new NodeIndex(model.description, { finalResid: true });
  }

  static async open(
    entry: CatalogueModel,
    { kernels, onProgress, signal }: SessionOptions,
  ): Promise<Session> {
    const files = await fetchModelFiles(
      entry,
      (arrival) => onProgress({ phase: "download", ...arrival }),
      signal,
    );
    const model = await loadModel(files, {
      kernels: kernels as "auto",
      signal,
      onProgress: ({ phase, loaded, total }) => phase === "load" && onProgress({ phase, loaded, total }),
    });
    return new Session(entry, model, files);
  }

  /** Reads the means, whose model is checked by the hash of all weights. */
  async readMeans(signal: AbortSignal): Promise<void> {
    const { means } = this.entry;
    if (means)
      this.means = await parseMeans(new MemorySource(means, await fetchBytes(means, signal)), this.model);
  }

  /** Who feeds whom, by the weights. */
  get graph(): Promise<WeightGraph> {
    this.#graph ??= resolveSource(this.#files)
      .then(openCheckpoint)
      .then((checkpoint) => new WeightGraph(checkpoint));
    return this.#graph;
  }

  /** Documents of the pretraining distribution; null: there are none. */
  get documents(): Promise<Documents | null> {
    const { documents } = this.entry;
    this.#documents ??= documents
      ? fetchJson(documents).then((json) => parseDocuments(json, documents))
      : Promise.resolve(null);
    return this.#documents;
  }

  /** The text of a token; its number where there is no tokenizer. */
  text(token: number): string {
    return this.tokenizer ? this.tokenizer.decode([token]) : `#${token}`;
  }

  encode(text: string): number[] {
    if (this.tokenizer) return [...this.tokenizer.encode(text)];
    return (text.match(/\d+/g) ?? []).map(Number);
  }

  decode(tokens: ArrayLike<number>): string {
    return this.tokenizer
      ? this.tokenizer.decode(Array.from(tokens))
      : Array.from(tokens, (t) => `#${t}`).join(" ");
  }

  has(circuit: Circuit): boolean {
    try {
      for (const node of circuit.nodes) this.index.numberOf(node);
      return true;
    } catch {
      return false;
    }
  }

  dispose(): Promise<void> {
    return this.model.dispose();
  }
}
