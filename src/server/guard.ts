import { isIP } from "node:net";
import type { MiddlewareHandler } from "hono";
import { ApiError } from "./api-error.js";

export interface GuardOptions {
  /** Names that the server is reached by, besides addresses and localhost. */
  readonly hosts: readonly string[];
  /** Other origins whose pages may use it: `https://example.org`. */
  readonly origins: readonly string[];
}

/**
 * Refuses what pages of other sites ask for. They cannot read an answer without its leave, but they could make the machine
 * work; and a site could point its own name at this address (DNS rebinding), where its pages would be of the same origin.
 */
export function guard({ hosts, origins }: GuardOptions): MiddlewareHandler {
  const known = new Set(hosts.map((host) => host.toLowerCase()));
  const allowed = new Set(origins);
  return async (c, next) => {
    const host = c.req.header("host") ?? "";
    if (!isOwnHost(host, known)) {
      throw new ApiError(403, `This server is not ${JSON.stringify(host)}: name that host with --host.`);
    }
    const origin = c.req.header("origin");
    if (origin !== undefined && allowed.has(origin)) {
      c.header("Access-Control-Allow-Origin", origin);
      c.header("Vary", "Origin");
      if (c.req.method === "OPTIONS") {
        c.header("Access-Control-Allow-Methods", "GET, POST");
        c.header("Access-Control-Allow-Headers", "Content-Type, Authorization");
        return c.body(null, 204);
      }
      return next();
    }
    if (!isOwnPage(origin, host, c.req.raw.headers, c.req.method)) {
      throw new ApiError(
        403,
        `Pages of ${origin ?? "other sites"} may not use this server: allow an origin with --allow-origin.`,
      );
    }
    return next();
  };
}

/** Addresses are never looked up, so nobody can point them elsewhere; localhost is this machine everywhere. */
function isOwnHost(host: string, known: ReadonlySet<string>): boolean {
  if (!URL.canParse(`http://${host}`)) return false;
  const { hostname, username, pathname, search } = new URL(`http://${host}`);
  if (username !== "" || pathname !== "/" || search !== "") return false;
  const isAddress = isIP(hostname.replace(/^\[|\]$/g, "")) !== 0;
  return isAddress || hostname === "localhost" || hostname.endsWith(".localhost") || known.has(hostname);
}

function isOwnPage(origin: string | undefined, host: string, headers: Headers, method: string): boolean {
  if (origin !== undefined) return origin.toLowerCase() === `http://${host.toLowerCase()}`;
  // Browsers say where a request comes from, even when they leave out the origin; other programs do not.
  const site = headers.get("sec-fetch-site");
  if (site === null || site === "same-origin" || site === "none") return true;
  // Somebody followed a link from another site.
  const isLink = headers.get("sec-fetch-mode") === "navigate" && headers.get("sec-fetch-dest") === "document";
  return isLink && (method === "GET" || method === "HEAD");
}
