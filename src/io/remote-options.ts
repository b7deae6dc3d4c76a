import type { Progress } from "./progress.js";

/** How files are fetched from a server. */
export interface RemoteOptions {
  /**
   * Where downloads are kept (Node): instead of the Hugging Face hub's cache, and instead of `SPARSELENS_CACHE`
   * (default `~/.cache/sparselens`) for the blob store.
   */
  cacheDirectory?: string;
  /** Access token for Hugging Face; default: `HF_TOKEN`, or what `hf auth login` saved. */
  token?: string;
  /** Branch, tag or commit of a Hugging Face repository; default `main`. */
  revision?: string;
  /** Use only what has been downloaded before; default: `HF_HUB_OFFLINE`. */
  offline?: boolean;
  onProgress?: (progress: Progress) => void;
  /** Stops a download; what has arrived is kept, and the next call goes on from there. */
  signal?: AbortSignal;
  fetch?: typeof fetch;
  /** Milliseconds before the first repetition of a failed request; doubled for each further one. Default 500. */
  retryDelay?: number;
}
