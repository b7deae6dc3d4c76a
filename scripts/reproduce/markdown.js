/** @param rows of cells; the first column is text, the others are numbers */
export function table(titles, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const ruler = titles.map((_, column) => (column === 0 ? "---" : "---:"));
  return [titles, ruler, ...rows].map(line).join("\n");
}

/** Paragraphs and tables, as the text of a file. */
export const page = (parts) => `${parts.join("\n\n")}\n`;

export const nats = (loss) => (loss === null || loss === undefined ? "–" : loss.toFixed(3));

export const count = (value) =>
  value === null || value === undefined ? "–" : Number(value.toPrecision(3)).toLocaleString("en-US");

export const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** Mean, and from the least to the greatest where they differ. */
export function range({ mean, minimum, maximum }) {
  return minimum === maximum ? count(mean) : `${count(mean)} (${count(minimum)}–${count(maximum)})`;
}
