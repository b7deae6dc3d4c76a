// Modules of the source that the package does not export, for benchmarks that need them.
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const config = {
  configFile: false,
  logLevel: "warn",
  resolve: { alias: { "#platform": path("../src/platform/node.ts") } },
};

/** @param module below src, such as "training/config.ts" */
export async function loadSource(module) {
  return (await runnerImport(path(`../src/${module}`), config)).module;
}
