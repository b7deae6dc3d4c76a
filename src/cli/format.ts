/** How values are printed for people. */

export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** Decimal units, as file managers and model hubs use them. */
export function formatBytes(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : significant(value, 3)} ${units[unit]}`;
}

export function formatPercent(fraction: number): string {
  return `${significant(100 * fraction, 3)} %`;
}

export function formatMilliseconds(milliseconds: number): string {
  return milliseconds < 1000
    ? `${significant(milliseconds, 3)} ms`
    : `${significant(milliseconds / 1000, 3)} s`;
}

/** Tokens per second. */
export function formatRate(tokensPerSecond: number): string {
  return `${formatCount(Number(significant(tokensPerSecond, 3)))} tokens/s`;
}

/** To three digits. */
export function formatNumber(value: number): string {
  return significant(value, 3);
}

/** A number with its sign, to three digits. */
export function formatWeight(weight: number): string {
  return `${weight < 0 ? "-" : "+"}${significant(Math.abs(weight), 3)}`;
}

/** Without exponent or idle zeros. */
function significant(value: number, digits: number): string {
  return String(Number(value.toPrecision(digits)));
}

export function formatShape(shape: readonly number[]): string {
  return shape.length === 0 ? "scalar" : shape.join(" × ");
}

/** Bytes of a token: as quoted text, or in hexadecimal where they are only a part of a character. */
export function formatToken(bytes: Uint8Array): string {
  try {
    return JSON.stringify(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return `<${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ")}>`;
  }
}

/**
 * Lines with aligned columns.
 * @param alignment for each column: `l` or `r`
 */
export function formatTable(rows: readonly (readonly string[])[], alignment: string): string {
  const widths = [...alignment].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        alignment[column] === "r" ? cell.padStart(widths[column]) : cell.padEnd(widths[column]),
      )
      .join("  ")
      .trimEnd();
  return `${rows.map(line).join("\n")}\n`;
}
