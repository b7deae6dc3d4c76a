/** A table in Markdown: the first column to the left, numbers to the right. */
export function markdownTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const ruler = titles.map((_, column) => (column === 0 ? "---" : "---:"));
  return [titles, ruler, ...rows].map(line).join("\n");
}

export function markdownCode(text: string): string {
  return `\`${text}\``;
}
