import { translateRegularExpression } from "./regular-expression.js";
import { TINYPYTHON_PATTERN } from "./tinypython.js";
import { ownCopy, toWellFormed } from "./utf8.js";

/** How often each piece ("word") that {@link TINYPYTHON_PATTERN} cuts text into occurs. */
export class WordCounts {
  /** Words in the order in which they first came. */
  readonly words: string[] = [];
  /** Occurrences of each: `[words.length]` */
  readonly counts: number[] = [];
  private readonly places = new Map<string, number>();
  private readonly expression = translateRegularExpression(TINYPYTHON_PATTERN, "tinypython_2k");

  /** Counts the words of a document, all of which is text: special tokens are not looked for. */
  add(document: string): void {
    // Every character is in some match.
    for (const word of toWellFormed(document).match(this.expression) ?? []) {
      const place = this.places.get(word);
      if (place === undefined) this.insert(word);
      else this.counts[place]++;
    }
  }

  private insert(match: string): void {
    const word = ownCopy(match);
    this.places.set(word, this.words.length);
    this.words.push(word);
    this.counts.push(1);
  }
}
