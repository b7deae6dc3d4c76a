import { SparseLensError } from "../errors.js";

const WORD = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";

/** Shorthands whose meaning differs between Oniguruma and JavaScript, as the content of a character class. */
const SHORTHANDS: Record<string, string> = {
  s: "\\p{White_Space}",
  d: "\\p{Nd}",
  w: WORD,
  h: "0-9A-Fa-f",
};

/** POSIX brackets, and Oniguruma's names for properties that JavaScript spells differently. */
const POSIX: Record<string, string> = {
  alnum: "\\p{Alphabetic}\\p{Nd}",
  alpha: "\\p{Alphabetic}",
  cntrl: "\\p{Cc}",
  digit: "\\p{Nd}",
  lower: "\\p{Lowercase}",
  punct: "\\p{P}\\p{S}",
  space: "\\p{White_Space}",
  upper: "\\p{Uppercase}",
  word: WORD,
  xdigit: "0-9A-Fa-f",
};

const CONTROL_ESCAPES: Record<string, number> = { a: 7, t: 9, n: 10, v: 11, f: 12, r: 13, e: 27, "0": 0 };

/** Characters outside ASCII that fold to an ASCII letter: ſ and the Kelvin sign. */
const SPECIAL_FOLDS: Record<string, string> = { s: "\u017f", k: "\u212a" };

/** Ranges under (?i) are folded character by character, up to this many. */
const LONGEST_FOLDED_RANGE = 4096;

/**
 * Translates a regular expression of the flavour that `tokenizer.json` files are written in (Oniguruma with Ruby syntax)
 * to an equivalent JavaScript one with the flags `g` and `v`.
 *
 * Covered is what pre-tokenisers use: classes with properties, shorthands, nesting, intersection and POSIX brackets,
 * `(?i:…)`, lazy and possessive quantifiers, atomic groups, look-around, anchors. `\s`, `\w`, `\d` and `\b` have their
 * Unicode meaning (JavaScript's `\s` takes U+FEFF for a space and U+0085 not), `^` and `$` match at lines, and `{n,m}+`
 * is, as in Ruby, a repetition of the repetition and not possessive. Case folding that maps one character to several
 * (ß, ss) is not covered.
 *
 * @param where Names the pattern in errors, such as `tokenizer.json: pre_tokenizer.pattern.Regex`.
 * @throws SparseLensError naming the construct and its position when it is not supported.
 */
export function translateRegularExpression(pattern: string, where: string): RegExp {
  const source = new Translator(pattern, where).translate();
  try {
    return new RegExp(source, "gv");
  } catch (error) {
    throw new SparseLensError(
      `${where}: the regular expression ${JSON.stringify(pattern)} cannot be used: ${(error as Error).message}`,
    );
  }
}

/** The regular expression that matches `text` itself. */
export function literalRegularExpression(text: string): RegExp {
  return new RegExp(escapeLiteral(text), "gv");
}

/** Escapes `text` so that a regular expression with the flag `u` or `v` matches it literally. */
export function escapeLiteral(text: string): string {
  return Array.from(text, (character) => literal(character.codePointAt(0)!)).join("");
}

function literal(codePoint: number): string {
  const character = String.fromCodePoint(codePoint);
  return /[\p{L}\p{Nd}]/u.test(character) ? character : `\\u{${codePoint.toString(16)}}`;
}

/** The code points that equal `codePoint` when case is ignored, itself included. */
function caseVariants(codePoint: number): Set<number> {
  const character = String.fromCodePoint(codePoint);
  const variants = new Set([codePoint]);
  for (const variant of [character.toLowerCase(), character.toUpperCase()]) {
    if ([...variant].length === 1) variants.add(variant.codePointAt(0)!);
  }
  const special = SPECIAL_FOLDS[character.toLowerCase()];
  if (special !== undefined) variants.add(special.codePointAt(0)!);
  for (const [letter, fold] of Object.entries(SPECIAL_FOLDS)) {
    if (character === fold)
      for (const variant of [letter, letter.toUpperCase()]) variants.add(variant.codePointAt(0)!);
  }
  return variants;
}

class Translator {
  private position = 0;
  private ignoreCase = false;
  private atomicGroups = 0;
  private lookBehindDepth = 0;

  constructor(
    private readonly pattern: string,
    private readonly where: string,
  ) {}

  translate(): string {
    const source = this.disjunction();
    if (this.position < this.pattern.length) this.unsupported("an unmatched )");
    return source;
  }

  private unsupported(construct: string): never {
    throw new SparseLensError(
      `${this.where}: ${construct} at position ${this.position} of the regular expression ` +
        `${JSON.stringify(this.pattern)} is not supported. Rewrite the expression without it.`,
    );
  }

