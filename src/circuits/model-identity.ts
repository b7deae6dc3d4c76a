import { SparseLensError } from "../errors.js";
import type { Model } from "../model.js";

const hashes = new WeakMap<Model, Promise<string>>();

/**
 * SHA-256 of a model's architecture and weights, hexadecimal: the same whatever layout it is stored in and wherever it lies.
 * @throws SparseLensError on a page that may not hash (crypto.subtle wants HTTPS or localhost)
 */
export function modelHash(model: Model): Promise<string> {
  let hash = hashes.get(model);
  if (!hash) {
    hash = computeHash(model);
    hashes.set(model, hash);
  }
  return hash;
}

async function computeHash(model: Model): Promise<string> {
  const { matrices, vectors } = await model.run({ type: "weights", names: null });
  const { tokenizer_name: _, afrac_loctypes, ...config } = model.config;
  const parts: string[] = [JSON.stringify({ ...config, afrac_loctypes: [...afrac_loctypes] })];
  for (const [name, { rows, columns, rowPointers, columnIndices, values }] of matrices) {
    const indices = Uint32Array.from(columnIndices);
    parts.push(
      name,
      `${rows} ${columns}`,
      ...(await Promise.all([rowPointers, indices, values].map(digest))),
    );
  }
  for (const [name, values] of vectors) parts.push(name, await digest(values));
  return digest(new TextEncoder().encode(parts.join("\n")));
}

async function digest(data: ArrayBufferView): Promise<string> {
  if (!globalThis.crypto?.subtle) {
    throw new SparseLensError(
      "The model's weights cannot be hashed on this page: browsers allow it over HTTPS and on localhost only.",
    );
  }
  const hash = await globalThis.crypto.subtle.digest("SHA-256", data as ArrayBufferView<ArrayBuffer>);
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
