import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SparseLensError } from "../../src/errors.js";
import { download } from "../../src/io/download.js";
import type { Progress } from "../../src/io/progress.js";
import { type FileServer, sendPart, startFileServer } from "./file-server.js";

const content = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * i) >> 3));
const sha256 = createHash("sha256").update(content).digest("hex");

let server: FileServer;
let directory: string;
let target: string;

beforeEach(async () => {
  server = await startFileServer();
  server.files.set("/weights", content);
  directory = mkdtempSync(`${tmpdir()}/sparselens-download-`);
  target = `${directory}/deep/weights`;
});

afterEach(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});

const fetchIt = (extra = {}, options = {}) =>
  download(
    { url: `${server.url}/weights`, target, file: "weights", ...extra },
    { retryDelay: 1, ...options },
  );

const isWhole = () => readFileSync(target).equals(content);
const leftovers = () => readdirSync(`${directory}/deep`).filter((name) => name !== "weights");

describe("download", () => {
  test("fetches a file once, with progress, and leaves nothing else behind", async () => {
    const steps: Progress[] = [];
    await fetchIt({ size: content.length, sha256 }, { onProgress: (step: Progress) => steps.push(step) });
    expect(isWhole()).toBe(true);
    expect(leftovers()).toEqual([]);
    expect(steps[0]).toEqual({ file: "weights", loaded: 0, total: content.length });
    expect(steps.at(-1)).toEqual({ file: "weights", loaded: content.length, total: content.length });
    await fetchIt({ size: content.length, sha256 });
    expect(server.log).toEqual(["GET /weights"]);
  });

  test("goes on where a broken connection ended", async () => {
    let breaks = 2;
    server.misbehave = (request, response) => {
      if (breaks-- <= 0) return false;
      const from = Number(/\d+/.exec(request.headers.range ?? "0")![0]);
      response.writeHead(from ? 206 : 200, {
        "Content-Length": content.length - from,
        ...(from ? { "Content-Range": `bytes ${from}-${content.length - 1}/${content.length}` } : {}),
      });
      // Not before it has arrived, on a busy machine too.
      response.write(content.subarray(from, from + 30_000), () => setTimeout(() => response.destroy(), 250));
      return true;
    };
    await fetchIt({ size: content.length, sha256 });
    expect(isWhole()).toBe(true);
    expect(server.log).toEqual(["GET /weights", "GET /weights bytes=30000-", "GET /weights bytes=60000-"]);
    expect(server.headers[1]["if-range"]).toBe('"1"');
  });

  test("stops when asked to, keeps what has arrived, and goes on from there", async () => {
    const controller = new AbortController();
    server.misbehave = (_request, response) => {
      response.writeHead(200, { "Content-Length": content.length });
      response.write(content.subarray(0, 40_000));
      return true;
    };
    const onProgress = ({ loaded }: Progress) => loaded === 40_000 && controller.abort();
    await expect(fetchIt({}, { signal: controller.signal, onProgress })).rejects.toThrow(/abort/i);
    expect(existsSync(target)).toBe(false);
    expect(readFileSync(`${target}.incomplete`).length).toBe(40_000);
    expect(existsSync(`${target}.lock`)).toBe(false);
    server.misbehave = null;
    await fetchIt();
    expect(server.log.at(-1)).toBe("GET /weights bytes=40000-");
    expect(isWhole()).toBe(true);
    expect(leftovers()).toEqual([]);
  });

  test("starts over when the file has changed meanwhile", async () => {
    server.misbehave = (_request, response) => sendPart(response, content, 40_000);
    const old = fetchIt({}, { retryDelay: 1 });
    await expect(old).rejects.toThrow(/Check the connection/);
    server.misbehave = null;
    server.etag = '"2"';
    const changed = Buffer.from(content).reverse();
    server.files.set("/weights", changed);
    await fetchIt();
    expect(readFileSync(target).equals(changed)).toBe(true);
  });

  test("starts over when the server knows no ranges", async () => {
    let breaks = 1;
    server.ranges = false;
    server.misbehave = (_request, response) => breaks-- > 0 && sendPart(response, content, 40_000);
    await fetchIt({ sha256 });
    expect(server.log).toEqual(["GET /weights", "GET /weights bytes=40000-"]);
    expect(isWhole()).toBe(true);
  });

  test("starts over when the part on disk is wrong, too long, or the server sends another part", async () => {
    await fetchIt();
    rmSync(target);
    writeFileSync(`${target}.incomplete`, "wrong");
    await fetchIt({ size: content.length, sha256 });
    expect(isWhole()).toBe(true);

    rmSync(target);
    writeFileSync(`${target}.incomplete`, Buffer.concat([content, content]));
    await fetchIt({ size: content.length, sha256 });
    expect(isWhole()).toBe(true);

    rmSync(target);
    writeFileSync(`${target}.incomplete`, content.subarray(0, 1000));
    server.misbehave = (request, response) => {
      if (!request.headers.range) return false;
      response.writeHead(206, { "Content-Range": `bytes 0-${content.length - 1}/${content.length}` });
      response.end(content);
      return true;
    };
    await fetchIt({ size: content.length, sha256 });
    expect(isWhole()).toBe(true);
  });

  test("gives a part that is whole already its name", async () => {
    await fetchIt();
    rmSync(target);
    writeFileSync(`${target}.incomplete`, content);
    server.log.length = 0;
    await fetchIt({ size: content.length, sha256 });
    expect(server.log).toEqual([]);
    expect(isWhole()).toBe(true);
  });

  test("refuses content with a wrong checksum, and keeps nothing of it", async () => {
    const wrong = createHash("sha256").update("other").digest("hex");
    await expect(fetchIt({ sha256: wrong })).rejects.toThrow(/checksum of .* is wrong/);
    expect(readdirSync(`${directory}/deep`)).toEqual([]);
    const gitOid = createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
    await expect(fetchIt({ size: content.length, gitOid: `0${gitOid.slice(1)}1` })).rejects.toThrow(
      /checksum/,
    );
    await fetchIt({ size: content.length, gitOid });
    expect(isWhole()).toBe(true);
  });

  test("checks the MD5 that a server announces, also after going on", async () => {
    let breaks = 1;
    const md5 = createHash("md5").update(content).digest("base64");
    server.misbehave = (_request, response) => {
      response.setHeader("x-ms-blob-content-md5", md5);
      return breaks-- > 0 && sendPart(response, content, 40_000);
    };
    await fetchIt();
    expect(isWhole()).toBe(true);
    rmSync(target);
    server.misbehave = (_request, response) => {
      response.setHeader("Content-MD5", createHash("md5").update("other").digest("base64"));
      return false;
    };
    await expect(fetchIt()).rejects.toThrow(/checksum/);
  });

  test("refuses another length than was announced", async () => {
    await expect(fetchIt({ size: content.length + 1 })).rejects.toThrow(
      /should be 100001 bytes long.*announces 100000/,
    );
    server.misbehave = (_request, response) => {
      response.write(content);
      response.end("more");
      return true;
    };
    await expect(fetchIt({ size: content.length })).rejects.toThrow(/sent more/);
  });

  test("tries again after errors that pass, and not after those that stay", async () => {
    const failures = [503, 429, 500];
    server.misbehave = (_request, response) => {
      const status = failures.shift();
      if (status) response.writeHead(status).end();
      return status !== undefined;
    };
    await fetchIt();
    expect(server.log).toHaveLength(4);
    rmSync(target);

    for (const [status, words] of [
      [401, /refused \(status 401\).*HF_TOKEN/],
      [403, /refused/],
      [404, /nothing at/],
    ] as const) {
      server.log.length = 0;
      server.misbehave = (_request, response) => {
        response.writeHead(status).end();
        return true;
      };
      await expect(fetchIt()).rejects.toThrow(words);
      expect(server.log).toHaveLength(1);
    }
    server.misbehave = (_request, response) => {
      response.writeHead(503).end();
      return true;
    };
    await expect(fetchIt()).rejects.toThrow(/status 503. Check the connection/);
  });

  test("says so when there is no network, or none is to be used", async () => {
    await expect(fetchIt({}, { offline: true })).rejects.toThrow(/has not been downloaded yet/);
    await server.close();
    await expect(fetchIt()).rejects.toThrow(SparseLensError);
    await expect(fetchIt()).rejects.toThrow(/ECONNREFUSED/);
  });

  test("two downloads of one file fetch it once", async () => {
    await Promise.all([fetchIt({ sha256 }), fetchIt({ sha256 })]);
    expect(server.log).toEqual(["GET /weights"]);
    expect(isWhole()).toBe(true);
  });
});
