import { SparseLensError } from "../errors.js";
import { readTokenizerDirectory } from "../formats/tokenizer-directory.js";
import { readTokenizer } from "../load-model.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import { localFiles, type OpenOptions, withCheckpoint } from "./open.js";

/** The tokenizer of a model, or of a directory that holds one without a model (a corpus does). */
export async function openTokenizer(
  argument: string,
  options: OpenOptions,
  signal: AbortSignal,
): Promise<Tokenizer> {
  const files = localFiles();
  if ((await files.kind(argument)) === "directory") {
    const names = await files.list(argument);
    const isModel = names.includes("config.json") || names.includes("beeg_config.json");
    if (!isModel) return await readTokenizerDirectory(argument);
  }
  let tokenizer: Tokenizer | null = null;
  await withCheckpoint(argument, options, signal, async (checkpoint) => {
    tokenizer = readTokenizer(checkpoint);
    if (!tokenizer) throw new SparseLensError(`${checkpoint.location} came without a tokenizer.`);
  });
  return tokenizer!;
}
