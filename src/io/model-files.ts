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

/** Beside a model: the means of its nodes over a corpus with this hash. */
export function meansFileName(sha256: string): string {
  return `means-${sha256.slice(0, 12)}.safetensors`;
}

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
  const isMeans = (name: string) => /^means-[0-9a-f]{12}\.safetensors$/.test(name);
  const candidates = [...present].filter((name) => isWeightsFile(name) && !isMeans(name));
  if (candidates.length === 1) return candidates[0];
  if (candidates.length === 0) {
    throw new SparseLensError(`${where} holds no model: none of ${weightNames.join(", ")} is there.`);
  }
  throw new SparseLensError(
    `${where} holds several weights files (${candidates.sort().join(", ")}): name the one to use.`,
  );
}

/** The shards that an index names (`model.safetensors.index.json`), each with the tensors that it must hold. */
export function shardsOf(index: Record<string, unknown>, where: string): Map<string, Set<string>> {
  const map = index.weight_map;
  if (typeof map !== "object" || map === null || Object.keys(map).length === 0) {
    throw new SparseLensError(`${where} has no weight_map.`);
  }
  const shards = new Map<string, Set<string>>();
  for (const [tensor, file] of Object.entries(map)) {
    // A name with a slash could point anywhere.
    if (typeof file !== "string" || !/^[\w.-]+\.safetensors$/.test(file)) {
      throw new SparseLensError(
        `${where} puts ${JSON.stringify(tensor)} into a file that is not a safetensors file beside it.`,
      );
    }
    const tensors = shards.get(file) ?? new Set();
    shards.set(file, tensors.add(tensor));
  }
  return shards;
}
