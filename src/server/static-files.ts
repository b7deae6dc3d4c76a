import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { Readable } from "node:stream";
import type { MiddlewareHandler } from "hono";
import { getMimeType } from "hono/utils/mime";
import type { Site, SiteContent } from "./site.js";

/** Types that are not widely known. */
const TYPES: Readonly<Record<string, string>> = {
  jsonl: "application/jsonl",
  md: "text/markdown; charset=utf-8",
  safetensors: "application/octet-stream",
  pt: "application/octet-stream",
  bpe: "text/plain; charset=utf-8",
};

/** Serves the files of a site, and no others: what a request names is looked up, and never made into a path. */
export function staticFiles(site: Site): MiddlewareHandler {
  return async (c, next) => {
    if (c.req.method !== "GET" && c.req.method !== "HEAD") return next();
    const path = pathOf(c.req.path);
    const content = path === null ? undefined : site.get(path);
    if (path === null || content === undefined) return next();
    const opened = await openContent(content);
    if (opened === null) return next();
    const { size, etag } = opened;
    let handedOn = false;
    try {
      c.header("Content-Type", typeOf(path));
      c.header("ETag", etag);
      c.header("Accept-Ranges", "bytes");
      // Vite puts a hash of their contents into the names of these.
      c.header(
        "Cache-Control",
        path.startsWith("assets/") ? "public, max-age=31536000, immutable" : "no-cache",
      );
      if (isKnown(c.req.header("if-none-match"), etag)) return c.body(null, 304);
      const ifRange = c.req.header("if-range");
      const range =
        ifRange === undefined || ifRange === etag ? parseRange(c.req.header("range"), size) : "whole";
      if (range === "none") {
        c.header("Content-Range", `bytes */${size}`);
        return c.body(null, 416);
      }
      const [from, to] = range === "whole" ? [0, size - 1] : range;
      if (range !== "whole") c.header("Content-Range", `bytes ${from}-${to}/${size}`);
      c.header("Content-Length", String(to - from + 1));
      const status = range === "whole" ? 200 : 206;
      if (c.req.method === "HEAD" || to < from) return c.body(null, status);
      handedOn = true;
      return c.body(opened.read(from, to), status);
    } finally {
      if (!handedOn) await opened.close();
    }
  };
}

interface OpenContent {
  /** Bytes. */
  readonly size: number;
  readonly etag: string;
  /** Both ends included; closes it in the end. */
  read(from: number, to: number): ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>;
  close(): Promise<void>;
}

/** null when the file is not there any more. */
async function openContent(content: SiteContent): Promise<OpenContent | null> {
  if ("text" in content) {
    const bytes = new TextEncoder().encode(content.text);
    const digest = createHash("sha256").update(bytes).digest("hex");
    return {
      ...{ size: bytes.length, etag: `"${digest.slice(0, 32)}"` },
      read: (from, to) => bytes.slice(from, to + 1),
      close: async () => {},
    };
  }
  let handle: FileHandle;
  try {
    handle = await open(content.file, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  const { size, mtimeMs } = await handle.stat();
  return {
    ...{ size, etag: `"${size.toString(36)}-${Math.round(mtimeMs * 1000).toString(36)}"` },
    read: (start, end) =>
      Readable.toWeb(handle.createReadStream({ start, end })) as ReadableStream<Uint8Array>,
    close: () => handle.close(),
  };
}

/** A path of the site; null when the address is no proper one. */
function pathOf(address: string): string | null {
  try {
    const path = decodeURIComponent(address).slice(1);
    return path === "" || path.endsWith("/") ? `${path}index.html` : path;
  } catch {
    return null;
  }
}

function typeOf(path: string): string {
  const ending = path.slice(path.lastIndexOf(".") + 1);
  return (Object.hasOwn(TYPES, ending) && TYPES[ending]) || getMimeType(path) || "application/octet-stream";
}

function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  const tags = ifNoneMatch?.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return tags?.some((tag) => tag === etag || tag === "*") ?? false;
}

/** First and last byte; `whole` without a range, or with one of a kind that may be ignored; `none` where there are no bytes. */
function parseRange(header: string | undefined, size: number): [number, number] | "whole" | "none" {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? "");
  if (!match || match[0] === "bytes=-") return "whole";
  const [first, last] = [match[1], match[2]];
  const from = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const to = first === "" || last === "" ? size - 1 : Math.min(Number(last), size - 1);
  if (first !== "" && last !== "" && Number(last) < Number(first)) return "whole";
  return from >= size || to < from ? "none" : [from, to];
}
