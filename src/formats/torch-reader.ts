import { SparseLensError } from "../errors.js";
import { type Dtype, isFloat } from "./dtype.js";
import { quote } from "./quote.js";
import { TorchTensor, type TorchValue } from "./torch-checkpoint.js";

/** A value of a checkpoint and where it is in it: complains about what is wrong by that path. */
export class TorchField {
  /**
   * @param file for messages
   * @param path for messages: how Python would write it, `importances.pair_data[3]`
   */
  constructor(
    readonly value: TorchValue,
    private readonly file: string,
    private readonly path: string,
  ) {}

  fail(problem: string): never {
    throw new SparseLensError(`${this.file}: ${this.path || "its content"} ${problem}.`);
  }

  isMissing(): boolean {
    return this.value === null;
  }

  /** The value of a key of a dictionary. */
  key(name: string): TorchField {
    const map = this.#map();
    if (!map.has(name)) this.fail(`lacks the key ${quote(name)}`);
    return this.#child(map.get(name)!, this.path ? `.${name}` : name);
  }

  /** The same, None where there is no such key. */
  optionalKey(name: string): TorchField {
    return this.#child(this.#map().get(name) ?? null, this.path ? `.${name}` : name);
  }

  /** A dictionary whose keys are texts. */
  byText(): [string, TorchField][] {
    return this.#entries((key) =>
      typeof key === "string" ? key : this.fail(`has the key ${quote(key)}, which is not a text`),
    );
  }

  /** A dictionary whose keys are numbers. */
  byNumber(): [number, TorchField][] {
    return this.#entries((key) =>
      typeof key === "number" ? key : this.fail(`has the key ${quote(key)}, which is not a number`),
    );
  }

  /** A dictionary whose keys are channels: integers, or tensors of one integer. */
  async byChannel(): Promise<[number, TorchField][]> {
    const entries: [number, TorchField][] = [];
    for (const [key, value] of this.#map()) {
      const channel = key instanceof TorchTensor ? await this.#child(key, ": a key").count() : key;
      if (typeof channel !== "number" || !Number.isSafeInteger(channel) || channel < 0)
        this.fail(`has the key ${quote(key)}, which is not a channel`);
      entries.push([channel, this.#child(value, `[${channel}]`)]);
    }
    return entries;
  }

  /** A list or tuple. */
  items(length?: number): TorchField[] {
    const { value } = this;
    if (!Array.isArray(value)) return this.fail(`must be a list, not ${describe(value)}`);
    if (length !== undefined && value.length !== length)
      this.fail(`must have ${length} items, not ${value.length}`);
    return value.map((item, i) => this.#child(item, `[${i}]`));
  }

  text(): string {
    return typeof this.value === "string"
      ? this.value
      : this.fail(`must be a text, not ${describe(this.value)}`);
  }

  /** A number, or a tensor of one. */
  async number(): Promise<number> {
    if (this.value instanceof TorchTensor) return (await this.floats([])).data[0];
    return typeof this.value === "number"
      ? this.value
      : this.fail(`must be a number, not ${describe(this.value)}`);
  }

  /** An integer from 0, or a tensor of one. */
  async count(): Promise<number> {
    const value = this.value instanceof TorchTensor ? (await this.integers([])).data[0] : this.value;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    return this.fail(`must be an integer from 0, not ${describe(this.value)}`);
  }

  /**
   * A tensor of floating-point numbers.
   * @param shape what it must be; null: anything
   */
  async floats(shape: readonly (number | null)[]): Promise<{ data: Float32Array; shape: number[] }> {
    const tensor = this.#tensor(shape, isFloat, "floating-point numbers");
    // A copy: what is read may be a view of the whole file.
    return { data: Float32Array.from(await tensor.read()), shape: tensor.shape };
  }

  /** A tensor of integers, of at most 31 bits and a sign. */
  async integers(shape: readonly (number | null)[]): Promise<{ data: Int32Array; shape: number[] }> {
    const tensor = this.#tensor(shape, (dtype) => /^[IU]\d/.test(dtype), "integers");
    const exact = await readIntegers(tensor);
    const wrong = exact.find((value) => value !== (value | 0));
    if (wrong !== undefined) this.fail(`holds ${wrong}, which is out of range`);
    return { data: Int32Array.from(exact), shape: tensor.shape };
  }

  #tensor(shape: readonly (number | null)[], fits: (dtype: Dtype) => boolean, what: string): TorchTensor {
    const { value } = this;
    if (!(value instanceof TorchTensor)) return this.fail(`must be a tensor, not ${describe(value)}`);
    const sameShape =
      value.shape.length === shape.length && shape.every((n, axis) => n === null || n === value.shape[axis]);
    if (!sameShape) {
      const expected = shape.map((n) => n ?? "any").join(", ");
      this.fail(`must have the shape [${expected}], not [${value.shape.join(", ")}]`);
    }
    if (!fits(value.dtype)) this.fail(`must hold ${what}, not ${value.dtype}`);
    return value;
  }

  #map(): Map<TorchValue, TorchValue> {
    return this.value instanceof Map
      ? this.value
      : this.fail(`must be a dictionary, not ${describe(this.value)}`);
  }

  #entries<K>(read: (key: TorchValue) => K): [K, TorchField][] {
    return [...this.#map()].map(([key, value]) => [read(key), this.#child(value, `[${quote(key)}]`)]);
  }

  #child(value: TorchValue, step: string): TorchField {
    return new TorchField(value, this.file, `${this.path}${step}`);
  }
}

/** Float32 does not hold every integer. */
async function readIntegers(tensor: TorchTensor): Promise<number[]> {
  if (tensor.dtype !== "I64" && tensor.dtype !== "I32") return Array.from(await tensor.read());
  const bytes = await tensor.readBytes();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return tensor.dtype === "I64"
    ? Array.from({ length: bytes.length / 8 }, (_, i) => Number(view.getBigInt64(8 * i, true)))
    : Array.from({ length: bytes.length / 4 }, (_, i) => view.getInt32(4 * i, true));
}

function describe(value: TorchValue): string {
  if (value === null) return "None";
  if (value instanceof TorchTensor) return `a tensor of shape [${value.shape.join(", ")}]`;
  if (Array.isArray(value)) return "a list";
  if (value instanceof Map) return "a dictionary";
  return quote(value);
}
