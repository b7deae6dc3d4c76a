import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { SparseLensError } from "../../src/errors.js";
import { type ByteSource, MemorySource, readJsonObject, readText } from "../../src/io/byte-source.js";
import { type FileLocation, openFile } from "../../src/io/source.js";
import { type FileServer, startFileServer } from "./file-server.js";

const content = Uint8Array.from({ length: 1000 }, (_, i) => i * 3);
let server: FileServer;
let directory: string;

beforeAll(async () => {
  server = await startFileServer();
  directory = mkdtempSync(`${tmpdir()}/sparselens-source-`);
  writeFileSync(`${directory}/file`, content);
  server.files.set("/file", Buffer.from(content));
});
afterAll(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});
afterEach(() => {
  server.ranges = true;
  server.misbehave = null;
});

describe.each<[string, () => FileLocation]>([
  ["a file", () => ({ path: `${directory}/file` })],
  ["a Blob", () => ({ blob: new Blob([content]) })],
  ["a server", () => ({ url: `${server.url}/file`, size: content.length })],
])("%s", (_, location) => {
  let source: ByteSource;

  test("gives any part, and puts it where it is asked to", async () => {
    source = await openFile("file", location());
    expect(source.size).toBe(1000);
    expect(new Uint8Array(await source.read(0, 1000))).toEqual(content);
    expect(new Uint8Array(await source.read(990, 10))).toEqual(content.subarray(990));
    expect(await source.read(500, 0)).toHaveLength(0);
    const into = new Uint8Array(20).fill(255);
    const part = await source.read(7, 5, into);
    expect([part.buffer === into.buffer, part.byteOffset, part.length]).toEqual([true, 0, 5]);
    expect([...into.subarray(0, 6)]).toEqual([...content.subarray(7, 12), 255]);
    await source.close();
  });

  test("says that it is truncated when more is asked for", async () => {
    source = await openFile("file", location());
    for (const [offset, length] of [
      [999, 2],
      [1001, 0],
      [-1, 2],
      [0, Number.NaN],
      [2 ** 60, 1],
    ]) {
      await expect(source.read(offset, length)).rejects.toThrow(SparseLensError);
      await expect(source.read(offset, length)).rejects.toThrow(/file is truncated: /);
    }
    await source.close();
  });
});

test("a file that shrinks while it is read is truncated", async () => {
  writeFileSync(`${directory}/shrinking`, content);
  const source = await openFile("x", { path: `${directory}/shrinking` });
  truncateSync(`${directory}/shrinking`, 100);
  await expect(source.read(50, 100)).rejects.toThrow(/shrinking is truncated.*ends at byte 100/);
  await source.close();
});

test("a file that cannot be opened is named", async () => {
  await expect(openFile("x", { path: `${directory}/none` })).rejects.toThrow(
    /Cannot open .*none: it does not exist/,
  );
  await expect(openFile("x", { path: directory })).rejects.toThrow(/it is a directory/);
});

describe("a server", () => {
  test("that knows no ranges is asked once", async () => {
    server.ranges = false;
    server.log.length = 0;
    const source = await openFile("file", { url: `${server.url}/file`, size: content.length });
    expect(await source.read(10, 5)).toEqual(content.subarray(10, 15));
    expect(await source.read(900, 5)).toEqual(content.subarray(900, 905));
    expect(server.log).toHaveLength(1);
  });

  test("is told what the location says", async () => {
    const headers = { Authorization: "Bearer x" };
    const source = await openFile("file", { url: `${server.url}/file`, size: content.length, headers });
    await source.read(1, 2);
    expect(server.headers.at(-1)).toMatchObject({ authorization: "Bearer x", range: "bytes=1-2" });
  });

  test("that fails, or has another length, is an error", async () => {
    const missing = await openFile("file", { url: `${server.url}/none`, size: 5 });
    await expect(missing.read(0, 5)).rejects.toThrow(/none cannot be read: status 404/);
    const longer = await openFile("file", { url: `${server.url}/file`, size: 2000 });
    await expect(longer.read(900, 200)).rejects.toThrow(/truncated/);
    server.ranges = false;
    await expect(longer.read(0, 1)).rejects.toThrow(/truncated/);
    const unreachable = await openFile("file", { url: "http://127.0.0.1:1/file", size: 5 });
    await expect(unreachable.read(0, 5)).rejects.toThrow(SparseLensError);
  });
});

test("text must be UTF-8, and JSON an object", async () => {
  const source = (text: string | Uint8Array) => new MemorySource("x.json", Buffer.from(text as string));
  expect(await readText(source("ü"))).toBe("ü");
  await expect(readText(source(Uint8Array.of(255)))).rejects.toThrow(/x\.json is not UTF-8/);
  await expect(readText(source("long"), 3)).rejects.toThrow(/4 bytes long; at most 3/);
  expect(await readJsonObject(source('{"a":1}'))).toEqual({ a: 1 });
  for (const text of ["[]", "null", "1"])
    await expect(readJsonObject(source(text))).rejects.toThrow(/JSON object/);
  await expect(readJsonObject(source("{"))).rejects.toThrow(/x\.json is not valid JSON/);
});
