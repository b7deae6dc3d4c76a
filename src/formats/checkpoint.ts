import { SparseLensError } from "../errors.js";
import { type ByteSource, readJsonObject, readText } from "../io/byte-source.js";
import { indexName, shardsOf } from "../io/model-files.js";
import { openFile, type ResolvedSource } from "../io/source.js";
import { readCountedTable } from "./counted-table.js";
import { quote } from "./quote.js";
import { readSafetensors, type SafetensorsFile } from "./safetensors.js";
import { isLayoutVersion, readSparseMatrices } from "./sparse-layout.js";
import { DenseTensor, GatheredTensor, Scratch, type StoredTensor } from "./stored-tensor.js";
import { readTorch, TorchTensor } from "./torch-checkpoint.js";

export type { StoredTensor } from "./stored-tensor.js";

/** How a model lies on disk: our own directory, a Hugging Face snapshot, or a directory of the released blob store. */
export type CheckpointLayout = "sparselens" | "huggingface" | "blob";

/** The files of a tokenizer, as they are. */
export interface TokenizerFiles {
  /** Content of `tokenizer.json`. */
  tokenizerJson?: Record<string, unknown>;
  /** Content of `encoder.json` or `vocab.json`: token → id. */
  vocabulary?: Record<string, number>;
  /** Text of `vocab.bpe` or `merges.txt`. */
  merges?: string;
  /** For messages. */
  location: string;
}

/** A model's configuration and weights, opened: tensors are read when asked for. */
export interface Checkpoint {
  /** For messages. */
  readonly location: string;
  readonly layout: CheckpointLayout;
  /** For messages: where `config` comes from. */
  readonly configFile: string;
  readonly config: Record<string, unknown>;
  /** By the names of the released state dict: `transformer.wte.weight`, …. */
  readonly tensors: Map<string, StoredTensor>;
  readonly tokenizer: TokenizerFiles | null;
  close(): Promise<void>;
}

/** What wrappers (the Hugging Face class, DataParallel, torch.compile) put before the released names. */
const namePrefix = /^(?:circuit_model\.|module\.|_orig_mod\.)+/;

/**
 * Opens a model in any layout. What the configuration means, and which tensors must be there, is for the model to say.
 *
 * @throws SparseLensError naming the file, and the tensor or key, that does not fit
 */
