/** What a command has to say: the only thing on stdout. */
export function print(text: string): void {
  process.stdout.write(text);
}

/** One object on one line. Numbers that are measured need no more than six digits. */
export function printJson(value: object): void {
  print(`${JSON.stringify(value)}\n`);
}

/** Milliseconds, to the microsecond. */
export function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}

/** Text in faint letters, where it is a terminal that reads it. */
export function faint(text: string, stream: NodeJS.WriteStream): string {
  return stream.isTTY && !process.env.NO_COLOR ? `\x1b[2m${text}\x1b[22m` : text;
}
