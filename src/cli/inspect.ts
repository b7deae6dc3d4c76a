import { SparseLensError } from "../errors.js";
import type { Checkpoint, StoredTensor } from "../formats/checkpoint.js";
import { RELEASED_KEYS } from "../formats/convert-config.js";
import { elementCount } from "../formats/stored-tensor.js";
import { type ModelConfig, parseConfig } from "../model/config.js";
import { checkTensors } from "../model/weights.js";

export interface TensorReport {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly storedAs: StoredTensor["storedAs"];
  /** Of a bigram table that is stored as counts and computed from them: pairs of tokens that have a count. */
  readonly countedPairs?: number;
  readonly nonzeros: number;
  /** Fraction of its elements that are not zero. */
  readonly density: number;
  /** Why it is not among the parameters that are summed up. */
  readonly note?: "tied" | "mask" | "bigram";
}

export interface CheckpointReport {
  readonly tensors: readonly TensorReport[];
  /** Elements of all tensors, those of a tied pair once; without the bigram table, which is dense and only looked up. */
  readonly parameters: number;
  readonly nonzeros: number;
}

/** Counts the nonzeros of every tensor, one after the other. */
export async function inspectTensors(
  { tensors, config }: Checkpoint,
  onTensor: (done: number, total: number) => void = () => {},
): Promise<CheckpointReport> {
  const reports: TensorReport[] = [];
  for (const tensor of tensors.values()) {
    onTensor(reports.length, tensors.size);
    const { name, shape, dtype, storedAs, counted } = tensor;
    const nonzeros = await countNonzeros(tensor);
    const density = nonzeros / Math.max(1, elementCount(shape));
    const note = noteOn(name, config);
    reports.push({
      ...{ name, shape, dtype, storedAs, nonzeros, density, note },
      countedPairs: counted?.pairs,
    });
  }
  const summed = reports.filter(({ note }) => note === undefined);
  return {
    tensors: reports,
    parameters: summed.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    nonzeros: summed.reduce((sum, { nonzeros }) => sum + nonzeros, 0),
  };
}

function noteOn(name: string, config: Checkpoint["config"]): TensorReport["note"] {
  if (name === "lm_head.weight" && config.tied_unembed !== false) return "tied";
  if (name === "bigram_table") return "bigram";
  return name.endsWith(".attn.bias") ? "mask" : undefined;
}

async function countNonzeros(tensor: StoredTensor): Promise<number> {
  if (tensor.shape.length === 2) return (await tensor.readSparse()).values.length;
  return (await tensor.readDense()).reduce((count, value) => (value === 0 ? count : count + 1), 0);
}

/** The configuration with its defaults, or the sentence that says why it cannot be run. */
export function readArchitecture(
  checkpoint: Checkpoint,
): { config: ModelConfig; problem: null } | { config: null; problem: string } {
  try {
    const config = parseConfig(checkpoint.config, checkpoint.configFile);
    checkTensors(config, checkpoint.tensors, checkpoint.location);
    return { config, problem: null };
  } catch (error) {
    if (error instanceof SparseLensError) return { config: null, problem: error.message };
    throw error;
  }
}

/** Written around the architecture by transformers and by this package. */
const WRAPPER_KEYS = [
  ...["model_type", "format_version", "architectures", "auto_map", "torch_dtype", "dtype"],
  ...["transformers_version", "bos_token_id", "eos_token_id", "pad_token_id"],
];

/** What a configuration holds beyond the keys that the released code knows. */
export function unusualKeys(config: Record<string, unknown>): Record<string, unknown> {
  const usual = new Set<string>([...RELEASED_KEYS, ...WRAPPER_KEYS]);
  return Object.fromEntries(Object.entries(config).filter(([key]) => !usual.has(key)));
}
