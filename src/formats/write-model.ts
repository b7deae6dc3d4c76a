import { SparseLensError } from "../errors.js";
import type { BigramCounts } from "../model/bigram-table.js";
import { parseConfig } from "../model/config.js";
import { checkTensors } from "../model/weights.js";
import type { Checkpoint, TokenizerFiles } from "./checkpoint.js";
import { type WriteOptions, writeCheckpoint } from "./convert.js";
import { CountedBigramTable } from "./counted-table.js";
import { encode } from "./dtype.js";
import { elementCount, GatheredTensor, type StoredTensor } from "./stored-tensor.js";

/** A model in memory. */
export interface ModelToWrite {
  /** By the released code's keys, as `beeg_config.json` holds them. */
  readonly config: Readonly<Record<string, unknown>>;
  /** By the names of the released state dict; float32, row-major. */
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;
  readonly tokenizer: TokenizerFiles | null;
  /** In place of the tensor `bigram_table`, for a table that was counted. */
  readonly bigramCounts?: BigramCounts;
}

/**
 * Writes a model from memory as a directory in our own layout, as `writeCheckpoint` does. The arrays are read, not
 * kept, and must not change until it resolves.
 *
 * @throws SparseLensError when tensors and configuration do not fit together, when a value is NaN or infinite, or when
 *   the directory is not empty (see `overwrite`)
 */
export async function writeModel(
  directory: string,
  { config, tensors, tokenizer, bigramCounts }: ModelToWrite,
  options: WriteOptions = {},
): Promise<void> {
  const location = `the model for ${directory}`;
  const stored = new Map<string, StoredTensor>();
  for (const [name, { shape, data }] of tensors) {
    if (data.length !== elementCount(shape)) {
      throw new SparseLensError(`${location}: ${name} has ${data.length} values for the shape [${shape}].`);
    }
    const where = `${location}: ${name}`;
    stored.set(name, new GatheredTensor(name, "F32", [...shape], where, async () => encode("F32", data)));
  }
  if (bigramCounts) {
    if (tensors.has("bigram_table")) {
      throw new SparseLensError(`${location} has both a bigram table and its counts: leave one out.`);
    }
    const { vocabularySize, counts } = bigramCounts;
    const counted = { pairs: counts.length, readCounts: async () => bigramCounts };
    stored.set("bigram_table", new CountedBigramTable(vocabularySize, counted));
  }
  checkTensors(parseConfig({ ...config }, location), stored, location);
  const checkpoint: Checkpoint = {
    location,
    layout: "sparselens",
    configFile: location,
    config: { ...config },
    tensors: stored,
    tokenizer,
    close: async () => {},
  };
  await writeCheckpoint(checkpoint, directory, "sparselens", options);
}
