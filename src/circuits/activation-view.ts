import { SparseLensError } from "../errors.js";
import { NodeIndex, type NodeLocation } from "../model/node-index.js";
import type { Model } from "../model.js";
import type { Tensor } from "../tensor.js";
import { Histogram, type HistogramBins } from "./histogram.js";

/** How a node is active over the pretraining distribution. */
export interface ActivationView {
  readonly documents: number;
  readonly tokens: number;
  /** Tokens at which it is exactly zero, as AbsTopK leaves it. */
  readonly zeros: number;
  readonly mean: number;
  readonly standardDeviation: number;
  readonly minimum: number;
  readonly maximum: number;
  /** Of the activations that are not zero. */
  readonly histogram: HistogramBins;
  readonly quantiles: readonly ActivatingDocuments[];
}

/** The documents about a quantile, in order; fewer only where there are fewer. */
export interface ActivatingDocuments {
  /** A share of the documents: 0.01. */
  readonly quantile: number;
  /** Counted from the document with the least activation; a document stands where its least activation does. */
  readonly bottom: readonly ActivatingDocument[];
  /** Counted from the document with the greatest one. */
  readonly top: readonly ActivatingDocument[];
}

export interface ActivatingDocument {
  /** Its place among the sequences. */
  readonly document: number;
  /** `[T]` */
  readonly tokens: Int32Array;
  /** `[T]` */
  readonly activations: Float32Array;
  /** Where the activation is that it stands for: the least of a bottom document, the greatest of a top one. */
  readonly position: number;
}

/** The released viewer's. */
export const QUANTILES = [0.001, 0.01, 0.1, 0.5] as const;

/** Sequences of tokens, none longer than the model's block size. */
export interface Sequences {
  readonly length: number;
  at(index: number): ArrayLike<number>;
}

export interface ActivationViewOptions {
  readonly quantiles?: readonly number[];
  /** Documents at each quantile and side. Default 5. */
  readonly documents?: number;
  /** Bins of the histogram at most. Default 64. */
  readonly bins?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/** Tokens of one call. */
const CALL_TOKENS = 4096;

/**
 * The activations of nodes over documents. These go by twice: first for the distributions, of which eight bytes are kept
 * for each document and node; then those that stand at a quantile, again. Documents of equal activation are in the order
 * of their places.
 * @throws SparseLensError when the model has no such node, or there are no documents
 */
export async function viewActivations(
  model: Model,
  nodes: readonly string[],
  sequences: Sequences,
  options: ActivationViewOptions = {},
): Promise<Map<string, ActivationView>> {
  const { quantiles = QUANTILES, documents = 5, bins = 64, signal, onProgress } = options;
  const index = new NodeIndex(model.description, { finalResid: true });
  const watched = nodes.map((node) => new WatchedNode(node, index, sequences.length));
  if (sequences.length === 0) throw new SparseLensError("There are no documents to look at.");
  const every = Array.from({ length: sequences.length }, (_, document) => document);
  const record = [...new Set(watched.map(({ location }) => location.name))];
  for await (const { document, activations } of run(model, sequences, every, record, signal)) {
    onProgress?.({ done: document, total: sequences.length });
    for (const node of watched) node.count(document, activations.get(node.location.name)!);
  }

  const chosen = watched.map((node) => node.choose(quantiles, documents));
  const again = [...new Set(chosen.flatMap((places) => places.flat(2)))].sort((a, b) => a - b);
  const kept = watched.map(() => new Map<number, Float32Array>());
  for await (const { document, activations } of run(model, sequences, again, record, signal)) {
    for (const [i, node] of watched.entries()) {
      if (chosen[i].some((sides) => sides.some((side) => side.includes(document))))
        kept[i].set(document, node.column(activations.get(node.location.name)!));
    }
  }
  return new Map(
    watched.map((node, i) => {
      const show = (document: number, best: (a: number, b: number) => boolean): ActivatingDocument => {
        const activations = kept[i].get(document)!;
        let position = 0;
        for (let t = 1; t < activations.length; t++)
          if (best(activations[t], activations[position])) position = t;
        return { document, tokens: Int32Array.from(sequences.at(document)), activations, position };
      };
      const views = quantiles.map((quantile, q) => ({
        quantile,
        bottom: chosen[i][q][0].map((document) => show(document, (a, b) => a < b)),
        top: chosen[i][q][1].map((document) => show(document, (a, b) => a > b)),
      }));
      return [node.name, { documents: sequences.length, ...node.statistics(bins), quantiles: views }];
    }),
  );
}

/** The recorded values of some documents, one by one. */
async function* run(
  model: Model,
  sequences: Sequences,
  places: readonly number[],
  record: readonly string[],
  signal: AbortSignal | undefined,
): AsyncGenerator<{ document: number; activations: Map<string, Tensor> }> {
  for (let first = 0; first < places.length; ) {
    const call: number[] = [];
    for (let room = CALL_TOKENS; first < places.length && room > 0; first++) {
      call.push(places[first]);
      room -= sequences.at(places[first]).length;
    }
    const inputs = call.map((document) => Array.from(sequences.at(document)));
    const output = await model.forward(inputs, { record, logits: "none", signal });
    for (const [i, document] of call.entries()) {
      yield {
        document,
        activations: new Map([...output.activations].map(([point, tensors]) => [point, tensors[i]])),
      };
    }
  }
}

/** What is gathered of one node. */
class WatchedNode {
  readonly location: NodeLocation;
  readonly #channel: number;
  /** `[documents]` */
  readonly #least: Float32Array;
  readonly #greatest: Float32Array;
  readonly #histogram = new Histogram();
  #tokens = 0;
  #zeros = 0;
  #sum = 0;
  #squares = 0;

