import type { ByteSink } from "../io/byte-sink.js";
import { type LocalFiles, requireLocalFiles } from "../io/local-files.js";
import type { Progress } from "../io/progress.js";
import { writeDirectory } from "../io/write-directory.js";
import type { BigramCounts } from "../model/bigram-table.js";
import type { SparseMatrix } from "../tensor.js";
import { END_OF_TEXT } from "../tokenizer/tinypython.js";
import type { Checkpoint, CheckpointLayout, StoredTensor } from "./checkpoint.js";
import { convertConfig } from "./convert-config.js";
import { writeCountedTable } from "./counted-table.js";
import { decode, isFloat, sizeOf } from "./dtype.js";
import { type TensorToWrite, writeSafetensors } from "./safetensors.js";
import { requireFinite } from "./sparse-builder.js";
import {
  isSparseDtype,
  layoutVersionFor,
  type SparseDtype,
  sparseByteLength,
  writeSparseMatrices,
} from "./sparse-layout.js";
import { type CountedTable, elementCount } from "./stored-tensor.js";
import { isTinypython, toTokenizerJson, toVocabularyAndMerges } from "./tokenizer-files.js";
import { type TorchTensorToWrite, writeTorch } from "./torch-writer.js";

export interface WriteOptions {
  /** Replace the model in a directory that is not empty. Other files there are left alone. */
  overwrite?: boolean;
  /** Bytes of tensors (as they are stored densely) that have been written. */
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
}

/** Files of the three layouts: those of another one must not stay behind in a directory that is overwritten. */
const modelFileNames = [
  "config.json",
  "beeg_config.json",
  "model.safetensors",
  "model.safetensors.index.json",
  "final_model.pt",
  "tokenizer.json",
  "tokenizer_config.json",
  "vocab.json",
  "merges.txt",
  "encoder.json",
  "vocab.bpe",
];

/**
 * Writes a model in one of the three layouts. Every tensor keeps its type and its bits (except that a matrix stored
 * sparse loses the sign of negative zeros), whatever the layouts are. The released Python loaders accept the layouts
 * `huggingface` and `blob`. Nothing half-written appears in `directory`.
 *
 * @throws SparseLensError when the directory is not empty (see `overwrite`), or when a value is NaN or infinite
 */
export async function writeCheckpoint(
  checkpoint: Checkpoint,
  directory: string,
  layout: CheckpointLayout,
  options: WriteOptions = {},
): Promise<void> {
  const { overwrite, signal } = options;
  const isReplaced = (name: string) => modelFileNames.includes(name);
  await writeDirectory(directory, { what: "a model", overwrite, isReplaced, signal }, (temporary) =>
    writeFiles(checkpoint, temporary, layout, requireLocalFiles("Writing a model"), options),
  );
}

async function writeFiles(
  checkpoint: Checkpoint,
  directory: string,
  layout: CheckpointLayout,
  files: LocalFiles,
  options: WriteOptions,
): Promise<void> {
  const writeJson = (name: string, value: unknown) =>
    files.writeText(files.join(directory, name), `${JSON.stringify(value, null, 1)}\n`);
  await writeJson(layout === "blob" ? "beeg_config.json" : "config.json", convertConfig(checkpoint, layout));
  await writeTokenizer(checkpoint, directory, layout, files, writeJson);

  const name = layout === "blob" ? "final_model.pt" : "model.safetensors";
  const sink = await files.create(files.join(directory, name));
  try {
    const read = reader(checkpoint, name, options);
    if (layout === "sparselens") await writeSparse(checkpoint, sink, read);
    else if (layout === "blob") await writeBlob(checkpoint, sink, read);
    else await writeHuggingFace(checkpoint, sink, read);
  } finally {
    await sink.close();
  }
}

async function writeTokenizer(
  { tokenizer, config }: Checkpoint,
  directory: string,
  layout: CheckpointLayout,
  files: LocalFiles,
  writeJson: (name: string, value: unknown) => Promise<void>,
): Promise<void> {
  if (!tokenizer) return;
  // Compact: tens of thousands of lines help nobody.
  const writeCompact = (name: string, value: unknown) =>
    files.writeText(files.join(directory, name), `${JSON.stringify(value)}\n`);
  if (layout === "sparselens" && tokenizer.tokenizerJson) {
    await writeCompact("tokenizer.json", tokenizer.tokenizerJson);
    return;
  }
  const { vocabulary, merges } = toVocabularyAndMerges(tokenizer);
  if (layout !== "huggingface") {
    await writeCompact("encoder.json", vocabulary);
    await files.writeText(files.join(directory, "vocab.bpe"), merges);
    // Here a vocabulary and merges would not say how text is split.
    if (!isTinypython(tokenizer)) await writeCompact("tokenizer.json", tokenizer.tokenizerJson);
    return;
  }
  await writeCompact("tokenizer.json", toTokenizerJson(tokenizer));
  const endOfText = Object.hasOwn(vocabulary, END_OF_TEXT) ? END_OF_TEXT : null;
  await writeJson("tokenizer_config.json", {
    tokenizer_class: "PreTrainedTokenizerFast",
    eos_token: endOfText,
    bos_token: endOfText,
    model_max_length: config.block_size ?? 1024,
    clean_up_tokenization_spaces: false,
  });
}

