import type { AlignedText } from "./aligned-text.js";
import type { Field } from "./definition.js";

export type Normalizer = (text: AlignedText) => AlignedText;

const FORMS = ["NFC", "NFD", "NFKC", "NFKD"] as const;

/** Code points that may compose with what stands before them: marks, Hangul vowels and finals, a few letters. */
const COMPOSING = "\\p{M}\\u1160-\\u11ff\\ud7b0-\\ud7ff\\uff9e\\uff9f\\u{16d63}\\u{16d67}";

/** A character with everything that may compose with it. */
const COMPOSITION_UNITS = new RegExp(`[\\s\\S][${COMPOSING}]*`, "gu");

/** Nothing composes across the start of an ASCII character. */
const ASCII_UNITS = /[\s\S][^\0-\x7f]*/gu;

/**
 * The normaliser of a `tokenizer.json`: null, NFC, NFD, NFKC, NFKD or a Sequence of them.
 * @throws SparseLensError for any other.
 */
export function parseNormalizer(field: Field): Normalizer | undefined {
  if (field.isAbsent) return undefined;
  const type = field.get("type").string();
  const form = FORMS.find((name) => name === type);
  if (form !== undefined) {
    field.allowKeys(["type"]);
    return (text) => normalize(text, form);
  }
  if (type === "Sequence") {
    field.allowKeys(["type", "normalizers"]);
    const steps = field.get("normalizers").array().map(parseNormalizer);
    return (text) => steps.reduce((result, step) => step?.(result) ?? result, text);
  }
  return field.get("type").fail(`${type} is not supported; supported are ${FORMS.join(", ")} and Sequence.`);
}

function normalize(text: AlignedText, form: (typeof FORMS)[number]): AlignedText {
  const normalized = text.text.normalize(form);
  if (normalized === text.text) return text;
  // The platform normalises without saying what came from where: so unit by unit, checked against the whole.
  for (const pattern of [COMPOSITION_UNITS, ASCII_UNITS]) {
    const units = (text.text.match(pattern) ?? []).map((unit) => ({
      text: unit.normalize(form),
      length: unit.length,
    }));
    if (units.map((unit) => unit.text).join("") === normalized) return text.replace(units);
  }
  return text.replace([{ text: normalized, length: text.text.length }]);
}
