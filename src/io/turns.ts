/** Milliseconds of work after which something else gets its turn. */
const SHARE = 50;

/** Gives long work on one thread pauses in which signals and timers are served. */
export class Turns {
  private next = performance.now() + SHARE;

  /**
   * Waits for a turn of the event loop, if the last one is long enough ago.
   * @throws the reason of `signal`, once it is aborted
   */
  async pause(signal?: AbortSignal): Promise<void> {
    if (performance.now() < this.next) return;
    await new Promise((resolve) => setTimeout(resolve));
    this.next = performance.now() + SHARE;
    signal?.throwIfAborted();
  }
}