interface Reader {
  /** The elements of a tensor, checked to be finite. */
  bytes(tensor: StoredTensor): Promise<Uint8Array>;
  sparse(tensor: StoredTensor): Promise<SparseMatrix>;
  counts(tensor: StoredTensor, counted: CountedTable): Promise<BigramCounts>;
}

/** Reads tensors for writing them to `file`: reports progress and stops when asked to. */
function reader(checkpoint: Checkpoint, file: string, { onProgress, signal }: WriteOptions): Reader {
  const denseLength = ({ dtype, shape }: StoredTensor) => elementCount(shape) * sizeOf(dtype);
  const total = [...checkpoint.tensors.values()].reduce((sum, tensor) => sum + denseLength(tensor), 0);
  const seen = new Set<StoredTensor>();
  let loaded = 0;
  const watched = async <T>(tensor: StoredTensor, read: () => Promise<T>): Promise<T> => {
    signal?.throwIfAborted();
    const result = await read();
    if (!seen.has(tensor)) loaded += denseLength(tensor);
    seen.add(tensor);
    onProgress?.({ file, loaded, total });
    return result;
  };
  return {
    bytes: (tensor) =>
      watched(tensor, async () => {
        const bytes = await tensor.readBytes();
        if (isFloat(tensor.dtype))
          requireFinite(decode(tensor.dtype, bytes), `${checkpoint.location}: ${tensor.name}`);
        return bytes;
      }),
    sparse: (tensor) => watched(tensor, () => tensor.readSparse()),
    counts: (tensor, counted) => watched(tensor, () => counted.readCounts()),
  };
}

async function writeSparse(checkpoint: Checkpoint, sink: ByteSink, read: Reader): Promise<void> {
  const matrices = new Map<string, { matrix: SparseMatrix; dtype: SparseDtype }>();
  const others: TensorToWrite[] = [];
  const metadata: Record<string, string> = {
    format: "sparselens",
    format_version: String(layoutVersionFor(checkpoint.tensors)),
  };
  for (const [name, tensor] of checkpoint.tensors) {
    const { dtype, shape } = tensor;
    if (tensor.counted) {
      const table = writeCountedTable(await read.counts(tensor, tensor.counted));
      others.push(...table.tensors);
      Object.assign(metadata, table.metadata);
      continue;
    }
    if (shape.length === 2 && isSparseDtype(dtype)) {
      const matrix = await read.sparse(tensor);
      const denseLength = elementCount(shape) * sizeOf(dtype);
      if (sparseByteLength(matrix.rows, matrix.columns, matrix.values.length, dtype) < denseLength) {
        matrices.set(name, { matrix, dtype });
        continue;
      }
    }
    others.push({ name, dtype, shape, read: () => read.bytes(tensor) });
  }
  const sparse = writeSparseMatrices(matrices);
  await writeSafetensors(sink, [...others, ...sparse.tensors], { ...metadata, ...sparse.metadata });
}

async function writeHuggingFace(checkpoint: Checkpoint, sink: ByteSink, read: Reader): Promise<void> {
  const tensors: TensorToWrite[] = [];
  for (const [name, tensor] of withTied(checkpoint)) {
    const { dtype, shape } = tensor;
    tensors.push({ name: `circuit_model.${name}`, dtype, shape, read: () => read.bytes(tensor) });
  }
  await writeSafetensors(sink, tensors, { format: "pt" });
}

async function writeBlob(checkpoint: Checkpoint, sink: ByteSink, read: Reader): Promise<void> {
  const tensors = new Map<string, TorchTensorToWrite>();
  const shared =
    isTied(checkpoint) &&
    (await isSame(checkpoint.tensors.get(embedding), checkpoint.tensors.get(unembedding)));
  for (const [name, tensor] of withTied(checkpoint)) {
    const other = name === embedding ? unembedding : embedding;
    const sharedWith =
      shared && (name === embedding || name === unembedding) && tensors.has(other) ? other : undefined;
    tensors.set(name, {
      dtype: tensor.dtype,
      shape: tensor.shape,
      read: () => read.bytes(tensor),
      sharedWith,
    });
  }
  await writeTorch(sink, tensors, "final_model");
}

const embedding = "transformer.wte.weight";
const unembedding = "lm_head.weight";

/** Whether embedding and unembedding are one parameter; so they are unless the configuration says otherwise. */
function isTied({ config }: Checkpoint): boolean {
  return config.tied_unembed !== false;
}

/** All tensors; the released state dict has both names of a tied weight, so a missing one is the other. */
function withTied(checkpoint: Checkpoint): Map<string, StoredTensor> {
  const tensors = new Map(checkpoint.tensors);
  if (!isTied(checkpoint)) return tensors;
  const weight = tensors.get(embedding) ?? tensors.get(unembedding);
  if (!weight) return tensors;
  for (const name of [embedding, unembedding]) if (!tensors.has(name)) tensors.set(name, weight);
  return tensors;
}

/** Whether tensors hold the same bits; one that is missing is the other. */
async function isSame(a: StoredTensor | undefined, b: StoredTensor | undefined): Promise<boolean> {
  if (!a || !b) return true;
  if (a.dtype !== b.dtype || `${a.shape}` !== `${b.shape}`) return false;
  const [x, y] = [await a.readBytes(), await b.readBytes()];
  return x.every((byte, i) => byte === y[i]);
}
