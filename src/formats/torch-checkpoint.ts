import { SparseLensError } from "../errors.js";
import { type ByteSource, MemorySource } from "../io/byte-source.js";
import { aligned, type Dtype, decode, sizeOf } from "./dtype.js";
import { type PickleValue, unpickle } from "./pickle.js";
import { quote } from "./quote.js";
import { elementCount } from "./stored-tensor.js";
import { contentOffset, readEntry, readZip, type ZipArchive } from "./zip.js";

/** What `torch.save` writes: a zip archive with a pickle (`data.pkl`) and one entry per storage (`data/0`, …). */

/** Names in the module `torch`. */
export const storageTypes: readonly [string, Dtype][] = [
  ["FloatStorage", "F32"],
  ["HalfStorage", "F16"],
  ["BFloat16Storage", "BF16"],
  ["DoubleStorage", "F64"],
  ["LongStorage", "I64"],
  ["IntStorage", "I32"],
  ["ShortStorage", "I16"],
  ["CharStorage", "I8"],
  ["ByteStorage", "U8"],
  ["BoolStorage", "BOOL"],
];

/** A value of a checkpoint: plain containers (see `PickleValue`) with tensors in them. */
export type TorchValue = PickleValue<TorchTensor>;

export interface TorchCheckpoint {
  readonly source: ByteSource;
  readonly value: TorchValue;
}

/** Archives up to this size are read into memory at once: they may hold thousands of small storages. */
const smallArchive = 16 * 2 ** 20;
const pickleLimit = 2 ** 27;

/** Elements that a tensor may have beyond those of its storage (a stride of zero repeats an element). */
const expansionLimit = 2 ** 20;

class StorageType {
  constructor(readonly dtype: Dtype) {}
}

class Storage {
  constructor(
    readonly key: string,
    readonly dtype: Dtype,
    readonly elements: number,
    readonly locate: () => Promise<number>,
  ) {}
}

/** A tensor of a checkpoint: knows where its elements are and reads them when asked. */
export class TorchTensor {
  constructor(
    private readonly source: ByteSource,
    private readonly storage: Storage,
    readonly shape: number[],
    /** In elements. */
    readonly strides: number[],
    /** First element in the storage. */
    readonly storageOffset: number,
  ) {}

  get dtype(): Dtype {
    return this.storage.dtype;
  }

  /** Tensors with the same key share their elements. */
  get storageKey(): string {
    return this.storage.key;
  }

  /** Whether the elements lie in row-major order without gaps. */
  get isContiguous(): boolean {
    let expected = 1;
    for (let axis = this.shape.length - 1; axis >= 0; axis--) {
      if (this.shape[axis] !== 1 && this.strides[axis] !== expected) return false;
      expected *= this.shape[axis];
    }
    return true;
  }

  /** Where the first element is in the file, in bytes. */
  async byteOffset(): Promise<number> {
    return (await this.storage.locate()) + this.storageOffset * sizeOf(this.dtype);
  }

  /** The elements in row-major order, little-endian. */
  async readBytes(): Promise<Uint8Array> {
    const size = sizeOf(this.dtype);
    const count = elementCount(this.shape);
    if (count === 0) return new Uint8Array(0);
    const offset = await this.byteOffset();
    if (this.isContiguous) return await this.source.read(offset, count * size);
    const span = 1 + this.shape.reduce((sum, n, axis) => sum + (n - 1) * this.strides[axis], 0);
    const bytes = aligned(await this.source.read(offset, span * size), size);
    return gather(bytes, size, this.shape, this.strides);
  }

  /** The elements in row-major order (64-bit types are rounded). NaN and infinities are let through. */
  async read(): Promise<Float32Array> {
    return decode(this.dtype, await this.readBytes());
  }
}

function gather(bytes: Uint8Array, size: number, shape: number[], strides: number[]): Uint8Array {
  const views = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array };
  const View = views[size as keyof typeof views];
  const source = new View(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength / size);
  const result = new View(elementCount(shape));
  const last = shape.length - 1;
  const length = shape[last];
  const stride = strides[last];
  const position = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < result.length; ) {
    for (let i = 0; i < length; i++) result[to++] = source[from + i * stride];
    let axis = last - 1;
    for (; axis >= 0; axis--) {
      from += strides[axis];
      if (++position[axis] < shape[axis]) break;
      from -= position[axis] * strides[axis];
      position[axis] = 0;
    }
  }
  return new Uint8Array(result.buffer);
}

/**
 * Reads the object that `torch.save` wrote, with its tensors left in the file. Plain containers, numbers, strings and
 * tensors are built; anything else that the pickle names is refused.
 *
 * @throws SparseLensError
 */
