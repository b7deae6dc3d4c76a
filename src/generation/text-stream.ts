/** What a stream asks of a tokenizer: the bytes that a token stands for. */
export interface TokenBytes {
  tokenBytes(token: number, options?: { skipSpecialTokens?: boolean }): Uint8Array;
}

export interface TextStreamOptions {
  /** Text before the first token, in which a stop string may begin: the prompt. */
  context?: string;
  /** Leave out special tokens (false unless given). */
  skipSpecialTokens?: boolean;
}

/**
 * Turns tokens into text as they come. A piece never ends within a character: bytes of an incomplete one wait for the
 * next token, or become U+FFFD at the end. All pieces together are the decoded text of all tokens.
 *
 * Stop strings follow `StopStringCriteria` of `transformers`: generation stops after the token that completes one, which
 * may have begun in an earlier token or in the prompt, and the text includes it with whatever else the token holds. So
 * nothing has to be held back for them.
 */
export class TextStream {
  private readonly decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  private readonly tailLength: number;
  /** The latest text: what a stop string that is not complete yet may have begun in. */
  private tail: string;
  private found: string | undefined;

  /** @param stop Strings to look for. */
  constructor(
    private readonly tokenizer: TokenBytes,
    private readonly stop: readonly string[] = [],
    private readonly options: TextStreamOptions = {},
  ) {
    this.tailLength = Math.max(0, ...this.stop.map((text) => text.length - 1));
    this.tail = this.lastOf(options.context ?? "");
  }

  /** The stop string that was completed first, if one was. */
  get stopped(): string | undefined {
    return this.found;
  }

  /** Takes a token; returns the text that it completes, possibly none. */
  push(token: number): string {
    return this.take(this.decoder.decode(this.tokenizer.tokenBytes(token, this.options), { stream: true }));
  }

  /** Ends the text; returns what was waiting. */
  flush(): string {
    return this.take(this.decoder.decode());
  }

  private take(piece: string): string {
    if (this.found === undefined && piece !== "" && this.stop.length > 0) {
      const text = this.tail + piece;
      let firstEnd = Number.POSITIVE_INFINITY;
      for (const candidate of this.stop) {
        // Only what ends within the piece counts: a stop string that the prompt holds does not.
        const start = text.indexOf(candidate, Math.max(0, this.tail.length - candidate.length + 1));
        if (start >= 0 && start + candidate.length < firstEnd) {
          firstEnd = start + candidate.length;
          this.found = candidate;
        }
      }
      this.tail = this.lastOf(text);
    }
    return piece;
  }

  private lastOf(text: string): string {
    return this.tailLength === 0 ? "" : text.slice(-this.tailLength);
  }
}
