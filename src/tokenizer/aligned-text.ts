/**
 * A piece of text on its way through normalisation and pre-tokenisation, which knows for each of its UTF-16 code units
 * the range of the original text that it comes from.
 */
export class AlignedText {
  private constructor(
    readonly text: string,
    /** Position in the original of the first code unit, where the text is an unchanged slice of it. */
    private readonly offset: number,
    /** Where it is not: start and end in the original, per code unit. */
    private readonly starts?: Uint32Array,
    private readonly ends?: Uint32Array,
  ) {}

  /** A slice of the original that starts at code unit `offset`. */
  static unchanged(text: string, offset: number): AlignedText {
    return new AlignedText(text, offset);
  }

  /** Start in the original of the code unit at `unit`. */
  start(unit: number): number {
    return this.starts ? this.starts[unit] : this.offset + unit;
  }

  /** End in the original of the code unit at `unit`. */
  end(unit: number): number {
    return this.ends ? this.ends[unit] : this.offset + unit + 1;
  }

  slice(from: number, to: number): AlignedText {
    const text = this.text.slice(from, to);
    return this.starts
      ? new AlignedText(text, 0, this.starts.subarray(from, to), this.ends!.subarray(from, to))
      : new AlignedText(text, this.offset + from);
  }

  /** Puts text in front that stands for nothing in the original. */
  prepend(prefix: string): AlignedText {
    const origin = this.text.length > 0 ? this.start(0) : this.offset;
    return this.concat([{ text: prefix, start: origin, end: origin }], 0);
  }

  /** Replaces the text piecewise: `replacements` covers it, each with the number of code units it replaces. */
  replace(replacements: readonly { text: string; length: number }[]): AlignedText {
    let unit = 0;
    const parts = replacements.map(({ text, length }) => {
      const part = { text, start: this.start(unit), end: this.end(unit + length - 1) };
      const unchanged = this.text.startsWith(text, unit) && text.length === length;
      unit += length;
      return unchanged ? { ...part, unchangedFrom: unit - length } : part;
    });
    return this.concat(parts, this.text.length);
  }

  /** Builds a text from `parts`, followed by what this one holds from code unit `rest` on. */
  private concat(
    parts: readonly { text: string; start: number; end: number; unchangedFrom?: number }[],
    rest: number,
  ): AlignedText {
    const text = parts.map((part) => part.text).join("") + this.text.slice(rest);
    const starts = new Uint32Array(text.length);
    const ends = new Uint32Array(text.length);
    let unit = 0;
    for (const part of parts) {
      for (let index = 0; index < part.text.length; index++, unit++) {
        const same = part.unchangedFrom;
        starts[unit] = same === undefined ? part.start : this.start(same + index);
        ends[unit] = same === undefined ? part.end : this.end(same + index);
      }
    }
    for (let index = rest; index < this.text.length; index++, unit++) {
      starts[unit] = this.start(index);
      ends[unit] = this.end(index);
    }
    return new AlignedText(text, 0, starts, ends);
  }
}
