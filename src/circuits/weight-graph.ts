import { type ModelConfig, parseConfig } from "../model/config.js";
import { type Connection, describe } from "../model/description.js";
import { NodeIndex } from "../model/node-index.js";
import { checkTensors, type TensorSource } from "../model/weights.js";
import type { SparseMatrix } from "../tensor.js";

/** A model's files, opened: what `openCheckpoint` returns. */
export interface WeightFiles {
  readonly config: Record<string, unknown>;
  /** For messages. */
  readonly configFile: string;
  readonly location: string;
  readonly tensors: ReadonlyMap<string, TensorSource>;
}

/** Ends of the residual stream: `embedding:12` is what the token embedding writes to channel 12. */
export const STREAM_ENDS = ["embedding", "position", "unembedding"] as const;
export type StreamEnd = (typeof STREAM_ENDS)[number];

/** What lies one step from a node. */
export interface WeightLink {
  /** `4.attn.resid_delta:1079`, or an end of the stream with its channel. */
  readonly name: string;
  /** Number of the node in `WeightGraph.index`; null for an end of the stream. */
  readonly node: number | null;
  /**
   * The factor between the two values: an entry of a matrix; on the residual stream, from what is written to what is
   * read, the entry of the norm's weight (the norm's scale, which depends on the token, aside).
   */
  readonly weight: number;
  /** The tensor that the weight is an entry of. */
  readonly through: string;
}

/** A row of an embedding, by its entry in one channel. `row` is a token, or a position. */
export interface RowWeight {
  readonly row: number;
  readonly weight: number;
}

/** An attention or MLP, or the unembedding at the end: whatever reads the residual stream. */
interface Reader {
  /** Location whose channels are those of the stream. */
  readonly location: string;
  /** Its norm's weight. */
  readonly norm: string;
  /** The matrix that multiplies what it reads. */
  readonly matrix: string;
  /** What it writes to the stream; null for the unembedding. */
  readonly writer: Connection | null;
}

/**
 * Who feeds whom, by the weights alone: the edges of a layer, and across layers the residual stream, channel by channel.
 * Matrices are read as their nonzeros, when they are first asked for; activations play no part.
 */
export class WeightGraph {
  readonly config: ModelConfig;
  /** All nodes, those of `final_resid` among them. */
  readonly index: NodeIndex;
  readonly #tensors: ReadonlyMap<string, TensorSource>;
  readonly #connections: readonly Connection[];
  /** In the order in which they happen. */
  readonly #readers: readonly Reader[];
  readonly #matrices = new Map<string, Promise<SparseMatrix>>();
  readonly #transposed = new Map<string, Promise<SparseMatrix>>();
  readonly #vectors = new Map<string, Promise<Float32Array>>();

  /** @throws SparseLensError when configuration and tensors do not fit together */
  constructor({ config, configFile, location, tensors }: WeightFiles) {
    this.config = parseConfig(config, configFile);
    checkTensors(this.config, tensors, location);
    this.#tensors = tensors;
    const description = describe(this.config);
    this.#connections = description.connections;
    this.index = new NodeIndex(description, { finalResid: true });
    const into = (location: string) => this.#connections.find(({ target }) => target === location)!;
    const layers = Array.from({ length: this.config.n_layer }, (_, i): Reader[] => {
      const h = `transformer.h.${i}`;
      return [
        {
          ...{ location: `${i}.attn.act_in`, norm: `${h}.ln_1.weight`, matrix: `${h}.attn.c_attn.weight` },
          writer: into(`${i}.attn.resid_delta`),
        },
        {
          ...{ location: `${i}.mlp.act_in`, norm: `${h}.ln_2.weight`, matrix: `${h}.mlp.c_fc.weight` },
          writer: into(`${i}.mlp.resid_delta`),
        },
      ];
    });
    const end = { location: "final_resid", norm: "transformer.ln_f.weight", writer: null };
    this.#readers = [...layers.flat(), { ...end, matrix: this.#tensorOf("unembedding") }];
  }

