import { setMaxListeners } from "node:events";
import type { Server } from "node:http";
import { type AddressInfo, isIPv6 } from "node:net";
import { hostname } from "node:os";
import { createAdaptorServer } from "@hono/node-server";
import { SparseLensError } from "../errors.js";
import { createApp } from "./app.js";
import { ServedModel } from "./served-model.js";
import type { Site } from "./site.js";

export { ServedModel };

export interface ServeOptions {
  readonly site: Site;
  /** They are closed with the server. */
  readonly models: readonly ServedModel[];
  /** Address or name to listen at. Default: 127.0.0.1, which other machines do not reach. */
  readonly host?: string;
  /** 0: any that is free. Default: the first that is free from 4711 on. */
  readonly port?: number;
  /** Other origins whose pages may use it. Default: none. */
  readonly origins?: readonly string[];
  readonly version: string;
  /** Milliseconds that a request may take, waiting included. Default: two minutes. */
  readonly timeout?: number;
  readonly onFault?: (error: unknown) => void;
}

export interface RunningServer {
  readonly url: string;
  readonly port: number;
  /** Ends what is under way. */
  close(): Promise<void>;
}

const FIRST_PORT = 4711;
/** Ports that are tried. */
const ATTEMPTS = 20;
/** Milliseconds in which a request must have arrived; and after which a connection is idle. */
const ARRIVAL = 30_000;
const IDLE = 5_000;
/** Connections at a time. */
const MOST_CONNECTIONS = 256;

/**
 * Serves the explorer and its API until it is closed.
 * @throws SparseLensError when it cannot listen there
 */
export async function serve({
  timeout = 120_000,
  host = "127.0.0.1",
  ...options
}: ServeOptions): Promise<RunningServer> {
  const closing = new AbortController();
  // One for each request.
  setMaxListeners(0, closing.signal);
  const app = createApp({
    ...options,
    ...{ timeout, hosts: [host, hostname()], origins: options.origins ?? [], signal: closing.signal },
    onFault: options.onFault ?? console.error,
  });
  const server = createAdaptorServer({
    fetch: app.fetch,
    serverOptions: { requestTimeout: ARRIVAL, headersTimeout: ARRIVAL, keepAliveTimeout: IDLE },
  }) as Server;
  server.maxConnections = MOST_CONNECTIONS;
  // A reader that takes nothing any more: longer than a request may take.
  server.setTimeout(timeout + IDLE);
  // What is no HTTP at all.
  server.on("clientError", (_, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    else socket.destroy();
  });
  await listen(server, host, options.port);
  const { port } = server.address() as AddressInfo;
  return {
    ...{ port, url: `http://${nameOf(host)}:${port}/` },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      closing.abort();
      server.closeAllConnections();
      await closed;
      await Promise.all(options.models.map((model) => model.close()));
    },
  };
}

/** In an address. */
function nameOf(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "localhost";
  return isIPv6(host) ? `[${host}]` : host;
}

async function listen(server: Server, host: string, given: number | undefined): Promise<void> {
  const ports = given === undefined ? Array.from({ length: ATTEMPTS }, (_, i) => FIRST_PORT + i) : [given];
  for (const port of ports) {
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host, port }, () => {
          server.off("error", reject);
          resolve();
        });
      });
      return;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === "EADDRINUSE" && port !== ports.at(-1)) continue;
      const reason = code === "EADDRINUSE" ? "something listens there already" : message;
      throw new SparseLensError(
        `Cannot listen at ${host}, port ${ports.length > 1 ? `${ports[0]} to ${port}` : port}: ${reason}. Name another with --port or --host.`,
        { cause: error },
      );
    }
  }
}
