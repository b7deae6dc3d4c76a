import { mkdirSync, writeFileSync } from "node:fs";

/** Pages in place of the explorer's, where a test is not about them. */
export function writePages(directory: string): string {
  mkdirSync(`${directory}/assets`, { recursive: true });
  writeFileSync(`${directory}/index.html`, "<!doctype html><title>pages</title>");
  writeFileSync(`${directory}/assets/app-1a2b.js`, "export {};");
  return directory;
}
