import { SparseLensError } from "../errors.js";
import type { RemoteOptions } from "./remote-options.js";

const longestPause = 30_000;

/** A failure that may pass: the network, or a server that is overloaded. */
export class TransientError extends Error {
  constructor(
    message: string,
    /** Milliseconds that the server asks to wait. */
    readonly pause = 0,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Whether a response asks to try again. */
export function isTransientStatus(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

/**
 * Does `work` until it succeeds, fails for good, or fails `attempts` times in a row. `progress` tells how far it is: attempts that get further do not
 * count as failures in a row.
 *
 * @throws SparseLensError when it keeps failing; the signal's reason when it is aborted
 */
export async function retrying<T>(
  what: string,
  work: () => Promise<T>,
  { signal, retryDelay = 500, attempts = 5 }: RemoteOptions & { attempts?: number },
  progress: () => number = () => 0,
): Promise<T> {
  let reached = progress();
  for (let failures = 0; ; ) {
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof TransientError)) throw error;
      if (progress() > reached) failures = 0;
      reached = progress();
      if (++failures === attempts) {
        throw new SparseLensError(`${what} failed: ${error.message}. Check the connection and try again.`, {
          cause: error,
        });
      }
      await sleep(Math.min(longestPause, Math.max(error.pause, retryDelay * 2 ** (failures - 1))), signal);
    }
  }
}

export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Seconds of a Retry-After header, in milliseconds. */
export function retryAfter(response: Response): number {
  const seconds = Number(response.headers.get("Retry-After"));
  return Number.isFinite(seconds) ? seconds * 1000 : 0;
}

/** `fetch` whose network failures are transient errors; with the reason underneath ("fetch failed" says little). */
export async function request(url: string, init: RequestInit, options: RemoteOptions): Promise<Response> {
  try {
    return await (options.fetch ?? fetch)(url, { ...init, signal: options.signal });
  } catch (cause) {
    options.signal?.throwIfAborted();
    throw new TransientError(networkReason(cause), 0, { cause });
  }
}

export function networkReason(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message ? `${message} (${cause.message})` : message;
}

/** There is no such file. */
export class NotFoundError extends SparseLensError {}

/** The error for a status that will not change by asking again. */
export function statusError(url: string, status: number): SparseLensError {
  const place = url.replace(/\?.*/, "");
  if (status === 404 || status === 410)
    return new NotFoundError(`There is nothing at ${place} (status ${status}).`);
  if (status === 401 || status === 403) {
    return new SparseLensError(
      `Access to ${place} was refused (status ${status}). If it is a private or gated model, give a token that may ` +
        "read it (HF_TOKEN).",
    );
  }
  return new SparseLensError(`${place} answered with status ${status}.`);
}
