import { SparseLensError } from "../errors.js";
import type { ByteSink } from "../io/byte-sink.js";
import { type Dtype, sizeOf } from "./dtype.js";
import { PickleWriter } from "./pickle-writer.js";
import { elementCount } from "./stored-tensor.js";
import { storageTypes } from "./torch-checkpoint.js";
import { ZipWriter } from "./zip.js";

/** A tensor to be written. */
export interface TorchTensorToWrite {
  dtype: Dtype;
  shape: readonly number[];
  /** Its elements, row-major and little-endian; asked for once, when their turn comes. */
  read(): Promise<Uint8Array>;
  /** In a state dict: name of an earlier tensor of the same type and shape with which it shares its elements (tied weights). */
  sharedWith?: string;
}

/** A number that Python shall read as a float, though it may be integral. */
export class PythonFloat {
  constructor(readonly value: number) {}
}

/** Where Python shall find a tuple, not a list. */
export class PythonTuple {
  constructor(readonly items: readonly TorchToWrite[]) {}
}

/** Plain containers with tensors in them. A number that is integral becomes an int, any other a float; a Map a dict. */
export type TorchToWrite =
  | null
  | boolean
  | number
  | string
  | PythonFloat
  | PythonTuple
  | TorchTensorToWrite
  | readonly TorchToWrite[]
  | ReadonlyMap<string | number | PythonFloat, TorchToWrite>;

/**
 * Writes what `torch.save(state_dict)` writes for these tensors, one at a time; `torch.load(weights_only=True)` reads
 * it.
 */
export async function writeTorch(
  sink: ByteSink,
  tensors: ReadonlyMap<string, TorchTensorToWrite>,
  archiveName = "archive",
): Promise<void> {
  const storages: TorchTensorToWrite[] = [];
  const keys = new Map<string, number>();
  const pickle = new PickleWriter();
  pickle.global("collections", "OrderedDict").tuple([]).reduce();
  pickle.mark();
  for (const [name, tensor] of tensors) {
    const shared = tensor.sharedWith === undefined ? undefined : keys.get(tensor.sharedWith);
    const key = shared ?? storages.push(tensor) - 1;
    keys.set(name, key);
    pickle.text(name);
    pickleTensor(pickle, tensor, key, name);
  }
  await writeArchive(sink, archiveName, pickle.setItems().finish(), storages);
}

/** Writes what `torch.save` writes for plain containers of tensors; `torch.load(weights_only=True)` reads it. */
export async function writeTorchValue(
  sink: ByteSink,
  value: TorchToWrite,
  archiveName = "archive",
): Promise<void> {
  const storages: TorchTensorToWrite[] = [];
  const pickle = new PickleWriter();
  const add = (item: TorchToWrite): void => {
    if (item === null) pickle.none();
    else if (typeof item === "boolean") pickle.boolean(item);
    else if (typeof item === "string") pickle.text(item);
    else if (typeof item === "number") Number.isSafeInteger(item) ? pickle.integer(item) : pickle.float(item);
    else if (item instanceof PythonFloat) pickle.float(item.value);
    else if (item instanceof PythonTuple) {
      pickle.mark();
      for (const one of item.items) add(one);
      pickle.tupleFromMark();
    } else if (item instanceof Map) {
      pickle.emptyDictionary().mark();
      for (const [key, one] of item) {
        add(key);
        add(one);
      }
      pickle.setItems();
    } else if (Array.isArray(item)) {
      pickle.emptyList().mark();
      for (const one of item) add(one);
      pickle.appends();
    } else {
      const tensor = item as TorchTensorToWrite;
      pickleTensor(pickle, tensor, storages.push(tensor) - 1, "A tensor");
    }
  };
  add(value);
  await writeArchive(sink, archiveName, pickle.finish(), storages);
}

const typeNames = new Map(storageTypes.map(([name, dtype]) => [dtype, name]));

function pickleTensor(
  pickle: PickleWriter,
  { dtype, shape }: TorchTensorToWrite,
  key: number,
  name: string,
): void {
  const type = typeNames.get(dtype);
  if (!type)
    throw new SparseLensError(`${name} has the type ${dtype}, which a PyTorch checkpoint cannot hold.`);
  const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  pickle.global("torch._utils", "_rebuild_tensor_v2");
  pickle.mark();
  pickle.mark().text("storage").global("torch", type).text(String(key)).text("cpu");
  pickle.integer(elementCount(shape)).tupleFromMark().persistentId();
  pickle.integer(0).tuple(shape).tuple(strides).boolean(false);
  pickle.global("collections", "OrderedDict").tuple([]).reduce();
  pickle.tupleFromMark().reduce();
}

/** @param storages tensors with elements of their own; their places are their keys */
async function writeArchive(
  sink: ByteSink,
  archiveName: string,
  pickle: Uint8Array,
  storages: readonly TorchTensorToWrite[],
): Promise<void> {
  const zip = new ZipWriter(sink);
  const add = (name: string, bytes: Uint8Array) => zip.add(`${archiveName}/${name}`, bytes.length, [bytes]);
  const encoder = new TextEncoder();
  await add("data.pkl", pickle);
  await add("byteorder", encoder.encode("little"));
  for (const [key, { dtype, shape, read }] of storages.entries()) {
    await zip.add(`${archiveName}/data/${key}`, elementCount(shape) * sizeOf(dtype), lazily(read));
  }
  await add("version", encoder.encode("3\n"));
  await zip.finish();
}

async function* lazily(read: () => Promise<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield await read();
}
