import { ApiError } from "./api-error.js";
import { untilAborted } from "./until-aborted.js";

/** Work that is done one at a time; only so much of it may wait. */
export class WorkQueue {
  #last: Promise<unknown> = Promise.resolve();
  #pending = 0;

  /** @param most what may run and wait, together */
  constructor(private readonly most: number) {}

  /**
   * Waits for its turn; the result ends it, and must be called.
   * @throws ApiError (429) at once when too much waits, the signal's reason when it is aborted before its turn
   */
  async turn(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#pending >= this.most) {
      throw new ApiError(429, `${this.#pending} requests are being worked on or wait: try again later.`);
    }
    this.#pending++;
    const before = this.#last;
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = () => {
        this.#pending--;
        end = () => {};
        resolve();
      };
    });
    // Who gave up waiting still has its place until those before it are done.
    this.#last = before.then(() => ended);
    try {
      await untilAborted(before, signal);
    } catch (error) {
      end();
      throw error;
    }
    return () => end();
  }

  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const end = await this.turn(signal);
    try {
      return await work();
    } finally {
      end();
    }
  }
}