export async function readTorch(file: ByteSource): Promise<TorchCheckpoint> {
  const start = await file.read(0, Math.min(4, file.size));
  if (start[0] === 0x80 || (start.length && start[0] !== 0x50)) {
    throw new SparseLensError(
      `${file.name} is not a PyTorch checkpoint of the kind that torch.save writes since version 1.6 (a zip archive). ` +
        "Load it in PyTorch and save it again, or use safetensors.",
    );
  }
  const source =
    file.size <= smallArchive ? new MemorySource(file.name, await file.read(0, file.size)) : file;
  const archive = await readZip(source);
  const pickle = [...archive.entries.keys()]
    .filter((name) => name === "data.pkl" || name.endsWith("/data.pkl"))
    .sort((a, b) => a.length - b.length)[0];
  if (pickle === undefined) {
    throw new SparseLensError(
      `${file.name} is a zip archive, but no PyTorch checkpoint: it has no data.pkl.`,
    );
  }
  const prefix = pickle.slice(0, -"data.pkl".length);
  const order = archive.entries.get(`${prefix}byteorder`);
  if (
    order &&
    order.size < 16 &&
    new TextDecoder().decode(await readEntry(archive, order)).trim() !== "little"
  ) {
    throw new SparseLensError(`${file.name} was saved on a big-endian machine: save it again on another.`);
  }
  const entry = archive.entries.get(pickle)!;
  if (entry.size > pickleLimit) {
    throw new SparseLensError(
      `${file.name}: ${pickle} is ${entry.size} bytes long; at most ${pickleLimit} are read.`,
    );
  }
  const bytes = await readEntry(archive, entry);
  return { source, value: build(bytes, archive, prefix) };
}

function build(bytes: Uint8Array, archive: ZipArchive, prefix: string): TorchValue {
  const { source } = archive;
  const fail = (problem: string) => new SparseLensError(`${source.name}: ${problem}`);
  const storages = new Map<string, Storage>();

  const persistentLoad = (id: unknown): Storage => {
    if (
      !Array.isArray(id) ||
      id[0] !== "storage" ||
      !(id[1] instanceof StorageType) ||
      typeof id[2] !== "string"
    ) {
      throw fail("its pickle refers to something outside that is not a storage.");
    }
    const [, { dtype }, key, , elements] = id as [string, StorageType, string, unknown, unknown];
    const known = storages.get(`${dtype} ${key}`);
    if (known) return known;
    const entry = archive.entries.get(`${prefix}data/${key}`);
    if (!entry) throw fail(`storage ${quote(key)} is missing.`);
    if (!isCount(elements) || elements * sizeOf(dtype) > entry.size) {
      throw fail(`storage ${quote(key)} of ${quote(elements)} ${dtype} has only ${entry.size} bytes.`);
    }
    let offset: Promise<number> | null = null;
    const storage = new Storage(key, dtype, elements, () => {
      offset ??= contentOffset(archive, entry);
      return offset;
    });
    storages.set(`${dtype} ${key}`, storage);
    return storage;
  };

  const rebuildTensor = (args: unknown[]): TorchTensor => {
    const [storage, offset, shape, strides] = args;
    const isShape = (value: unknown): value is number[] =>
      Array.isArray(value) && value.length <= 64 && value.every(isCount);
    if (!(storage instanceof Storage) || !isCount(offset) || !isShape(shape) || !isShape(strides)) {
      throw fail("its pickle describes a tensor in an unknown way.");
    }
    if (shape.length !== strides.length)
      throw fail(`a tensor has shape [${shape}] but strides [${strides}].`);
    const count = elementCount(shape);
    const end = offset + (count ? 1 + shape.reduce((sum, n, axis) => sum + (n - 1) * strides[axis], 0) : 0);
    if (!(end <= storage.elements)) {
      throw fail(
        `a tensor of shape [${shape}] with strides [${strides}] from element ${offset} on reaches beyond its storage ` +
          `${quote(storage.key)} of ${storage.elements} elements.`,
      );
    }
    if (count > Math.max(storage.elements, expansionLimit)) {
      throw fail(
        `a tensor of shape [${shape}] repeats the ${storage.elements} elements of its storage too often.`,
      );
    }
    return new TorchTensor(source, storage, [...shape], [...strides], offset);
  };

  const value = unpickle<TorchTensor | Storage | StorageType>(bytes, {
    name: `${source.name} (${prefix}data.pkl)`,
    constants: new Map(storageTypes.map(([name, dtype]) => [`torch.${name}`, new StorageType(dtype)])),
    functions: new Map<
      string,
      (args: PickleValue<object>[]) => PickleValue<TorchTensor | Storage | StorageType>
    >([
      ["torch._utils._rebuild_tensor_v2", rebuildTensor],
      [
        "torch._utils._rebuild_parameter",
        ([data]) => {
          if (!(data instanceof TorchTensor))
            throw fail("its pickle describes a parameter in an unknown way.");
          return data;
        },
      ],
      [
        "torch.Size",
        ([sizes]) => {
          if (!Array.isArray(sizes)) throw fail("its pickle describes a size in an unknown way.");
          return sizes as number[];
        },
      ],
    ]),
    persistentLoad,
  });
  if (value instanceof Storage || value instanceof StorageType)
    throw fail("its pickle holds a bare storage.");
  return value as TorchValue;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
