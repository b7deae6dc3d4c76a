import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What a test makes the server do with a request instead of sending the file. */
export type Misbehaviour = (request: IncomingMessage, response: ServerResponse, content: Buffer) => boolean;

export interface FileServer {
  readonly url: string;
  /** By path. */
  readonly files: Map<string, Buffer>;
  /** Other answers, by `METHOD /path` without query: JSON. */
  readonly api: Map<string, unknown>;
  /** Requests that came, as `METHOD /path range`. */
  readonly log: string[];
  readonly headers: IncomingMessage["headers"][];
  misbehave: Misbehaviour | null;
  etag: string;
  ranges: boolean;
  close(): Promise<void>;
}

/** A server of files in memory on 127.0.0.1, with range requests. */
export async function startFileServer(): Promise<FileServer> {
  const http = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url!, "http://x").pathname);
    const { range } = request.headers;
    server.log.push(`${request.method} ${path}${range ? ` ${range}` : ""}`);
    server.headers.push(request.headers);
    const answer = server.api.get(`${request.method} ${path}`);
    if (answer !== undefined) {
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify(answer));
      return;
    }
    const content = server.files.get(path);
    if (!content) {
      response.writeHead(404).end();
      return;
    }
    response.setHeader("ETag", server.etag);
    if (server.misbehave?.(request, response, content)) return;
    const condition = request.headers["if-range"];
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(range ?? "") ?? [];
    if (from !== undefined && server.ranges && (condition === undefined || condition === server.etag)) {
      const end = to ? Math.min(Number(to), content.length - 1) : content.length - 1;
      if (Number(from) >= content.length) {
        response.writeHead(416, { "Content-Range": `bytes */${content.length}` }).end();
        return;
      }
      response.writeHead(206, {
        "Content-Range": `bytes ${from}-${end}/${content.length}`,
        "Content-Length": end + 1 - Number(from),
      });
      response.end(content.subarray(Number(from), end + 1));
      return;
    }
    response.writeHead(200, { "Content-Length": content.length });
    response.end(request.method === "HEAD" ? undefined : content);
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const server: FileServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    files: new Map(),
    api: new Map(),
    log: [],
    headers: [],
    misbehave: null,
    etag: '"1"',
    ranges: true,
    close: () =>
      new Promise((resolve) => {
        http.closeAllConnections();
        http.close(() => resolve());
      }),
  };
  return server;
}

/** Sends the header and the first `length` bytes, then breaks the connection. */
export function sendPart(response: ServerResponse, content: Buffer, length: number): true {
  response.writeHead(200, { "Content-Length": content.length });
  response.write(content.subarray(0, length), () => setTimeout(() => response.destroy(), 20));
  return true;
}