  private eat(text: string): boolean {
    if (!this.pattern.startsWith(text, this.position)) return false;
    this.position += text.length;
    return true;
  }

  /** Takes a match of `expression` (sticky) at the current position. */
  private eatMatch(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.position;
    const match = expression.exec(this.pattern);
    if (match) this.position += match[0].length;
    return match;
  }

  private nextCodePoint(): number {
    const codePoint = this.pattern.codePointAt(this.position);
    if (codePoint === undefined) this.unsupported("the end of the expression");
    this.position += codePoint > 0xffff ? 2 : 1;
    return codePoint;
  }

  /** Alternatives up to a closing parenthesis or the end. */
  private disjunction(): string {
    const outerIgnoreCase = this.ignoreCase;
    // Flags without a colon hold to the end of the group that they stand at the start of.
    const flags = this.eatMatch(/\(\?(-?)i\)/y);
    if (flags) this.ignoreCase = flags[1] === "";
    let source = "";
    while (this.position < this.pattern.length && this.pattern[this.position] !== ")") {
      source += this.eat("|") ? "|" : this.term();
    }
    this.ignoreCase = outerIgnoreCase;
    return source;
  }

  private term(): string {
    let source = this.atom();
    for (;;) {
      const quantifier = this.eatMatch(/[*+?]|\{(\d+)\}|\{(\d*),(\d*)\}/y);
      if (!quantifier) return source;
      const [text, exact, least, most] = quantifier;
      if (text === "{,}") {
        source += escapeLiteral(text);
        continue;
      }
      const braced = text.startsWith("{");
      const repeat = braced && exact === undefined ? `{${least || "0"},${most}}` : text;
      if (!braced && this.eat("+")) source = this.atomic(`${source}${repeat}`);
      else if (exact === undefined && this.eat("?")) source = `(?:${source}${repeat}?)`;
      else source = `(?:${source}${repeat})`;
    }
  }

  /** JavaScript has no atomic groups, but never backtracks into a look-ahead. */
  private atomic(source: string): string {
    if (this.lookBehindDepth > 0)
      this.unsupported("a possessive quantifier or an atomic group within a look-behind");
    const name = `atomic${this.atomicGroups++}`;
    return `(?:(?=(?<${name}>${source}))\\k<${name}>)`;
  }

  private atom(): string {
    if (this.eat("(")) return this.group();
    if (this.eat("[")) return this.characterClass();
    if (this.eat(".")) return "[^\\n]";
    if (this.eat("^")) return "(?:(?<![\\s\\S])|(?<=\\n)(?=[\\s\\S]))";
    if (this.eat("$")) return "(?![^\\n])";
    if (this.eat("\\")) return this.escape();
    if ("*+?".includes(this.pattern[this.position])) this.unsupported("a quantifier without an atom");
    return this.character(this.nextCodePoint());
  }

  private character(codePoint: number): string {
    if (!this.ignoreCase) return literal(codePoint);
    return `[${Array.from(caseVariants(codePoint), literal).join("")}]`;
  }

