import { ownCopy } from "./utf8.js";

/**
 * Remembers recent results by text, in bounded memory: when the younger of two generations is full, the older one is
 * forgotten. What is used again moves to the younger.
 */
export class PieceCache<Value> {
  private young = new Map<string, Value>();
  private old = new Map<string, Value>();

  /**
   * @param capacity Most entries of a generation.
   * @param longest Longest text that is remembered, in UTF-16 code units.
   */
  constructor(
    private readonly capacity: number,
    private readonly longest: number,
  ) {}

  get(text: string): Value | undefined {
    const value = this.young.get(text);
    if (value !== undefined) return value;
    const older = this.old.get(text);
    if (older !== undefined) this.set(text, older);
    return older;
  }

  set(text: string, value: Value): void {
    if (text.length > this.longest) return;
    if (this.young.size >= this.capacity) {
      this.old = this.young;
      this.young = new Map();
    }
    this.young.set(ownCopy(text), value);
  }
}
