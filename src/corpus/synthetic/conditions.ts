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
  ])();
}

/** A condition on a string. */
export function textTest(draft: Draft, name: string): string {
  return draft.weighted<() => string>([
    [4, () => `${name} == ${word(draft)}`],
    [3, () => `len(${name}) > ${factor(draft)}`],
    [1, () => `len(${name}) == ${factor(draft)}`],
    [1, () => `${name} != ${word(draft)}`],
    [1, () => `${name}.startswith(${draft.string(draft.pick(["a", "b", "s", "t"]))})`],
    [0.7, () => `not ${name}`],
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
