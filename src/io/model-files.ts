import { SparseLensError } from "../errors.js";

/** The files that make up a model, by their base names. */
export interface ModelFiles {
  config: "config.json" | "beeg_config.json";
  /** A weights file, or the index of a sharded one. */
  weights: string;
  tokenizer: string[];
}

export const indexName = "model.safetensors.index.json";

/** The only names that are ever downloaded, besides shards of `model.safetensors`. */
const configNames = ["config.json", "beeg_config.json"] as const;
const tokenizerNames = [
  "tokenizer.json",
  "tokenizer_config.json",
  "vocab.json",
  "merges.txt",
  "encoder.json",
  "vocab.bpe",
];
const weightNames = ["model.safetensors", indexName, "final_model.pt"];

export function isWeightsFile(name: string): boolean {
  return /\.(safetensors|pt|pth|bin)$/.test(name) || name.endsWith(".safetensors.index.json");
}

/**
 * Picks the files of a model among `names` (base names of a directory, of a repository, or of files that were picked).
 *
 * @param where for messages
 * @param weights the weights file, when it is known
 * @throws SparseLensError when something is missing
 */
export function chooseModelFiles(names: Iterable<string>, where: string, weights?: string): ModelFiles {
  const present = new Set(names);
  const chosen = weights ?? weightNames.find((name) => present.has(name)) ?? onlyWeightsFile(present, where);
  const order =
    chosen.endsWith(".safetensors") || chosen === indexName ? configNames : [...configNames].reverse();
  const config = order.find((name) => present.has(name));
  if (!config) {
    throw new SparseLensError(
      `${where} has no configuration: config.json or beeg_config.json must be beside ${chosen}.`,
    );
  }
  return { config, weights: chosen, tokenizer: tokenizerNames.filter((name) => present.has(name)) };
}

function onlyWeightsFile(present: Set<string>, where: string): string {
  const candidates = [...present].filter(isWeightsFile);
  if (candidates.length === 1) return candidates[0];
  if (candidates.length === 0) {
    throw new SparseLensError(`${where} holds no model: none of ${weightNames.join(", ")} is there.`);
  }
  throw new SparseLensError(
    `${where} holds several weights files (${candidates.sort().join(", ")}): name the one to use.`,
  );
}
