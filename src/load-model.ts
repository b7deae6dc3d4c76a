import { type Checkpoint, openCheckpoint } from "./formats/checkpoint.js";
import { type ResolveOptions, resolveSource } from "./io/source.js";
import { Model } from "./model.js";
import { ThreadPool, type ThreadPoolOptions } from "./runtime/thread-pool.js";
import { END_OF_TEXT } from "./tokenizer/tinypython.js";
import { Tokenizer } from "./tokenizer/tokenizer.js";

export interface LoadOptions extends Omit<ResolveOptions, "onProgress">, ThreadPoolOptions {
  readonly onProgress?: (progress: LoadProgress) => void;
  /**
   * Seed: instead of the trained weights, random ones on the trained sparsity pattern; in each tensor its nonzero values
   * change places. What a circuit is to be compared with.
   */
  readonly shuffleWeights?: number;
}

export type LoadProgress =
  /** Bytes of a file that is being downloaded; `total` 0 when the server does not say. */
  | { readonly phase: "download"; readonly file: string; readonly loaded: number; readonly total: number }
  /** Tensors read into the engine. */
  | { readonly phase: "load"; readonly tensor: string; readonly loaded: number; readonly total: number };

/**
 * Opens a model, from any format it was released in, and makes it ready to compute.
 * @param source a directory or weights file, `hf:owner/name`, `blob:name`, the URL of a model in the blob store, or in
 *   a browser its `File`s
 * @throws SparseLensError naming the file, tensor or key that does not fit
 */
export async function loadModel(
  source: string | File | readonly File[],
  options: LoadOptions = {},
): Promise<Model> {
  const { onProgress, signal } = options;
  const resolved = await resolveSource(source as string, {
    ...options,
    onProgress: (progress) => onProgress?.({ phase: "download", ...progress }),
  });
  const checkpoint = await openCheckpoint(resolved, { signal });
  let tokenizer: Tokenizer | null;
  try {
    tokenizer = readTokenizer(checkpoint);
  } finally {
    await checkpoint.close();
  }
  signal?.throwIfAborted();

  const pool = await ThreadPool.start(options);
  const abort = () => void pool.dispose();
  signal?.addEventListener("abort", abort);
  try {
    signal?.throwIfAborted();
    const model = await pool.load(
      resolved,
      (tensor, loaded, total) => onProgress?.({ phase: "load", tensor, loaded, total }),
      options.shuffleWeights,
    );
    signal?.throwIfAborted();
    return new Model(pool, model, tokenizer, resolved);
  } catch (error) {
    await pool.dispose();
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/**
 * The tokenizer of an opened model, if it has one.
 * @throws SparseLensError naming the file and key that is not supported
 */
export function readTokenizer({
  tokenizer,
  config,
}: Pick<Checkpoint, "tokenizer" | "config">): Tokenizer | null {
  if (!tokenizer) return null;
  const { tokenizerJson, vocabulary, merges, location } = tokenizer;
  if (tokenizerJson) return Tokenizer.fromTokenizerJson(tokenizerJson, location);
  if (!vocabulary || merges === undefined) return null;
  // Files of this family may leave out the end of text, which is always the last id.
  const { tokenizer_name, vocab_size } = config;
  const implied = String(tokenizer_name).startsWith("tinypython") && !Object.hasOwn(vocabulary, END_OF_TEXT);
  const specialTokens = implied ? { [END_OF_TEXT]: Number(vocab_size) - 1 } : undefined;
  return Tokenizer.fromVocabulary({ vocabulary, merges, specialTokens }, location);
}
