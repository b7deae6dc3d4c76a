/**
 * Cuts a text off where a stop string begins, as it comes. What may be the beginning of one is held back until it is
 * known. One that began in the prompt leaves nothing of the text.
 */
export class StopStrings {
  /** The latest text: of the prompt at first, then what was held back. */
  #tail: string;
  /** How much of the tail was handed on before, or is the prompt's. */
  #seen: number;
  #stopped = false;
  /** Most that can be known of a stop string without all of it. */
  readonly #longest: number;

  constructor(
    private readonly stop: readonly string[],
    prompt: string,
  ) {
    this.#longest = Math.max(0, ...stop.map((text) => text.length - 1));
    this.#tail = this.#longest === 0 ? "" : prompt.slice(-this.#longest);
    this.#seen = this.#tail.length;
  }

  /** The part of the text so far that is certain and new. */
  push(piece: string): string {
    if (this.#stopped || piece === "") return "";
    const before = this.#tail.length;
    this.#tail += piece;
    let end = Number.POSITIVE_INFINITY;
    let start = 0;
    for (const text of this.stop) {
      // One that was complete before is none: it is the prompt's.
      const from = this.#tail.indexOf(text, Math.max(0, before - text.length + 1));
      if (from < 0 || from + text.length > end) continue;
      if (from + text.length < end || from < start) [start, end] = [from, from + text.length];
    }
    if (end < Number.POSITIVE_INFINITY) {
      this.#stopped = true;
      return this.#tail.slice(this.#seen, Math.max(this.#seen, start));
    }
    return this.#release(this.#tail.length - this.#held());
  }

  /** Ends the text: what was held back, if nothing came of it. */
  flush(): string {
    return this.#stopped ? "" : this.#release(this.#tail.length);
  }

  #release(until: number): string {
    const certain = this.#tail.slice(this.#seen, Math.max(this.#seen, until));
    this.#seen += certain.length;
    const cut = Math.max(0, Math.min(this.#seen, this.#tail.length - this.#longest));
    this.#tail = this.#tail.slice(cut);
    this.#seen -= cut;
    return certain;
  }

  /** Length of the longest end of the tail that a stop string begins with. */
  #held(): number {
    for (let start = Math.max(0, this.#tail.length - this.#longest); start < this.#tail.length; start++) {
      const end = this.#tail.slice(start);
      if (this.stop.some((text) => text.length > end.length && text.startsWith(end))) return end.length;
    }
    return 0;
  }
}
