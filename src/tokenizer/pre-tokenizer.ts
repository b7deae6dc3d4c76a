import type { AlignedText } from "./aligned-text.js";
import type { Field } from "./definition.js";
import { literalRegularExpression, translateRegularExpression } from "./regular-expression.js";

/** Cuts a text into the pieces that byte-pair merges stay within. Empty pieces are dropped. */
export type PreTokenizer = (text: AlignedText) => AlignedText[];

/** GPT-2's pattern, which the ByteLevel pre-tokeniser applies when `use_regex` is on. */
export const GPT2_PATTERN =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

const BEHAVIORS = ["Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"] as const;
type Behavior = (typeof BEHAVIORS)[number];

interface Span {
  start: number;
  end: number;
  isMatch: boolean;
}

/**
 * The pre-tokeniser of a byte-level `tokenizer.json`: ByteLevel, alone or as the last of a Sequence after Split and
 * Digits.
 * @throws SparseLensError naming the key of anything else.
 */
export function parsePreTokenizer(field: Field): PreTokenizer {
  if (field.isAbsent) field.fail("missing: a byte-level tokenizer has a ByteLevel pre-tokenizer.");
  const steps = flatten(field);
  steps.forEach((step, index) => {
    if ((step.get("type").value === "ByteLevel") !== (index === steps.length - 1)) {
      step.fail(
        "the last pre-tokenizer, and no other, must be ByteLevel: only byte-level tokenizers are supported.",
      );
    }
  });
  const preTokenizers = steps.map(parseStep);
  return (text) =>
    preTokenizers.reduce<AlignedText[]>((pieces, step) => pieces.flatMap((piece) => step(piece)), [text]);
}

function flatten(field: Field): Field[] {
  if (field.get("type").string() !== "Sequence") return [field];
  field.allowKeys(["type", "pretokenizers"]);
  const steps = field.get("pretokenizers").array().flatMap(flatten);
  if (steps.length === 0) field.get("pretokenizers").fail("the list is empty.");
  return steps;
}

function parseStep(field: Field): PreTokenizer {
  const type = field.get("type").string();
  if (type === "ByteLevel") return parseByteLevel(field);
  if (type === "Split") return parseSplit(field);
  if (type === "Digits") {
    field.allowKeys(["type", "individual_digits"]);
    const individual = field.get("individual_digits").boolean(false);
    return splitter(/\p{N}/gu, individual ? "Isolated" : "Contiguous", false);
  }
  return field
    .get("type")
    .fail(`${type} is not supported; supported are ByteLevel, Split, Digits and Sequence.`);
}

function parseByteLevel(field: Field): PreTokenizer {
  // trim_offsets concerns offsets as the Rust library reports them; ours cover what the token spells.
  field.allowKeys(["type", "add_prefix_space", "trim_offsets", "use_regex"]);
  const addPrefixSpace = field.get("add_prefix_space").boolean(true);
  const split = field.get("use_regex").boolean(true)
    ? splitter(translateRegularExpression(GPT2_PATTERN, field.place), "Isolated", false)
    : (text: AlignedText) => (text.text === "" ? [] : [text]);
  return (text) => split(addPrefixSpace && !text.text.startsWith(" ") ? text.prepend(" ") : text);
}

function parseSplit(field: Field): PreTokenizer {
  field.allowKeys(["type", "pattern", "behavior", "invert"]);
  const pattern = field.get("pattern");
  pattern.allowKeys(["Regex", "String"]);
  const regex = pattern.get("Regex");
  const expression = regex.isAbsent
    ? literalRegularExpression(pattern.get("String").string())
    : translateRegularExpression(regex.string(), regex.place);
  const behavior =
    BEHAVIORS.find((name) => name === field.get("behavior").value) ??
    field.get("behavior").fail(`expected one of ${BEHAVIORS.join(", ")}.`);
  return splitter(expression, behavior, field.get("invert").boolean(false));
}

function splitter(expression: RegExp, behavior: Behavior, invert: boolean): PreTokenizer {
  return (text) => {
    const pieces: AlignedText[] = [];
    for (const { start, end } of group(spans(text.text, expression, invert), behavior)) {
      if (start < end) pieces.push(text.slice(start, end));
    }
    return pieces;
  };
}

/** Covers the text with matches and what lies between them. */
function spans(text: string, expression: RegExp, invert: boolean): Span[] {
  const result: Span[] = [];
  let position = 0;
  expression.lastIndex = 0;
  for (let match = expression.exec(text); match !== null; match = expression.exec(text)) {
    const end = match.index + match[0].length;
    if (position < match.index) result.push({ start: position, end: match.index, isMatch: invert });
    result.push({ start: match.index, end, isMatch: !invert });
    position = end;
    if (match[0] === "") expression.lastIndex += (text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1;
  }
  if (position < text.length) result.push({ start: position, end: text.length, isMatch: invert });
  return result;
}

/** What a delimiter (a match) does to the pieces around it, as `SplitDelimiterBehavior` of the Rust library has it. */
function group(spans: Span[], behavior: Behavior): Span[] {
  switch (behavior) {
    case "Isolated":
      return spans;
    case "Removed":
      return spans.filter((span) => !span.isMatch);
    case "Contiguous":
      return fuse(spans, (span, before) => span.isMatch === before.isMatch);
    case "MergedWithPrevious":
      return fuse(spans, (span, before) => span.isMatch && !before.isMatch);
    case "MergedWithNext":
      return fuse(spans, (span, before) => before.isMatch && !span.isMatch);
  }
}

/** Joins each span to the one before it when `joins` says so. */
function fuse(spans: Span[], joins: (span: Span, before: Span) => boolean): Span[] {
  const result: Span[] = [];
  spans.forEach((span, index) => {
    if (index > 0 && joins(span, spans[index - 1])) result[result.length - 1].end = span.end;
    else result.push({ ...span });
  });
  return result;
}
