import { readdirSync, readFileSync } from "node:fs";
import type { Plugin } from "rolldown";

/**
 * Writes `third-party-licences.txt` beside a bundle: the licences of the packages in it, and what their bundled files say of other
 * authors, in comments that bundling drops.
 */
export const licences: Plugin = {
  name: "licences",
  generateBundle(_, bundle) {
    const files = new Map<string, string[]>();
    for (const output of Object.values(bundle)) {
      for (const id of output.type === "chunk" ? output.moduleIds : []) {
        const [directory] = /^[^\0].*[\\/]node_modules[\\/](@[^\\/]+[\\/])?[^\\/]+/.exec(id) ?? [];
        if (directory) files.set(directory, [...(files.get(directory) ?? []), id.replace(/\?.*/, "")]);
      }
    }
    const notices = [...files.keys()].sort().map((directory) => notice(directory, files.get(directory)!));
    const source = `# Licences of the software of others in this bundle\n\n${notices.join("\n")}`;
    this.emitFile({ type: "asset", fileName: "third-party-licences.txt", source });
  },
};

function notice(directory: string, files: readonly string[]): string {
  const { name, version, license } = JSON.parse(readFileSync(`${directory}/package.json`, "utf8"));
  const file = readdirSync(directory).find((entry) => /^licen[cs]e/i.test(entry));
  if (!file) throw new Error(`${name} is bundled, and has no licence in ${directory}.`);
  const comments = files.flatMap((path) => readFileSync(path, "utf8").match(COMMENT) ?? []);
  const authors = new Set(comments.filter((comment) => /copyright/i.test(comment)));
  const texts = [readFileSync(`${directory}/${file}`, "utf8").trim(), ...authors];
  return `## ${name} - ${version} (${license})\n\n${texts.join("\n\n")}\n`;
}

const COMMENT = /\/\*[\s\S]*?\*\/|^\/\/.*(\n\/\/.*)*/gm;
