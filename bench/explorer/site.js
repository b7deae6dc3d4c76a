import { resolve } from "node:path";
import { preview } from "vite";

/** Serves an exported site on 127.0.0.1, on pages that may share memory between threads. */
export async function openSite(directory) {
  const server = await preview({
    ...{ configFile: false, root: resolve(directory), build: { outDir: "." }, logLevel: "error" },
    preview: {
      ...{ host: "127.0.0.1", port: 0 },
      headers: {
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
      },
    },
  });
  return { origin: server.resolvedUrls.local[0].replace(/\/$/, ""), close: () => server.close() };
}
