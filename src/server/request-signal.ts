import { ApiError } from "./api-error.js";

/** Aborted when the client leaves, when the server closes, or when the time for a request is over. */
export class RequestSignal {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #sources: readonly AbortSignal[];
  readonly #follow = (event: Event) => this.#controller.abort((event.target as AbortSignal).reason);

  constructor(sources: readonly AbortSignal[], milliseconds: number) {
    this.#sources = sources;
    for (const source of sources) {
      if (source.aborted) this.#controller.abort(source.reason);
      source.addEventListener("abort", this.#follow);
    }
    this.#timer = setTimeout(() => {
      const reason = `This took longer than ${milliseconds / 1000} s, which is the limit here: ask for less.`;
      this.#controller.abort(new ApiError(503, reason));
    }, milliseconds);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Must be called when the request is over. */
  release(): void {
    clearTimeout(this.#timer);
    for (const source of this.#sources) source.removeEventListener("abort", this.#follow);
  }
}
