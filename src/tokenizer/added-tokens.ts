import type { Field } from "./definition.js";
import { escapeLiteral } from "./regular-expression.js";

/** A token that is recognised in the text before anything else, such as `<|endoftext|>`. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Only where it is not part of a longer word. */
  readonly singleWord: boolean;
  /** Takes the white space on its left, on its right. */
  readonly leftStrip: boolean;
  readonly rightStrip: boolean;
  /** Recognised in the normalised text instead of the original. */
  readonly normalized: boolean;
  /** Not part of the text proper: may be left out when decoding, and need not be recognised when encoding. */
  readonly special: boolean;
}

/** A part of a text: an added token, or text between them. */
export interface TextPart {
  readonly start: number;
  readonly end: number;
  readonly token?: AddedToken;
}

export function parseAddedToken(field: Field): AddedToken {
  field.allowKeys(["id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"]);
  const special = field.get("special").boolean(false);
  const content = field.get("content").string();
  if (content === "") field.get("content").fail("an added token must not be empty.");
  return {
    id: field.get("id").id(),
    content,
    singleWord: field.get("single_word").boolean(false),
    leftStrip: field.get("lstrip").boolean(false),
    rightStrip: field.get("rstrip").boolean(false),
    normalized: field.get("normalized").boolean(!special),
    special,
  };
}

const WORD = "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]";
const ENDS_WITH_WORD = new RegExp(`${WORD}$`, "u");
const STARTS_WITH_WORD = new RegExp(`^${WORD}`, "u");

/** Finds added tokens in a text: the leftmost, and of several at one place the longest. */
export class AddedTokenFinder {
  private readonly tokens: ReadonlyMap<string, AddedToken>;
  private readonly expression: RegExp | undefined;

  /** @param tokens Tokens by the text to look for. */
  constructor(tokens: ReadonlyMap<string, AddedToken>) {
    this.tokens = tokens;
    const spellings = [...tokens.keys()].sort((a, b) => b.length - a.length);
    this.expression =
      spellings.length === 0 ? undefined : new RegExp(spellings.map(escapeLiteral).join("|"), "gu");
  }

  /** Covers `text` with added tokens and the text between them; empty parts are left out. */
  split(text: string): TextPart[] {
    const parts: TextPart[] = [];
    let position = 0;
    const { expression } = this;
    if (expression) {
      expression.lastIndex = 0;
      for (let match = expression.exec(text); match !== null; match = expression.exec(text)) {
        const token = this.tokens.get(match[0])!;
        let start = match.index;
        let end = start + match[0].length;
        if (token.singleWord && isWithinWord(text, start, end)) continue;
        if (token.leftStrip) {
          while (start > position && isWhiteSpace(text[start - 1])) start--;
        }
        if (token.rightStrip) {
          while (end < text.length && isWhiteSpace(text[end])) end++;
          expression.lastIndex = end;
        }
        if (position < start) parts.push({ start: position, end: start });
        parts.push({ start, end, token });
        position = end;
      }
    }
    if (position < text.length) parts.push({ start: position, end: text.length });
    return parts;
  }
}

function isWithinWord(text: string, start: number, end: number): boolean {
  // Two code units hold the whole neighbouring character, whichever it is.
  return (
    ENDS_WITH_WORD.test(text.slice(Math.max(0, start - 2), start)) ||
    STARTS_WITH_WORD.test(text.slice(end, end + 2))
  );
}

function isWhiteSpace(character: string): boolean {
  return /\p{White_Space}/u.test(character);
}
