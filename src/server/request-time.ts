import { ApiError } from "./api-error.js";

/** A request's time: over when the client leaves, the server closes, or it has taken too long. */
export class RequestTime {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #sources: readonly AbortSignal[];
  readonly #follow = () =>
    this.#controller.abort(new ApiError(503, "The client has left, or the server closes."));
  readonly #afterwards: (() => void)[] = [];

  constructor(sources: readonly AbortSignal[], milliseconds: number) {
    this.#sources = sources;
    for (const source of sources) {
      if (source.aborted) this.#follow();
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

  /** Something to do when it is over. */
  afterwards(action: () => void): void {
    this.#afterwards.push(action);
  }

  /** Must be called when the request is over. */
  end(): void {
    clearTimeout(this.#timer);
    for (const source of this.#sources) source.removeEventListener("abort", this.#follow);
    for (const action of this.#afterwards.splice(0)) action();
  }
}
