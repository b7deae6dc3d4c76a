import { SparseLensError } from "../errors.js";
import { quote } from "../formats/quote.js";
import type { ByteSource } from "../io/byte-source.js";
import { requireLocalFiles } from "../io/local-files.js";
import type { Reading, ReadOptions } from "./documents.js";
import { decodeDocument } from "./read-text.js";

const CHUNK = 2 ** 22;
/** No line of text for people; more likely a file of another format. */
const LONGEST_LINE = 2 ** 28;
const NEWLINE = 10;

/**
 * One document per line: the string in a field of a JSON object. Empty lines are passed over.
 * @throws SparseLensError naming the line that is broken, unless these are skipped
 */
export async function* readJsonLines(path: string, options: ReadOptions): AsyncGenerator<Reading> {
  const file = await requireLocalFiles("Reading a corpus").open(path);
  try {
    let number = 0;
    for await (const line of lines(file)) {
      number++;
      const decoded = decodeDocument(line);
      if ("skipped" in decoded) yield decoded;
      else if (decoded.text.trim() !== "") {
        const result = readLine(decoded.text, options.field);
        if ("text" in result) yield result;
        else if (options.skipBroken) yield { skipped: "broken" };
        else {
          throw new SparseLensError(
            `${path}, line ${number}: ${result.problem} To leave such lines out, pass --skip-broken.`,
          );
        }
      }
    }
  } finally {
    await file.close();
  }
}

function readLine(line: string, field: string): { text: string } | { problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    return { problem: `this is not JSON: ${(error as Error).message}.` };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { problem: `expected a JSON object, got ${quote(value)}.` };
  }
  const text = Object.hasOwn(value, field) ? (value as Record<string, unknown>)[field] : undefined;
  if (typeof text === "string") return { text };
  if (text !== undefined) return { problem: `the field ${quote(field)} is no string but ${quote(text)}.` };
  const present = Object.keys(value).map(quote).join(", ") || "none";
  return { problem: `there is no field ${quote(field)}; its fields: ${present}. Choose one with --field.` };
}

/** The lines of a file, without their ends. */
async function* lines(file: ByteSource): AsyncGenerator<Uint8Array> {
  let pending: Uint8Array[] = [];
  let pendingLength = 0;
  for (let offset = 0; offset < file.size; offset += CHUNK) {
    const chunk = await file.read(offset, Math.min(CHUNK, file.size - offset));
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      yield join(pending, chunk.subarray(start, end));
      pending = [];
      pendingLength = 0;
      start = end + 1;
    }
    pending.push(chunk.subarray(start));
    pendingLength += chunk.length - start;
    if (pendingLength > LONGEST_LINE) {
      throw new SparseLensError(
        `${file.name} has a line of more than ${LONGEST_LINE} bytes: expected JSON lines, one object on each.`,
      );
    }
  }
  if (pendingLength > 0) yield join(pending, new Uint8Array(0));
}

function join(parts: readonly Uint8Array[], last: Uint8Array): Uint8Array {
  if (parts.length === 0) return last;
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, last.length));
  let position = 0;
  for (const part of [...parts, last]) {
    joined.set(part, position);
    position += part.length;
  }
  return joined;
}
