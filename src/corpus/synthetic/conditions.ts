import type { Draft } from "./draft.js";
import { factor, number, word } from "./values.js";

/** A condition on a number. */
export function numberTest(draft: Draft, name: string): string {
  return draft.weighted<() => string>([
    [3, () => `${name} > ${number(draft)}`],
    [2, () => `${name} < ${number(draft)}`],
    [3, () => `${name} == ${number(draft)}`],
    [2, () => `${name} % ${draft.pick([2, 2, 2, 3, 5])} == 0`],
    [1, () => `${name} >= ${number(draft)}`],
    [1, () => `${name} <= ${number(draft)}`],
    [1, () => `${name} != ${number(draft)}`],
    [0.4, () => `${name} % 2 == 1`],
    [0.3, () => `${number(draft)} < ${name} < ${number(draft)}0`],
  ])();
}

/** A condition on a string. */
export function textTest(draft: Draft, name: string): string {
  return draft.weighted<() => string>([
    [4, () => `${name} == ${word(draft)}`],
    [3, () => `len(${name}) > ${factor(draft)}`],
    [1, () => `len(${name}) == ${factor(draft)}`],
    [1, () => `${name} != ${word(draft)}`],
    [1, () => `${name}.startswith(${draft.string(draft.pick(["a", "b", "s", "t", "#", "x"]))})`],
    [0.5, () => `${name}.endswith(${draft.string(draft.pick(["s", "e", "ing", ".py", "."]))})`],
    [1, () => `${draft.string(draft.pick(["a", "e", "i", "o", " ", "-"]))} in ${name}`],
    [0.5, () => `not ${name}`],
    [0.5, () => `${name}.isdigit()`],
    [0.5, () => `${name}.isupper()`],
  ])();
}

export function test(draft: Draft, name: string, type: "int" | "str"): string {
  return type === "int" ? numberTest(draft, name) : textTest(draft, name);
}

/** A condition on something that is true or false; many programs compare it with True. */
export function flagTest(draft: Draft, name: string): string {
  return draft.weighted([
    [3, `${name} == True`],
    [1, `${name} == False`],
    [2, name],
    [1.5, `not ${name}`],
  ]);
}
