/** A name of letters, digits, `.`, `_` and `-`, such as addresses and directories are made of. */
export function addressable(text: string): string {
  const name = text.replace(/[^\w.-]+/g, "-").replace(/^[.-]+|[.-]+$/g, "");
  return name === "" ? "unnamed" : name;
}

/** The name, with a number where it was taken before; takes it. */
export function uniqueName(name: string, taken: Set<string>): string {
  let unique = name;
  for (let i = 2; taken.has(unique); i++) unique = `${name}-${i}`;
  taken.add(unique);
  return unique;
}
