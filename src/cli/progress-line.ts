import { formatBytes } from "./format.js";

/** A line on stderr that is written over again and again, and leaves nothing behind. Nothing is shown off a terminal. */
export class ProgressLine {
  readonly #enabled: boolean;
  // What is done sooner needs no progress.
  #next = performance.now() + 400;
  #shown = false;

  constructor(enabled: boolean) {
    this.#enabled = enabled && process.stderr.isTTY === true;
  }

  /** @param text The line, or what makes it: that is called only when it is shown. */
  show(text: string | (() => string)): void {
    const now = performance.now();
    if (!this.#enabled || now < this.#next) return;
    this.#next = now + 100;
    this.#shown = true;
    const line = typeof text === "string" ? text : text();
    process.stderr.write(`\r\x1b[K${line.slice(0, (process.stderr.columns || 80) - 1)}`);
  }

  bytes(action: string, file: string, loaded: number, total: number): void {
    const share = total > 0 ? ` of ${formatBytes(total)} (${Math.floor((100 * loaded) / total)} %)` : "";
    this.show(`${action} ${file}: ${formatBytes(loaded)}${share}`);
  }

  clear(): void {
    if (this.#shown) process.stderr.write("\r\x1b[K");
    this.#shown = false;
  }
}
