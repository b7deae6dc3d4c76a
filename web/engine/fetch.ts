import type { CatalogueModel } from "../../src/server/catalogue.js";

/** Bytes that have arrived, of all files together. */
export interface Arrival {
  readonly loaded: number;
  readonly total: number;
}

async function get(url: string, signal?: AbortSignal): Promise<Response> {
  const response = await fetch(url, { signal });
  if (!response.ok) throw new Error(`${url} could not be loaded: status ${response.status}.`);
  return response;
}

export async function fetchJson(url: string, signal?: AbortSignal): Promise<Record<string, unknown>> {
  const response = await get(url, signal);
  try {
    return await response.json();
  } catch {
    throw new Error(`${url} is not valid JSON.`);
  }
}

export async function fetchText(url: string, signal?: AbortSignal): Promise<string> {
  return (await get(url, signal)).text();
}

export async function fetchBytes(url: string, signal?: AbortSignal): Promise<Uint8Array> {
  return new Uint8Array(await (await get(url, signal)).arrayBuffer());
}

/** The files of a model, as they would be if somebody had picked them. */
export async function fetchModelFiles(
  { path, files }: CatalogueModel,
  onProgress: (arrival: Arrival) => void,
  signal: AbortSignal,
): Promise<File[]> {
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  let loaded = 0;
  return await Promise.all(
    files.map(async ({ name }) => {
      const response = await get(`${path}${name}`, signal);
      const parts: Uint8Array<ArrayBuffer>[] = [];
      for (const reader = response.body!.getReader(); ; ) {
        const { value, done } = await reader.read();
        if (done) break;
        parts.push(value);
        loaded += value.length;
        onProgress({ loaded, total: Math.max(total, loaded) });
      }
      return new File(parts, name);
    }),
  );
}
