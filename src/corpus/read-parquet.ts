import { SparseLensError } from "../errors.js";
import { quote } from "../formats/quote.js";
import { requireLocalFiles } from "../io/local-files.js";
import type { Reading, ReadOptions } from "./documents.js";

/** Rows that are decoded at once, where a row group has more. */
const ROWS = 10_000;

/**
 * One document per row: the text in a column. Rows without a value are empty documents.
 * @throws SparseLensError when the file is no Parquet file, or has no such column of text
 */
export async function* readParquet(path: string, { field }: ReadOptions): AsyncGenerator<Reading> {
  // Loaded on use: most corpora need none of it.
  const { parquetMetadataAsync, parquetReadObjects, parquetSchema } = await import("hyparquet");
  const { compressors } = await import("hyparquet-compressors");
  const source = await requireLocalFiles("Reading a corpus").open(path);
  const explained = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof SparseLensError) throw cause;
      throw new SparseLensError(`${path} cannot be read as Parquet: ${(cause as Error).message}.`, { cause });
    }
  };
  try {
    const file = {
      byteLength: source.size,
      slice: async (start: number, end = source.size) => {
        const bytes = new Uint8Array(end - start);
        await source.read(start, end - start, bytes);
        return bytes.buffer;
      },
    };
    const metadata = await explained(() => parquetMetadataAsync(file));
    const columns = parquetSchema(metadata).children.map(({ element }) => element.name);
    if (!columns.includes(field)) {
      throw new SparseLensError(
        `${path} has no column ${quote(field)}; its columns: ${columns.map(quote).join(", ")}. ` +
          "Choose one with --field.",
      );
    }
    let group = 0;
    for (const { num_rows } of metadata.row_groups) {
      const groupEnd = group + Number(num_rows);
      for (let rowStart = group; rowStart < groupEnd; rowStart += ROWS) {
        const range = { rowStart, rowEnd: Math.min(rowStart + ROWS, groupEnd) };
        const options = { file, metadata, compressors, columns: [field], useOffsetIndex: true, ...range };
        const rows = await explained(() => parquetReadObjects(options));
        for (const [index, row] of rows.entries()) {
          const text: unknown = row[field] ?? "";
          if (typeof text !== "string") {
            throw new SparseLensError(
              `${path}, row ${rowStart + index}: the column ${quote(field)} holds no text but ${quote(text)}.`,
            );
          }
          yield { text };
        }
      }
      group = groupEnd;
    }
  } finally {
    await source.close();
  }
}
