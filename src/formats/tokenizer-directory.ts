import { SparseLensError } from "../errors.js";
import { type ByteSource, readJsonObject, readText } from "../io/byte-source.js";
import { requireLocalFiles } from "../io/local-files.js";
import { Tokenizer } from "../tokenizer/tokenizer.js";
import { isTinypython, toVocabularyAndMerges } from "./tokenizer-files.js";

/** Names of the files that a tokenizer is written to. */
export const tokenizerFileNames = ["tokenizer.json", "encoder.json", "vocab.bpe"];

/**
 * Reads the tokenizer of a directory: its `tokenizer.json`, or else `encoder.json` with `vocab.bpe`.
 * @throws SparseLensError when it has neither, or naming what in them is not supported
 */
export async function readTokenizerDirectory(directory: string): Promise<Tokenizer> {
  const files = requireLocalFiles("Reading a tokenizer");
  const read = async <T>(name: string, parse: (file: ByteSource) => Promise<T>): Promise<T> => {
    const file = await files.open(files.join(directory, name));
    try {
      return await parse(file);
    } finally {
      await file.close();
    }
  };
  const has = async (name: string) => (await files.kind(files.join(directory, name))) === "file";
  if (await has("tokenizer.json")) {
    const json = await read("tokenizer.json", readJsonObject);
    return Tokenizer.fromTokenizerJson(json, files.join(directory, "tokenizer.json"));
  }
  if ((await has("encoder.json")) && (await has("vocab.bpe"))) {
    const vocabulary = (await read("encoder.json", readJsonObject)) as Record<string, number>;
    const merges = await read("vocab.bpe", (file) => readText(file));
    return Tokenizer.fromVocabulary({ vocabulary, merges }, files.join(directory, "encoder.json"));
  }
  throw new SparseLensError(
    `${directory} holds no tokenizer: neither tokenizer.json, nor encoder.json with vocab.bpe.`,
  );
}

/**
 * Writes a tokenizer into a directory: `tokenizer.json`, and `encoder.json` with `vocab.bpe` where these can express it.
 * @returns the text of `tokenizer.json`
 */
export async function writeTokenizerDirectory(tokenizer: Tokenizer, directory: string): Promise<string> {
  const files = requireLocalFiles("Writing a tokenizer");
  const parts = { tokenizerJson: tokenizer.toTokenizerJson(), location: directory };
  // Compact: tens of thousands of lines help nobody.
  const json = `${JSON.stringify(parts.tokenizerJson)}\n`;
  await files.writeText(files.join(directory, "tokenizer.json"), json);
  if (isTinypython(parts)) {
    const { vocabulary, merges } = toVocabularyAndMerges(parts);
    await files.writeText(files.join(directory, "encoder.json"), `${JSON.stringify(vocabulary)}\n`);
    await files.writeText(files.join(directory, "vocab.bpe"), merges);
  }
  return json;
}
