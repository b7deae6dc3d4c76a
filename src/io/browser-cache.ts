import { SparseLensError } from "../errors.js";
import type { RemoteOptions } from "./remote-options.js";
import type { FileLocation } from "./resolved-source.js";
import {
  isTransientStatus,
  NotFoundError,
  request,
  retryAfter,
  retrying,
  statusError,
  TransientError,
} from "./retry.js";

/** Name under which the browser keeps downloads (`caches.open`). */
const cacheName = "sparselens";

export interface BrowserFetchOptions extends RemoteOptions {
  headers?: Record<string, string>;
  /** Bytes, when known. */
  size?: number;
}

/**
 * A file on a server, for a browser: kept by the Cache API, or, where that does not work, read by range requests from
 * the server.
 */
export async function fetchInBrowser(
  url: string,
  file: string,
  options: BrowserFetchOptions,
): Promise<FileLocation> {
  const cache = await openCache();
  const kept = await cache?.match(url);
  if (kept) return { blob: await kept.blob() };
  if (cache) {
    const blob = await retrying(
      `Downloading ${url}`,
      () => fetchIntoCache(cache, url, file, options),
      options,
    );
    if (blob) return { blob };
  }
  const size = options.size ?? (await retrying(`Asking for ${url}`, () => sizeOf(url, options), options));
  return { url, size, headers: options.headers };
}

/** Null where there is no cache: no secure context, or storage is blocked. */
async function openCache(): Promise<Cache | null> {
  try {
    return typeof caches === "undefined" ? null : await caches.open(cacheName);
  } catch {
    return null;
  }
}

/** Null when the browser does not want to keep it (no space left). */
async function fetchIntoCache(
  cache: Cache,
  url: string,
  file: string,
  options: BrowserFetchOptions,
): Promise<Blob | null> {
  const response = await fetchWhole(url, options);
  const total = options.size ?? Number(response.headers.get("Content-Length") ?? 0);
  let loaded = 0;
  let failure: unknown = null;
  const body = response.body?.getReader();
  const counted = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const piece = await body?.read();
        if (!piece || piece.done) return controller.close();
        loaded += piece.value.byteLength;
        options.onProgress?.({ file, loaded, total: Math.max(total, loaded) });
        controller.enqueue(piece.value);
      } catch (error) {
        failure = error;
        controller.error(error);
      }
    },
    async cancel() {
      await body?.cancel();
    },
  });
  try {
    await cache.put(url, new Response(counted));
  } catch {
    options.signal?.throwIfAborted();
    if (failure) throw new TransientError("the connection broke", 0, { cause: failure });
    return null;
  }
  if (options.size !== undefined && loaded !== options.size) {
    await cache.delete(url);
    throw new TransientError(`the connection ended after ${loaded} of ${options.size} bytes`);
  }
  return (await (await cache.match(url))?.blob()) ?? null;
}

async function fetchWhole(url: string, options: BrowserFetchOptions, method = "GET"): Promise<Response> {
  const response = await request(url, { method, headers: options.headers }, options);
  if (isTransientStatus(response.status)) {
    throw new TransientError(`the server answered with status ${response.status}`, retryAfter(response));
  }
  if (!response.ok) throw statusError(url, response.status);
  // Servers of single-page applications answer with the page where they have no file.
  if (response.headers.get("Content-Type")?.startsWith("text/html")) {
    throw new NotFoundError(`There is nothing at ${url}: the server answered with a page instead.`);
  }
  return response;
}

async function sizeOf(url: string, options: BrowserFetchOptions): Promise<number> {
  const response = await fetchWhole(url, options, "HEAD");
  const length = response.headers.get("Content-Length");
  if (length === null) throw new SparseLensError(`The server does not say how long ${url} is.`);
  return Number(length);
}
