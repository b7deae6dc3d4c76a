import { SparseLensError } from "../errors.js";
import type { ByteSink } from "../io/byte-sink.js";
import type { ByteSource } from "../io/byte-source.js";
import { type Dtype, isDtype, sizeOf } from "./dtype.js";
import { refuseDuplicateKeys } from "./json-keys.js";
import { quote } from "./quote.js";

/**
 * The safetensors container (https://github.com/huggingface/safetensors): 8 bytes with the length N of the header, N
 * bytes of JSON that give each tensor's type, shape and place, then the data without holes.
 */
export interface SafetensorsFile {
  readonly source: ByteSource;
  readonly tensors: Map<string, SafetensorsEntry>;
  /** Strings under `__metadata__`. */
  readonly metadata: Map<string, string>;
}

export interface SafetensorsEntry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: number[];
  /** From the start of the file, in bytes. */
  readonly offset: number;
  readonly byteLength: number;
}

/** The limit that the reference implementation sets. */
const headerLimit = 100_000_000;

/** Reads and checks the header; the data stays where it is. */
export async function readSafetensors(source: ByteSource): Promise<SafetensorsFile> {
  const fail = (problem: string) =>
    new SparseLensError(`${source.name} is not a sound safetensors file: ${problem}`);
  if (source.size < 8) throw fail(`it is ${source.size} bytes long.`);
  const lengthBytes = await source.read(0, 8);
  const headerLength = new DataView(lengthBytes.buffer, lengthBytes.byteOffset, 8).getBigUint64(0, true);
  if (headerLength > BigInt(source.size - 8)) {
    throw fail(`its header should be ${headerLength} bytes long, but the file ends at byte ${source.size}.`);
  }
  if (headerLength > BigInt(headerLimit)) throw fail(`its header is ${headerLength} bytes long.`);
  const dataStart = 8 + Number(headerLength);
  let header: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(await source.read(8, Number(headerLength)));
    refuseDuplicateKeys(text, `${source.name} (safetensors header)`, 4);
    header = JSON.parse(text);
  } catch (cause) {
    if (cause instanceof SparseLensError) throw cause;
    throw fail(`its header is not valid JSON (${(cause as Error).message}).`);
  }
  if (!isObject(header)) throw fail("its header is not a JSON object.");

  const metadata = new Map<string, string>();
  const tensors = new Map<string, SafetensorsEntry>();
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") {
      if (!isObject(value)) throw fail("__metadata__ is not an object.");
      for (const [key, text] of Object.entries(value)) {
        if (typeof text !== "string") throw fail(`__metadata__ ${quote(key)} is not a string.`);
        metadata.set(key, text);
      }
    } else {
      tensors.set(name, entryFrom(name, value, dataStart, fail));
    }
  }
  refuseHoles(tensors, dataStart, source.size, fail);
  return { source, tensors, metadata };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function entryFrom(
  name: string,
  value: unknown,
  dataStart: number,
  fail: (problem: string) => SparseLensError,
): SafetensorsEntry {
  const tensor = `tensor ${quote(name)}`;
  if (!isObject(value)) throw fail(`${tensor} is not described by an object.`);
  const { dtype, shape, data_offsets: offsets, ...rest } = value;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) throw fail(`${tensor} has the unknown key ${quote(unknown)}.`);
  if (!isDtype(dtype)) throw fail(`${tensor} has the unknown type ${quote(dtype)}.`);
  const isLength = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0;
  if (!Array.isArray(shape) || !shape.every(isLength)) {
    throw fail(`${tensor} has no valid shape (${quote(shape)}).`);
  }
  if (
    !Array.isArray(offsets) ||
    offsets.length !== 2 ||
    !offsets.every(isLength) ||
    offsets[0] > offsets[1]
  ) {
    throw fail(`${tensor} has no valid data_offsets (${quote(offsets)}).`);
  }
  const byteLength = offsets[1] - offsets[0];
  const needed = shape.reduce((product: number, n) => product * n, 1) * sizeOf(dtype);
  if (needed !== byteLength) {
    throw fail(`${tensor} of type ${dtype} and shape [${shape}] needs ${needed} bytes, not ${byteLength}.`);
  }
  return { name, dtype, shape, offset: dataStart + offsets[0], byteLength };
}

function refuseHoles(
  tensors: Map<string, SafetensorsEntry>,
  dataStart: number,
  fileSize: number,
  fail: (problem: string) => SparseLensError,
): void {
  const inOrder = [...tensors.values()].sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength);
  let end = dataStart;
  for (const { name, offset, byteLength } of inOrder) {
    if (offset + byteLength > fileSize) {
      throw fail(
        `tensor ${quote(name)} should end at byte ${offset + byteLength}, but the file ends at byte ` +
          `${fileSize}: it is truncated. Download or copy it again.`,
      );
    }
    if (offset !== end) {
      throw fail(`tensor ${quote(name)} ${offset < end ? "overlaps another" : "leaves a hole before it"}.`);
    }
    end = offset + byteLength;
  }
  if (end !== fileSize) throw fail(`${fileSize - end} bytes after the last tensor belong to none.`);
}

/** A tensor to be written. */
export interface TensorToWrite {
  name: string;
  dtype: Dtype;
  shape: readonly number[];
  /** Its elements, row-major and little-endian; asked for once, when their turn comes. */
  read(): Promise<Uint8Array>;
}

/**
 * Writes a safetensors file one tensor at a time. Wide element types come first, so that every tensor is aligned to
 * its elements, as memory-mapping readers expect.
 */
export async function writeSafetensors(
  sink: ByteSink,
  tensors: readonly TensorToWrite[],
  metadata: Record<string, string> = {},
): Promise<void> {
  const inOrder = [...tensors].sort((a, b) => sizeOf(b.dtype) - sizeOf(a.dtype));
  const twice = tensors.find(
    ({ name }, index) => tensors.findIndex((other) => other.name === name) !== index,
  );
  if (twice) throw new SparseLensError(`Two tensors would have the name ${quote(twice.name)} in one file.`);
  const header: [string, unknown][] = [["__metadata__", metadata]];
  let offset = 0;
  for (const { name, dtype, shape } of inOrder) {
    const end = offset + byteLengthOf(dtype, shape);
    header.push([name, { dtype, shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const start = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20);
  new DataView(start.buffer).setBigUint64(0, BigInt(start.length - 8), true);
  start.set(json, 8);
  await sink.write(start);
  for (const { name, dtype, shape, read } of inOrder) {
    const bytes = await read();
    if (bytes.byteLength !== byteLengthOf(dtype, shape)) {
      throw new Error(`${name}: ${bytes.byteLength} bytes for ${dtype} [${shape}]`);
    }
    await sink.write(bytes);
  }
}

function byteLengthOf(dtype: Dtype, shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1) * sizeOf(dtype);
}
