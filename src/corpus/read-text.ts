import { requireLocalFiles } from "../io/local-files.js";
import type { Reading, ReadOptions } from "./documents.js";

/** A file as one document. */
export async function* readTextFile(path: string, { maximumBytes }: ReadOptions): AsyncGenerator<Reading> {
  const file = await requireLocalFiles("Reading a corpus").open(path);
  try {
    if (file.size > maximumBytes) yield { skipped: "tooLong" };
    else yield decodeDocument(await file.read(0, file.size));
  } finally {
    await file.close();
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Bytes as a document, without a byte order mark. */
export function decodeDocument(bytes: Uint8Array): Reading {
  try {
    return { text: decoder.decode(bytes) };
  } catch {
    return { skipped: "notUtf8" };
  }
}
