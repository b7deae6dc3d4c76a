/** The literal parts of a template without their common indentation, by the template that they come from. */
const dedented = new WeakMap<TemplateStringsArray, readonly string[]>();

/**
 * A template tag for program text. The template's own indentation is removed; a value of several lines is indented as
 * the line in which it stands; a line that holds nothing but an empty value is left out.
 */
export function code(template: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  let parts = dedented.get(template);
  if (!parts) {
    parts = dedent(template);
    dedented.set(template, parts);
  }
  let text = parts[0]!;
  for (let index = 0; index < values.length; index++) {
    const value = String(values[index]);
    const next = parts[index + 1]!;
    if (value === "") {
      const start = text.lastIndexOf("\n") + 1;
      const alone = text.slice(start).trim() === "" && (next === "" || next.startsWith("\n"));
      if (!alone) text += next;
      else text = start === 0 ? next.slice(1) : text.slice(0, start - 1) + next;
    } else if (value.includes("\n")) {
      const line = text.slice(text.lastIndexOf("\n") + 1);
      const margin = " ".repeat(line.length - line.trimStart().length);
      // A value that begins with a blank line leaves no spaces on it.
      if (value.startsWith("\n") && line.trim() === "") text = text.slice(0, text.length - line.length);
      text += value.replaceAll(/\n(?=[^\n])/g, `\n${margin}`) + next;
    } else {
      text += value + next;
    }
  }
  return text;
}

/** Pieces of program text under one another; empty ones are left out. */
export function lines(...pieces: readonly string[]): string {
  return pieces.filter((piece) => piece !== "").join("\n");
}

function dedent(template: TemplateStringsArray): string[] {
  const parts = [...template];
  const last = parts.length - 1;
  parts[last] = parts[last]!.replace(/\n *$/, "");
  const indentations = parts.flatMap((part) => part.match(/(?<=\n) *(?=[^ \n]|$)/g) ?? []);
  const margin = " ".repeat(Math.min(...indentations.map((indentation) => indentation.length)));
  const bare = parts.map((part) => part.replaceAll(`\n${margin}`, "\n"));
  bare[0] = bare[0]!.replace(/^\n/, "");
  return bare;
}
