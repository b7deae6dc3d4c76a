import { type Draft, type PrintStyle, spoken } from "./draft.js";
import { notices } from "./words.js";

/** `print` of a message that names a value, and the value. */
export function printValue(draft: Draft, label: string, value: string): string {
  const said = spoken(label.replace("self.", ""));
  const [before, after] = draft.weighted([
    [3, [`${said}:`, ""]],
    [3, [said, ""]],
    [2, [`The ${said} is`, ""]],
    [1, ["Found", said]],
  ] as const);
  return printBetween(draft, before, value, after);
}

/** `print` of a value between two pieces of text, as the program likes to write it. */
export function printBetween(draft: Draft, before: string, value: string, after = ""): string {
  let style: PrintStyle = draft.printStyle;
  if (draft.chance(0.25)) style = draft.chance(0.5) ? "f-string" : "arguments";
  // A replacement field must not hold the quotes of its string.
  if (style === "f-string" && /["']/.test(value)) style = "arguments";
  const tail = after && ` ${after}`;
  switch (style) {
    case "f-string":
      return `print(f${draft.string(`${before} {${value}}${tail}`)})`;
    case "arguments":
      return `print(${draft.string(before)}, ${value}${after && `, ${draft.string(after)}`})`;
  }
}

/** `print` of a fixed message. */
export function printNotice(draft: Draft): string {
  return `print(${draft.string(draft.pick(notices))})`;
}
