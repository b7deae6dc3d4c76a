import { type Corpus, openCorpus } from "../corpus/corpus.js";
import { SparseLensError } from "../errors.js";
import type { Model } from "../model.js";

/** @throws SparseLensError when the corpus was not written with the tokenizer of the model */
export async function openCorpusOf(
  { tokenizer, source }: Pick<Model, "tokenizer" | "source">,
  directory: string,
): Promise<Corpus> {
  const corpus = await openCorpus(directory);
  const { tokenizer: its } = corpus;
  const isSame =
    its.vocabularySize === tokenizer?.vocabularySize &&
    Array.from({ length: its.vocabularySize }, (_, id) => its.token(id) === tokenizer.token(id)).every(
      Boolean,
    );
  if (!isSame) {
    throw new SparseLensError(
      `${directory} was written with another tokenizer than that of ${source}: token ids mean other text.`,
    );
  }
  return corpus;
}
