import { createReadStream, statSync } from "node:fs";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { licences } from "../scripts/licences.js";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** The library from its sources, as a browser has it; its worker lies elsewhere than in the packaged bundle. */
const library: Plugin = {
  name: "sparselens",
  enforce: "pre",
  transform: (code, id) =>
    id.endsWith("src/platform/browser-threads.ts")
      ? code.replace('"./worker.js"', '"../runtime/worker.ts"')
      : undefined,
};

/** While developing: `catalogue.json` and models of an exported site, whose directory is in EXPLORER_SITE. */
const site: Plugin = {
  name: "site",
  configureServer({ middlewares }) {
    const directory = process.env.EXPLORER_SITE;
    if (!directory) return;
    const types: Record<string, string> = { ".json": "application/json", ".md": "text/markdown" };
    middlewares.use((request, response, next) => {
      const { pathname } = new URL(request.url!, "http://localhost");
      const file = join(directory, normalize(decodeURIComponent(pathname)));
      const isData = pathname === "/catalogue.json" || pathname.startsWith("/models/");
      if (!isData || !statSync(file, { throwIfNoEntry: false })?.isFile()) return next();
      response.setHeader("Content-Type", types[extname(file)] ?? "application/octet-stream");
      createReadStream(file).pipe(response);
    });
  },
};

const resolve = { alias: { "#platform": path("../src/platform/browser.ts") } };

export default defineConfig({
  root: path("."),
  // Any static host, in any directory.
  base: "./",
  resolve,
  plugins: [library, site, licences],
  worker: { format: "es", plugins: () => [library] },
  build: {
    outDir: path("../dist/web"),
    emptyOutDir: true,
    target: "es2022",
    chunkSizeWarningLimit: 2000,
    reportCompressedSize: false,
    modulePreload: { polyfill: false },
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  server: {
    headers: {
      "Cross-Origin-Opener-Policy": "same-origin",
      "Cross-Origin-Embedder-Policy": "require-corp",
    },
  },
});
