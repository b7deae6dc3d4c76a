import type { Draft, Type } from "./draft.js";
import { people, roundNumbers, sentences, smallNumbers } from "./words.js";

/** A small number, as programs mostly use them. */
export function number(draft: Draft): number {
  return draft.pick(draft.chance(0.8) ? smallNumbers : roundNumbers);
}

/** A number from 2 to 10. */
export function factor(draft: Draft): number {
  return draft.between(2, 10);
}

export function word(draft: Draft): string {
  return draft.string(draft.stringWord());
}

export function person(draft: Draft): string {
  return draft.string(draft.pick(people));
}

export function text(draft: Draft): string {
  return draft.string(
    draft.weighted([
      [7, () => draft.stringWord()],
      [2, () => draft.pick(sentences)],
      [1, () => draft.stringWords(draft.between(2, 3)).join(" ")],
    ])(),
  );
}

/** How many elements a literal list has. */
function length(draft: Draft): number {
  return draft.weighted([
    [3, 2],
    [5, 3],
    [2, 4],
  ]);
}

export function numberList(draft: Draft, count = length(draft)): string {
  if (draft.chance(0.15)) return `[${Array.from({ length: count }, (_, index) => index + 1).join(", ")}]`;
  const pool = draft.chance(0.8) ? smallNumbers : roundNumbers;
  return `[${Array.from({ length: count }, () => draft.pick(pool)).join(", ")}]`;
}

export function wordList(draft: Draft, count = length(draft)): string {
  return `[${draft
    .stringWords(count)
    .map((word) => draft.string(word))
    .join(", ")}]`;
}

/** A nested list on one line, of numbers or, sometimes, of words. */
export function nestedList(draft: Draft, element: "int" | "str" = draft.chance(0.8) ? "int" : "str"): string {
  const rows = draft.weighted([
    [5, 1],
    [4, 2],
    [1, 3],
  ]);
  const columns = draft.weighted<number>([
    [1, 1],
    [4, 2],
    [3, 3],
    ...(rows === 1
      ? ([
          [2, 4],
          [2, 5],
        ] as const)
      : []),
  ]);
  const row = () => (element === "int" ? numberList(draft, columns) : wordList(draft, columns));
  return `[${Array.from({ length: rows }, row).join(", ")}]`;
}

/** A list of rows that all have `columns` numbers. */
export function grid(draft: Draft, rows = draft.between(1, 3), columns = draft.between(2, 3)): string {
  return `[${Array.from({ length: rows }, () => numberList(draft, columns)).join(", ")}]`;
}

/** A dict of words and small numbers, or a few other kinds, on one line. */
export function dictionary(draft: Draft, count = draft.between(2, 3)): string {
  const words = draft.chance(0.15) ? draft.sample(people, count) : draft.stringWords(count);
  const keys = words.map((key) => draft.string(key));
  return `{${keys.map((key) => `${key}: ${number(draft)}`).join(", ")}}`;
}

/** A literal of a type. */
export function literal(draft: Draft, type: Type): string {
  switch (type) {
    case "int":
      return String(draft.chance(0.9) ? draft.pick(smallNumbers) : number(draft));
    case "str":
      return text(draft);
    case "bool":
      return draft.chance(0.5) ? "True" : "False";
    case "ints":
      return numberList(draft);
    case "strs":
      return wordList(draft);
    case "grid":
      return grid(draft);
    case "counts":
      return dictionary(draft);
    case "none":
      return "None";
  }
}
