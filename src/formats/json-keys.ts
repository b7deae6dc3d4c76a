import { SparseLensError } from "../errors.js";
import { quote } from "./quote.js";

/**
 * Refuses JSON whose objects name a key twice (`JSON.parse` keeps the last one silently) or that nests deeper than
 * `depthLimit`. Other mistakes are left to `JSON.parse`.
 */
export function refuseDuplicateKeys(text: string, where: string, depthLimit: number): void {
  const open: (Set<string> | null)[] = [];
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === "{" || character === "[") {
      if (open.length === depthLimit) throw new SparseLensError(`${where} is nested too deeply.`);
      open.push(character === "{" ? new Set() : null);
    } else if (character === "}" || character === "]") {
      open.pop();
    } else if (character === '"') {
      const start = i;
      for (i++; i < text.length && text[i] !== '"'; i++) if (text[i] === "\\") i++;
      const keys = open.at(-1);
      if (!keys || !isFollowedByColon(text, i + 1)) continue;
      let key: string;
      try {
        key = JSON.parse(text.slice(start, i + 1));
      } catch {
        return;
      }
      if (keys.has(key)) throw new SparseLensError(`${where} names ${quote(key)} twice.`);
      keys.add(key);
    }
  }
}

function isFollowedByColon(text: string, position: number): boolean {
  while (
    text[position] === " " ||
    text[position] === "\n" ||
    text[position] === "\t" ||
    text[position] === "\r"
  ) {
    position++;
  }
  return text[position] === ":";
}
