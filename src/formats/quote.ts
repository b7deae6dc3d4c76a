/** A value from a file as it is shown in an error: short, whatever it is. */
export function quote(value: unknown): string {
  if (typeof value === "string")
    return JSON.stringify(value.length > 120 ? `${value.slice(0, 120)}…` : value);
  if (Array.isArray(value)) {
    // Not deeper: what a file describes may be endless.
    const items = value.slice(0, 8).map((item) => (typeof item === "object" && item ? "…" : quote(item)));
    return `[${items.join(", ")}${value.length > 8 ? ", …" : ""}]`;
  }
  return typeof value === "object" && value !== null ? "{…}" : String(value);
}
