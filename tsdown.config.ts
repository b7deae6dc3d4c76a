import { fileURLToPath } from "node:url";
import { defineConfig } from "tsdown";
import { licences } from "./scripts/licences.js";

/** `#platform` is src/platform/node.ts or browser.ts. */
const platform = (name: string) => ({
  name: "platform",
  resolveId: (id: string) =>
    id === "#platform" ? fileURLToPath(new URL(`./src/platform/${name}.ts`, import.meta.url)) : null,
});

const common = {
  format: "esm" as const,
  target: "es2022",
  // The workers are found beside the file that starts them.
  outputOptions: { entryFileNames: "[name].js", chunkFileNames: "[name]-[hash].js" },
  clean: true,
  logLevel: "warn" as const,
  inputOptions: { checks: { pluginTimings: false } },
  fixedExtension: false,
  // Symbol.asyncDispose is not in the library of ES2022, to which many projects keep.
  banner: { dts: '/// <reference lib="esnext.disposable" />' },
};

/** Self-contained: works from a plain static server, without a bundler. */
const browser = {
  ...common,
  outDir: "dist/browser",
  platform: "browser" as const,
  plugins: [platform("browser")],
  deps: { alwaysBundle: [/.*/] },
};

export default defineConfig([
  {
    ...common,
    entry: { index: "src/index.ts", worker: "src/runtime/worker.ts", cli: "src/cli/index.ts" },
    outDir: "dist/node",
    platform: "node",
    plugins: [platform("node")],
    dts: { entry: "src/index.ts" },
  },
  {
    ...browser,
    entry: { index: "src/index.ts" },
    plugins: [...browser.plugins, licences],
    dts: { entry: "src/index.ts" },
  },
  // Apart, so that it is one file: bundlers copy it, or make a classic script of it. It bundles nothing of others.
  { ...browser, entry: { worker: "src/runtime/worker.ts" }, dts: false },
]);
