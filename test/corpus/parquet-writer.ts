import { gzipSync } from "node:zlib";

/** As much of the Parquet format as a file with one optional column of text needs, by its specification. */

const COLUMN_TYPE = { byteArray: 6 };
const CODEC = { none: 0, gzip: 2 } as const;

type Thrift = { i32: number } | { i64: number } | { text: string } | { list: Thrift[] } | Struct;
interface Struct {
  fields: Record<number, Thrift>;
}

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
const typeOf = (value: Thrift) =>
  "i32" in value ? 5 : "i64" in value ? 6 : "text" in value ? 8 : "list" in value ? 9 : 12;

/** Thrift's compact protocol. */
function encode(value: Thrift): number[] {
  if ("i32" in value) return varint(2 * value.i32);
  if ("i64" in value) return varint(2 * value.i64);
  if ("text" in value) {
    const bytes = [...Buffer.from(value.text)];
    return [...varint(bytes.length), ...bytes];
  }
  if ("list" in value) {
    const { list } = value;
    const type = typeOf(list[0]);
    const header = list.length < 15 ? [16 * list.length + type] : [0xf0 + type, ...varint(list.length)];
    return [...header, ...list.flatMap(encode)];
  }
  let last = 0;
  const fields = Object.entries(value.fields).flatMap(([key, field]) => {
    const delta = Number(key) - last;
    last = Number(key);
    return [16 * delta + typeOf(field), ...encode(field)];
  });
  return [...fields, 0];
}

const struct = (fields: Record<number, Thrift>): Struct => ({ fields });
const i32 = (value: number): Thrift => ({ i32: value });
const i64 = (value: number): Thrift => ({ i64: value });
const text = (value: string): Thrift => ({ text: value });

function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** One data page, version 1, plain: definition levels, then each value with its length before it. */
function page(values: readonly (string | null)[], codec: keyof typeof CODEC) {
  const levels = values.flatMap((value) => [2, value === null ? 0 : 1]);
  const plain = values.flatMap((value) => {
    if (value === null) return [];
    const bytes = Buffer.from(value);
    return [...uint32(bytes.length), ...bytes];
  });
  const body = Buffer.from([...uint32(levels.length), ...levels, ...plain]);
  const stored = codec === "gzip" ? gzipSync(body) : body;
  const header = struct({
    1: i32(0),
    2: i32(body.length),
    3: i32(stored.length),
    5: struct({ 1: i32(values.length), 2: i32(0), 3: i32(3), 4: i32(3) }),
  });
  return { bytes: [...encode(header), ...stored], uncompressed: encode(header).length + body.length };
}

/** A file with the column `name`, a row group for each list of values. */
export function parquetFile(
  name: string,
  groups: readonly (readonly (string | null)[])[],
  codec: keyof typeof CODEC = "none",
): Uint8Array {
  const magic = [...Buffer.from("PAR1")];
  const data = [...magic];
  const rowGroups = groups.map((values) => {
    const { bytes, uncompressed } = page(values, codec);
    const offset = data.length;
    data.push(...bytes);
    const column = struct({
      1: i32(COLUMN_TYPE.byteArray),
      2: { list: [i32(0), i32(3)] },
      3: { list: [text(name)] },
      4: i32(CODEC[codec]),
      5: i64(values.length),
      6: i64(uncompressed),
      7: i64(bytes.length),
      9: i64(offset),
    });
    const chunk = struct({ 2: i64(offset), 3: column });
    return struct({ 1: { list: [chunk] }, 2: i64(bytes.length), 3: i64(values.length) });
  });
  const metadata = encode(
    struct({
      1: i32(1),
      2: {
        list: [
          struct({ 4: text("schema"), 5: i32(1) }),
          struct({ 1: i32(COLUMN_TYPE.byteArray), 3: i32(1), 4: text(name), 6: i32(0) }),
        ],
      },
      3: i64(groups.flat().length),
      4: { list: rowGroups },
    }),
  );
  return Uint8Array.from([...data, ...metadata, ...uint32(metadata.length), ...magic]);
}
