import type { Corpus } from "../corpus/corpus.js";
import { formatDocuments } from "./catalogue.js";

/** Documents that a site holds: enough for quantiles, few enough to be loaded with a page. */
const DOCUMENTS = 512;

/** Text of `documents.json`: documents of a corpus' training split, spread evenly, up to the model's block size. */
export async function documentsOfCorpus(corpus: Corpus, blockSize: number): Promise<string> {
  const [tokens, ranges] = [await corpus.tokens("train"), await corpus.documents("train")];
  const filled = ranges.filter(({ start, end }) => end > start);
  const count = Math.min(DOCUMENTS, filled.length);
  const documents = Array.from({ length: count }, (_, i) => {
    const { start, end } = filled[Math.floor((i * filled.length) / count)];
    return [...tokens.subarray(start, Math.min(end, start + blockSize))];
  });
  const source = corpus.directory
    .replace(/[\\/]+$/, "")
    .split(/[\\/]/)
    .at(-1)!;
  return formatDocuments({ source, documents });
}
