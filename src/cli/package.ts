import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

// From dist/node as from src/cli.
const root = new URL("../../", import.meta.url);

export const version: string = JSON.parse(readFileSync(new URL("package.json", root), "utf8")).version;

/** The explorer's pages, as they were built. */
export const explorerPages = fileURLToPath(new URL("dist/web", root));

/** The models that come with the package, by name. */
export const embeddedModels: ReadonlyMap<string, string> = new Map(
  ["default", "default-dense"].map((name) => [name, fileURLToPath(new URL(`models/${name}`, root))]),
);