  constructor(
    readonly name: string,
    index: NodeIndex,
    documents: number,
  ) {
    const number = index.numberOf(name);
    this.location = index.locationOf(number);
    this.#channel = number - this.location.offset;
    this.#least = new Float32Array(documents);
    this.#greatest = new Float32Array(documents);
  }

  /** `[T]`: the node's activations. */
  column({ data, shape: [tokens, width] }: Tensor): Float32Array {
    return Float32Array.from({ length: tokens }, (_, t) => data[t * width + this.#channel]);
  }

  count(document: number, value: Tensor): void {
    const activations = this.column(value);
    let least = Number.POSITIVE_INFINITY;
    let greatest = Number.NEGATIVE_INFINITY;
    for (const activation of activations) {
      least = Math.min(least, activation);
      greatest = Math.max(greatest, activation);
      this.#sum += activation;
      this.#squares += activation * activation;
      if (activation === 0) this.#zeros++;
      else this.#histogram.add(activation);
    }
    this.#tokens += activations.length;
    this.#least[document] = least;
    this.#greatest[document] = greatest;
  }

  /** Places of documents: by quantile, then bottom and top. */
  choose(quantiles: readonly number[], documents: number): [bottom: number[], top: number[]][] {
    const ordered = (key: (document: number) => number) =>
      Uint32Array.from(this.#least.keys()).sort((a, b) => key(a) - key(b) || a - b);
    const bottom = ordered((document) => this.#least[document]);
    const top = ordered((document) => -this.#greatest[document]);
    return quantiles.map((quantile) => {
      const middle = Math.floor(quantile * bottom.length) - Math.floor(documents / 2);
      const start = Math.max(0, Math.min(middle, bottom.length - documents));
      const part = (places: Uint32Array) => Array.from(places.subarray(start, start + documents));
      return [part(bottom), part(top)];
    });
  }

  statistics(bins: number): Omit<ActivationView, "documents" | "quantiles"> {
    const mean = this.#sum / this.#tokens;
    return {
      ...{ tokens: this.#tokens, zeros: this.#zeros, mean },
      standardDeviation: Math.sqrt(Math.max(0, this.#squares / this.#tokens - mean * mean)),
      minimum: this.#least.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY),
      maximum: this.#greatest.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY),
      histogram: this.#histogram.bins(bins),
    };
  }
}