export async function openCheckpoint(
  source: ResolvedSource,
  options: { signal?: AbortSignal } = {},
): Promise<Checkpoint> {
  const opened: ByteSource[] = [];
  const open = async (name: string) => {
    options.signal?.throwIfAborted();
    const location = Object.hasOwn(source.files, name) ? source.files[name] : undefined;
    if (!location) throw new SparseLensError(`${source.description} lacks the file ${name}.`);
    const file = await openFile(name, location);
    opened.push(file);
    return file;
  };
  const close = async () => {
    await Promise.all(opened.splice(0).map((file) => file.close()));
  };
  try {
    const configSource = await open(source.config);
    const config = await readJsonObject(configSource);
    const layout = layoutOf(source, config, configSource.name);
    const tensors = new TensorTable(source.description, () => options.signal?.throwIfAborted());
    if (source.weights.endsWith(indexName)) {
      const index = await open(source.weights);
      for (const [shard, names] of shardsOf(await readJsonObject(index), index.name)) {
        const file = await readSafetensors(await open(shard));
        for (const name of names) {
          if (!file.tensors.has(name))
            throw new SparseLensError(`${file.source.name} lacks the tensor ${quote(name)}.`);
        }
        tensors.addSafetensors(file);
      }
    } else if (source.weights.endsWith(".safetensors")) {
      const file = await readSafetensors(await open(source.weights));
      if (layout === "sparselens") tensors.addSparseLayout(file);
      else tensors.addSafetensors(file);
    } else {
      await tensors.addTorch(await open(source.weights));
    }
    const tokenizer = await openTokenizer(source, open);
    return {
      location: source.description,
      layout,
      configFile: configSource.name,
      config,
      tensors: tensors.byName,
      tokenizer,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function layoutOf(
  source: ResolvedSource,
  config: Record<string, unknown>,
  configFile: string,
): CheckpointLayout {
  if (config.model_type !== "sparselens")
    return source.config === "beeg_config.json" ? "blob" : "huggingface";
  if (!isLayoutVersion(config.format_version)) {
    throw new SparseLensError(
      `${configFile} has format_version ${quote(config.format_version)}; this version of SparseLens reads ` +
        `1 and 2. Convert the model again, or use a newer SparseLens.`,
    );
  }
  return "sparselens";
}

class TensorTable {
  readonly byName = new Map<string, StoredTensor>();
  private readonly scratch = new Scratch();

  constructor(
    private readonly location: string,
    private readonly beforeRead: () => void,
  ) {}

  addSafetensors(file: SafetensorsFile, except: ReadonlySet<string> = new Set()): void {
    for (const { name, dtype, shape, offset } of file.tensors.values()) {
      if (except.has(name)) continue;
      const place = async () => {
        this.beforeRead();
        return { source: file.source, offset };
      };
      this.add(name, (canonical) => new DenseTensor(canonical, dtype, shape, place, this.scratch));
    }
  }

  addSparseLayout(file: SafetensorsFile): void {
    const { matrices, used } = readSparseMatrices(file, this.beforeRead);
    for (const matrix of matrices) this.add(matrix.name, () => matrix);
    const counted = readCountedTable(file, this.beforeRead);
    if (counted) this.add(counted.table.name, () => counted.table);
    this.addSafetensors(file, new Set([...used, ...(counted?.used ?? [])]));
  }

  async addTorch(source: ByteSource): Promise<void> {
    const { value, source: data } = await readTorch(source);
    if (!(value instanceof Map)) {
      throw new SparseLensError(`${source.name} holds no state dict (a dictionary of tensors by name).`);
    }
    for (const [name, tensor] of value) {
      if (typeof name !== "string" || !(tensor instanceof TorchTensor)) {
        throw new SparseLensError(
          `${source.name} holds no plain state dict: its entry ${quote(name)} is not a tensor. Save only the state dict.`,
        );
      }
      const { dtype, shape } = tensor;
      const place = async () => {
        this.beforeRead();
        return { source: data, offset: await tensor.byteOffset() };
      };
      const gather = async () => {
        this.beforeRead();
        return await tensor.readBytes();
      };
      this.add(name, (canonical) =>
        tensor.isContiguous
          ? new DenseTensor(canonical, dtype, shape, place, this.scratch)
          : new GatheredTensor(canonical, dtype, shape, `${source.name}: ${canonical}`, gather),
      );
    }
  }

  private add(name: string, make: (canonical: string) => StoredTensor): void {
    const canonical = name.replace(namePrefix, "");
    if (this.byName.has(canonical)) {
      throw new SparseLensError(
        `${this.location} holds the tensor ${quote(canonical)} twice (once as ${quote(name)}).`,
      );
    }
    this.byName.set(canonical, make(canonical));
  }
}

async function openTokenizer(
  source: ResolvedSource,
  open: (name: string) => Promise<ByteSource>,
): Promise<TokenizerFiles | null> {
  const present = (name: string) => Object.hasOwn(source.files, name);
  if (present("tokenizer.json")) {
    const file = await open("tokenizer.json");
    return { tokenizerJson: await readJsonObject(file), location: file.name };
  }
  const pairs = [
    ["encoder.json", "vocab.bpe"],
    ["vocab.json", "merges.txt"],
  ];
  const pair = pairs.find((names) => names.every(present));
  if (!pair) return null;
  const file = await open(pair[0]);
  const vocabulary = await readJsonObject(file);
  for (const [token, id] of Object.entries(vocabulary)) {
    if (!Number.isSafeInteger(id) || (id as number) < 0) {
      throw new SparseLensError(`${file.name}: the id of token ${quote(token)} is ${quote(id)}.`);
    }
  }
  const merges = await readText(await open(pair[1]));
  return { vocabulary: vocabulary as Record<string, number>, merges, location: file.name };
}
