import { requireLocalFiles } from "../io/local-files.js";

const encoder = new TextEncoder();

/** SHA-256 of a text in UTF-8. */
function hash(text: string, encoding: "hex" | "base64"): string {
  const sha256 = requireLocalFiles("Hashing a document").hash("sha256");
  sha256.update(encoder.encode(text));
  return sha256.digest(encoding);
}

/** What two documents share when they are the same but for white space at the ends of their lines and at their end. */
export function fingerprint(text: string): string {
  const lines = text.split("\n").map((line) => line.trimEnd());
  return hash(lines.join("\n").trimEnd(), "base64");
}

/** A number that is uniform in [0, 1) over texts, and always the same for one. */
export function uniform(text: string): number {
  return Number.parseInt(hash(text, "hex").slice(0, 13), 16) / 2 ** 52;
}
