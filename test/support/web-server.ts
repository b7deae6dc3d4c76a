import { readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname } from "node:path";
import ts from "typescript";

export interface WebServer {
  readonly port: number;
  readonly origin: string;
  close(): Promise<void>;
}

export interface WebServerOptions {
  /** Paths of directories or files by what their addresses begin with. */
  readonly mounts: Readonly<Record<string, string>>;
  /** Sends the headers that isolate a page from other origins, without which it has no shared memory. */
  readonly isolated?: boolean;
}

const types: Record<string, string> = {
  ".html": "text/html",
  ".css": "text/css",
  ".js": "text/javascript",
  ".json": "application/json",
};

/** A static server on 127.0.0.1, with ranges. Where there is only `x.ts`, it is `x.js` too, without its types. */
export async function startWebServer({ mounts, isolated }: WebServerOptions): Promise<WebServer> {
  const http = createServer((request, response) => {
    const { pathname } = new URL(request.url!, "http://localhost");
    const content = contentOf(pathname, mounts);
    if (!content) {
      response.writeHead(404).end();
      return;
    }
    response.setHeader("Content-Type", types[extname(pathname)] ?? "application/octet-stream");
    if (isolated) {
      response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
      response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    }
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
    const part = from ? content.subarray(Number(from), Number(to) + 1) : content;
    response.setHeader("Content-Length", part.length);
    if (from) response.setHeader("Content-Range", `bytes ${from}-${to}/${content.length}`);
    response.writeHead(from ? 206 : 200);
    response.end(request.method === "HEAD" ? undefined : part);
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const { port } = http.address() as AddressInfo;
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
}

function contentOf(pathname: string, mounts: WebServerOptions["mounts"]): Buffer | null {
  const prefix = Object.keys(mounts).find((start) => pathname.startsWith(start));
  if (prefix === undefined || pathname.includes("..")) return null;
  const path = mounts[prefix] + pathname.slice(prefix.length);
  if (isFile(path)) return readFileSync(path);
  const source = path.replace(/\.js$/, ".ts");
  if (source === path || !isFile(source)) return null;
  const { outputText } = ts.transpileModule(readFileSync(source, "utf8"), {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  return Buffer.from(outputText);
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