  private group(): string {
    if (this.eatMatch(/\?#[^)]*\)/y)) return "(?:)";
    const prefix = this.eatMatch(/\?(?:<?[=!]|>|(-?i)?:|<\w+>)|(?!\?)/y);
    if (!prefix) this.unsupported("a group of this kind");
    const outerIgnoreCase = this.ignoreCase;
    if (prefix[1] !== undefined) this.ignoreCase = prefix[1] === "i";
    const lookBehind = /^\?<[=!]/.test(prefix[0]);
    if (lookBehind) this.lookBehindDepth++;
    const content = this.disjunction();
    if (lookBehind) this.lookBehindDepth--;
    if (!this.eat(")")) this.unsupported("a group without )");
    this.ignoreCase = outerIgnoreCase;
    if (prefix[0] === "?>") return this.atomic(content);
    // Nothing refers to captures, since back-references are not supported.
    return /^\?<?[=!]/.test(prefix[0]) ? `(${prefix[0]}${content})` : `(?:${content})`;
  }

  /** An escape outside a character class; the backslash is taken. */
  private escape(): string {
    const set = this.setEscape();
    if (set !== undefined) return `[${set}]`;
    switch (this.pattern[this.position]) {
      case "A":
        this.position++;
        return "(?<![\\s\\S])";
      case "z":
        this.position++;
        return "(?![\\s\\S])";
      case "Z":
        this.position++;
        return "(?=\\n?(?![\\s\\S]))";
      case "b":
        this.position++;
        return `(?:(?<=[${WORD}])(?![${WORD}])|(?<![${WORD}])(?=[${WORD}]))`;
      case "B":
        this.position++;
        return `(?:(?<=[${WORD}])(?=[${WORD}])|(?<![${WORD}])(?![${WORD}]))`;
    }
    return this.character(this.characterEscape());
  }

  /** An escape that stands for a set of characters, as content of a class; undefined (nothing taken) when it is none. */
  private setEscape(): string | undefined {
    const property = this.eatMatch(/([pP])\{(\^?)([^}]*)\}/y);
    if (property) {
      const content = this.property(property[3]);
      return (property[1] === "P") !== (property[2] === "^") ? `[^${content}]` : content;
    }
    const shorthand = this.eatMatch(/[sdwhSDWH]/y);
    if (!shorthand) return undefined;
    const content = SHORTHANDS[shorthand[0].toLowerCase()];
    return /[SDWH]/.test(shorthand[0]) ? `[^${content}]` : content;
  }

  private property(name: string): string {
    if (this.ignoreCase && !/^(?:[LMNPSZC]|N[dlo]|L[mo]|P[a-z]|Alphabetic|White_Space|\w*=\w+)$/.test(name)) {
      this.unsupported(`the property ${name} under (?i)`);
    }
    for (const candidate of [name, `Script=${name}`]) {
      try {
        new RegExp(`\\p{${candidate}}`, "v");
        return `\\p{${candidate}}`;
      } catch {
        // Not a property of JavaScript: try the next spelling.
      }
    }
    return POSIX[name.toLowerCase()] ?? this.unsupported(`the property ${name}`);
  }

  /** The code point that an escape stands for; the backslash is taken. */
  private characterEscape(): number {
    const hexadecimal = this.eatMatch(/x\{([0-9A-Fa-f]{1,8})\}|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})/y);
    if (hexadecimal) {
      const codePoint = Number.parseInt(hexadecimal[1] ?? hexadecimal[2] ?? hexadecimal[3], 16);
      if (codePoint > 0x10ffff) this.unsupported("a code point above U+10FFFF");
      return codePoint;
    }
    const character = this.pattern[this.position];
    if (character !== undefined && Object.hasOwn(CONTROL_ESCAPES, character)) {
      this.position++;
      return CONTROL_ESCAPES[character];
    }
    if (character === undefined || /[0-9A-Za-z]/.test(character))
      this.unsupported(`the escape \\${character ?? ""}`);
    return this.nextCodePoint();
  }

  /** A character class; the opening bracket is taken. */
  private characterClass(): string {
    const negated = this.eat("^");
    const operands: string[] = [];
    let content = "";
    let first = true;
    for (;;) {
      if (this.position >= this.pattern.length) this.unsupported("a character class without ]");
      if (!first && this.eat("]")) break;
      if (this.eat("&&")) {
        operands.push(content);
        content = "";
      } else {
        content += this.classItem();
      }
      first = false;
    }
    operands.push(content);
    const body = operands.length === 1 ? content : operands.map((operand) => `[${operand}]`).join("&&");
    return `[${negated ? "^" : ""}${body}]`;
  }

  /** A range, character, escape or nested class, as content of a class. */
  private classItem(): string {
    const posix = this.eatMatch(/\[:(\^?)(\w+):\]/y);
    if (posix) {
      const content = POSIX[posix[2]] ?? this.unsupported(`the bracket [:${posix[2]}:]`);
      return posix[1] ? `[^${content}]` : content;
    }
    if (this.eat("[")) return this.characterClass();
    if (this.eat("\\")) {
      const set = this.setEscape();
      if (set !== undefined) return set;
      // Within a class \b is the backspace.
      return this.classRange(this.eat("b") ? 8 : this.characterEscape());
    }
    return this.classRange(this.nextCodePoint());
  }

  /** What begins with the character `low`: a range if a hyphen and another character follow. */
  private classRange(low: number): string {
    const isRange = /-(?!\]|\[|\\[pPsdwhSDWH]|&&)/y;
    isRange.lastIndex = this.position;
    if (!isRange.test(this.pattern) || this.position + 1 >= this.pattern.length)
      return this.classLiterals(low, low);
    this.position++;
    const high = this.eat("\\") ? this.characterEscape() : this.nextCodePoint();
    if (high < low) this.unsupported("an empty range");
    return this.classLiterals(low, high);
  }

  private classLiterals(low: number, high: number): string {
    const escaped = (codePoint: number) => `\\u{${codePoint.toString(16)}}`;
    const range = low === high ? escaped(low) : `${escaped(low)}-${escaped(high)}`;
    if (!this.ignoreCase) return range;
    if (high - low > LONGEST_FOLDED_RANGE) this.unsupported("so long a range under (?i)");
    const others = new Set<number>();
    for (let codePoint = low; codePoint <= high; codePoint++) {
      for (const variant of caseVariants(codePoint)) if (variant < low || variant > high) others.add(variant);
    }
    return range + Array.from(others, escaped).join("");
  }
}