  /** What feeds a node, the largest |weight| first; on the residual stream only what is ever written. */
  async inputs(node: number): Promise<WeightLink[]> {
    const { name, offset } = this.index.locationOf(node);
    const channel = node - offset;
    const reader = this.#readers.findIndex(({ location }) => location === name);
    if (reader >= 0) {
      if (channel >= this.config.d_model) return this.#concatenatedPosition(name, channel);
      return this.#writers(reader, channel);
    }
    const links: Ranked[] = [];
    for (const { source, weight, firstRow } of this.#connections.filter(({ target }) => target === name)) {
      const from = this.index.location(source).offset;
      for (const [column, value] of rowOf(await this.#matrix(weight), firstRow + channel))
        links.push(this.#ranked(from + column, value, weight));
    }
    return sorted(links);
  }

  /** What a node feeds, the largest |weight| first; on the residual stream only what is ever read. */
  async outputs(node: number): Promise<WeightLink[]> {
    const { name, offset } = this.index.locationOf(node);
    const channel = node - offset;
    const written = this.#readers.findIndex(({ writer }) => writer?.target === name);
    if (written >= 0) return this.#readersAfter(written, channel);
    if (name === "final_resid") return sorted(await this.#unembedding(channel));
    const links: Ranked[] = [];
    for (const connection of this.#connections.filter(({ source }) => source === name)) {
      const { offset: to, width } = this.index.location(connection.target);
      const { weight, firstRow } = connection;
      for (const [row, value] of rowOf(await this.#columns(weight), channel)) {
        if (row >= firstRow && row < firstRow + width)
          links.push(this.#ranked(to + row - firstRow, value, weight));
      }
    }
    return sorted(links);
  }

  /** What is added to a node whatever its inputs are; 0 where there is no bias. */
  async bias(node: number): Promise<number> {
    const { name, offset } = this.index.locationOf(node);
    const into = this.#connections.find(({ target }) => target === name);
    if (!into) return 0;
    const bias = await this.#vector(into.weight.replace(/weight$/, "bias"));
    return bias?.[into.firstRow + node - offset] ?? 0;
  }

  /** q and k feed nothing by a weight: a channel of one is multiplied with the same channel of the other. */
  partner(node: number): number | null {
    const { name, offset } = this.index.locationOf(node);
    const match = /^(\d+\.attn)\.([qk])$/.exec(name);
    if (!match) return null;
    return this.index.location(`${match[1]}.${match[2] === "q" ? "k" : "q"}`).offset + node - offset;
  }

  /** Rows of an embedding that are not zero in a channel, the largest |weight| first. */
  async rows(end: StreamEnd, channel: number): Promise<RowWeight[]> {
    const rows = rowOf(await this.#columns(this.#tensorOf(end)), channel);
    return Array.from(rows, ([row, weight]) => ({ row, weight })).sort(
      (a, b) => Math.abs(b.weight) - Math.abs(a.weight) || a.row - b.row,
    );
  }

  /** The channels of a row of an embedding that are not zero. */
  async row(end: StreamEnd, row: number): Promise<Map<number, number>> {
    return new Map(rowOf(await this.#matrix(this.#tensorOf(end)), row));
  }

  #tensorOf(end: StreamEnd): string {
    if (end === "position") return "transformer.wpe.weight";
    if (end === "embedding" || this.config.tied_unembed) return "transformer.wte.weight";
    return "lm_head.weight";
  }

  async #writers(reader: number, channel: number): Promise<WeightLink[]> {
    const { norm } = this.#readers[reader];
    const weight = (await this.#vector(norm))![channel];
    const links: Ranked[] = [];
    for (const { writer } of this.#readers.slice(0, reader)) {
      const node = this.index.location(writer!.target).offset + channel;
      const entries = [...rowOf(await this.#matrix(writer!.weight), channel)].map(([, value]) => value);
      const strength = Math.hypot(...entries, await this.bias(node));
      if (strength > 0) links.push(this.#ranked(node, weight, norm, strength));
    }
    const ends =
      this.config.d_pos_emb === null ? (["embedding", "position"] as const) : (["embedding"] as const);
    for (const end of ends) {
      const rows = await this.rows(end, channel);
      if (rows.length === 0) continue;
      const strength = Math.hypot(...rows.map((row) => row.weight));
      links.push(endLink(end, channel, weight, norm, strength));
    }
    return sorted(links);
  }

  async #concatenatedPosition(location: string, channel: number): Promise<WeightLink[]> {
    const positional = channel - this.config.d_model;
    const norm = this.#readers
      .find((reader) => reader.location === location)!
      .norm.replace(/ln_(\d)/, "ln_p$1");
    const weight = (await this.#vector(norm))![positional];
    const rows = await this.rows("position", positional);
    return sorted(rows.length === 0 ? [] : [endLink("position", positional, weight, norm, 1)]);
  }

  async #readersAfter(written: number, channel: number): Promise<WeightLink[]> {
    const links: Ranked[] = [];
    for (const { location, norm, matrix, writer } of this.#readers.slice(written + 1)) {
      if (writer === null) links.push(...(await this.#unembedding(channel)));
      else if (rowOf(await this.#columns(matrix), channel).next().done === false) {
        const weight = (await this.#vector(norm))![channel];
        links.push(this.#ranked(this.index.location(location).offset + channel, weight, norm));
      }
    }
    return sorted(links);
  }

  async #unembedding(channel: number): Promise<Ranked[]> {
    const { norm } = this.#readers.at(-1)!;
    if ((await this.rows("unembedding", channel)).length === 0) return [];
    return [endLink("unembedding", channel, (await this.#vector(norm))![channel], norm, 1)];
  }

  #ranked(node: number, weight: number, through: string, strength = 1): Ranked {
    return { link: { name: this.index.nameOf(node), node, weight, through }, strength };
  }

  #matrix(name: string): Promise<SparseMatrix> {
    return remembered(this.#matrices, name, () => this.#tensors.get(name)!.readSparse());
  }

  /** The matrix by its columns. */
  #columns(name: string): Promise<SparseMatrix> {
    return remembered(this.#transposed, name, async () => transpose(await this.#matrix(name)));
  }

  /** Undefined where there is no such tensor. */
  async #vector(name: string): Promise<Float32Array | undefined> {
    const tensor = this.#tensors.get(name);
    return tensor && remembered(this.#vectors, name, () => tensor.readDense());
  }
}

/** A link, and how much is written through it: what orders those of equal weight. */
interface Ranked {
  readonly link: WeightLink;
  readonly strength: number;
}

function endLink(end: StreamEnd, channel: number, weight: number, through: string, strength: number): Ranked {
  return { link: { name: `${end}:${channel}`, node: null, weight, through }, strength };
}

function sorted(links: readonly Ranked[]): WeightLink[] {
  return links
    .filter(({ link }) => link.weight !== 0)
    .sort((a, b) => Math.abs(b.link.weight) - Math.abs(a.link.weight) || b.strength - a.strength)
    .map(({ link }) => link);
}

function remembered<V>(map: Map<string, Promise<V>>, key: string, make: () => Promise<V>): Promise<V> {
  const known = map.get(key) ?? make();
  map.set(key, known);
  return known;
}

/** Column and value of the nonzeros of a row. */
function* rowOf(
  { rowPointers, columnIndices, values }: SparseMatrix,
  row: number,
): Generator<[number, number], undefined> {
  for (let i = rowPointers[row]; i < rowPointers[row + 1]; i++) {
    if (values[i] !== 0) yield [columnIndices[i], values[i]];
  }
}

function transpose({ rows, columns, rowPointers, columnIndices, values }: SparseMatrix): SparseMatrix {
  const pointers = new Uint32Array(columns + 1);
  for (const column of columnIndices) pointers[column + 1]++;
  for (let column = 0; column < columns; column++) pointers[column + 1] += pointers[column];
  const next = pointers.slice();
  const indices = new Uint32Array(values.length);
  const transposed = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let i = rowPointers[row]; i < rowPointers[row + 1]; i++) {
      const at = next[columnIndices[i]]++;
      indices[at] = row;
      transposed[at] = values[i];
    }
  }
  return { rows: columns, columns: rows, rowPointers: pointers, columnIndices: indices, values: transposed };
}
