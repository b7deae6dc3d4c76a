import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Golden } from "./golden.js";

const root = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));

/** All golden directories where they are, else the handful that is part of the repository. */
const shared = process.env.SPARSELENS_FIXTURES ?? root("../shared/fixtures");
const directory = existsSync(shared) ? shared : root("test/fixtures");

/** Paths of the golden fixture directories. */
export const fixtures: readonly string[] = readdirSync(directory)
  .filter((name) => /^\d\d_/.test(name))
  .sort()
  .map((name) => `${directory}/${name}`);

export function readGolden(path: string): Golden {
  // Not a Buffer, whose slices share memory.
  const data = new Uint8Array(readFileSync(`${path}/golden.bin`));
  return new Golden(readFileSync(`${path}/golden.json`, "utf8"), data);
}
