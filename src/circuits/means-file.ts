import type { Corpus } from "../corpus/corpus.js";
import { referToCorpus } from "../corpus/reference.js";
import { spreadSequences } from "../corpus/sequences.js";
import { SparseLensError } from "../errors.js";
import { readSafetensors, writeSafetensors } from "../formats/safetensors.js";
import type { ByteSource } from "../io/byte-source.js";
import { requireLocalFiles } from "../io/local-files.js";
import { meansFileName } from "../io/model-files.js";
import type { Model } from "../model.js";
import type { MeansReference } from "./circuit.js";
import { computeMeans, type Means, type MeansOptions } from "./means.js";
import { modelHash } from "./model-identity.js";

const FORMAT = "sparselens-means";

export interface CorpusMeansOptions extends MeansOptions {
  /** Where they are kept. Default: beside the model. */
  readonly path?: string;
  /** About how many tokens of the training split are averaged over, in documents spread evenly. */
  readonly tokens?: number;
}

/** Tokens that means are taken over unless said otherwise: standard errors are then far below what matters. */
export const MEANS_TOKENS = 2 ** 18;

/**
 * Means of every node over a corpus, document by document: from the file beside the model where they were computed
 * before, else computed and kept there.
 * @throws SparseLensError when the corpus was written with another tokenizer, or the file cannot be written
 */
export async function meansOfCorpus(
  model: Model,
  corpus: Corpus,
  { path, tokens = MEANS_TOKENS, ...options }: CorpusMeansOptions = {},
): Promise<Means> {
  const files = requireLocalFiles("Means of a corpus");
  const { sha256 } = referToCorpus(files, corpus.directory, corpus.manifest);
  const target = path ?? (await pathBeside(model, sha256));
  if ((await files.kind(target)) === "file") {
    const means = await readMeansFile(target, model);
    const { reference } = means;
    // A few documents more or less make no other mean.
    if (
      reference.sha256 === sha256 &&
      reference.tokens >= Math.min(tokens, corpus.manifest.splits.train.tokens) / 2
    ) {
      return means;
    }
  }
  const sequences = await meansSequences(model, corpus, tokens);
  const source = files.baseName(files.absolute(corpus.directory));
  const means = await computeMeans(model, sequences, { source, sha256 }, options);
  await writeMeansFile(target, means, model);
  return means;
}

/** The documents of a corpus that means are taken over: of about so many tokens of its training split, spread evenly. */
export async function meansSequences(
  { config }: Pick<Model, "config">,
  corpus: Corpus,
  tokens = MEANS_TOKENS,
): Promise<Uint16Array[]> {
  const all = await corpus.tokens("train");
  const ranges = spreadSequences(all, corpus.manifest.tokenizer.endOfText, config.block_size, tokens);
  return ranges.map(({ start, length }) => all.subarray(start, start + length));
}

/**
 * The means that a circuit refers to.
 * @param path of their file; default: beside the model
 * @throws SparseLensError saying where they were looked for, or how they differ
 */
export async function findMeans(model: Model, reference: MeansReference, path?: string): Promise<Means> {
  const files = requireLocalFiles("Means of a circuit");
  const target = path ?? (reference.sha256 && (await pathBeside(model, reference.sha256)));
  if (target === null || target === "") {
    throw new SparseLensError(
      `The circuit's means (${reference.source}) are not those of a corpus: name the file that holds them.`,
    );
  }
  if ((await files.kind(target)) !== "file") {
    throw new SparseLensError(
      `The means of the circuit (of the corpus ${reference.source}) are not in ${target}. Compute them from that corpus, or name the file that holds them.`,
    );
  }
  const means = await readMeansFile(target, model);
  if (means.reference.sha256 !== reference.sha256) {
    throw new SparseLensError(
      `${target} holds the means of another corpus (${means.reference.source}) than the circuit's (${reference.source}).`,
    );
  }
  return means;
}

/** @throws SparseLensError when the file holds no means, or those of another model */
export async function readMeansFile(path: string, model: Model): Promise<Means> {
  const file = await requireLocalFiles("Reading means").open(path);
  return await parseMeans(file, model).finally(() => file.close());
}

/** The same of a file that is open. */
export async function parseMeans(file: ByteSource, model: Model): Promise<Means> {
  const { tensors, metadata } = await readSafetensors(file);
  if (metadata.get("format") !== FORMAT) throw new SparseLensError(`${file.name} holds no means of nodes.`);
  if (metadata.get("model") !== (await modelHash(model))) {
    throw new SparseLensError(
      `${file.name} holds the means of another model than ${model.source}: remove it, or name another file.`,
    );
  }
  const values = new Map<string, Float32Array>();
  for (const { name, offset, byteLength } of tensors.values()) {
    const bytes = (await file.read(offset, byteLength)).slice();
    values.set(name, new Float32Array(bytes.buffer));
  }
  const reference = {
    source: metadata.get("source") ?? "",
    sha256: metadata.get("corpus") || null,
    tokens: Number(metadata.get("tokens")),
  };
  return { values, reference };
}

/** Writes a file that appears whole or not at all. */
export async function writeMeansFile(
  path: string,
  { values, reference }: Means,
  model: Model,
): Promise<void> {
  const files = requireLocalFiles("Writing means");
  const partial = `${path}.partial-${Math.random().toString(36).slice(2, 10)}`;
  try {
    const sink = await files.create(partial);
    const tensors = [...values].map(([name, data]) => ({
      ...{ name, dtype: "F32" as const, shape: [data.length] },
      read: async () => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    }));
    await writeSafetensors(sink, tensors, {
      ...{ format: FORMAT, model: await modelHash(model), source: reference.source },
      ...{ corpus: reference.sha256 ?? "", tokens: String(reference.tokens) },
    }).finally(() => sink.close());
    await files.rename(partial, path);
  } catch (error) {
    await files.remove(partial);
    throw error;
  }
}

async function pathBeside({ source }: Model, sha256: string): Promise<string> {
  const files = requireLocalFiles("Means of a corpus");
  const kind = await files.kind(source);
  if (kind === null) {
    throw new SparseLensError(
      `${source} is not a directory here, beside whose files means could be kept: name a file for them.`,
    );
  }
  const directory = kind === "directory" ? source : files.directoryName(source);
  return files.join(directory, meansFileName(sha256));
}
