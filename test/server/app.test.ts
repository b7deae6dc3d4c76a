import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createApp } from "../../src/server/app.js";
import { ServedModel } from "../../src/server/served-model.js";
import type { Site } from "../../src/server/site.js";
import { fixtures } from "../support/fixtures.js";

const directory = mkdtempSync(`${tmpdir()}/sparselens-app-`);
const faults: unknown[] = [];
let model: ServedModel;
let app: ReturnType<typeof createApp>;

beforeAll(async () => {
  mkdirSync(`${directory}/assets`);
  writeFileSync(`${directory}/index.html`, "<!doctype html>");
  writeFileSync(`${directory}/secret.txt`, "secret");
  writeFileSync(`${directory}/assets/app-1a2b.js`, "0123456789");
  writeFileSync(`${directory}/empty.json`, "");
  symlinkSync(`${directory}/gone`, `${directory}/dangling`);
  const site: Site = new Map([
    ["index.html", { file: `${directory}/index.html` }],
    ["assets/app-1a2b.js", { file: `${directory}/assets/app-1a2b.js` }],
    ["models/x/model.safetensors", { file: `${directory}/assets/app-1a2b.js` }],
    ["models/x/README.md", { file: `${directory}/index.html` }],
    ["empty.json", { file: `${directory}/empty.json` }],
    ["gone.txt", { file: `${directory}/gone` }],
    ["catalogue.json", { text: '{"version":1}' }],
  ]);
  const location = fixtures.find((path) => path.endsWith("05_yolo2_like_d64"))!;
  model = await ServedModel.open({ id: "fixture", location });
  app = createApp({
    ...{ site, models: [model], version: "1.2.3", timeout: 10_000, signal: new AbortController().signal },
    ...{ hosts: ["Lens"], origins: ["https://friend.example"] },
    onFault: (error) => faults.push(error),
  });
});

afterAll(async () => {
  await model.close();
  rmSync(directory, { recursive: true });
  expect(faults).toEqual([]);
});

function get(path: string, headers: Record<string, string> = {}, method = "GET") {
  return app.request(path, { method, headers: { Host: "127.0.0.1:4711", ...headers } });
}

describe("the site", () => {
  test("has types, and isolates its pages", async () => {
    const page = await get("/");
    expect(await page.text()).toBe("<!doctype html>");
    expect(page.headers.get("content-type")).toMatch(/^text\/html/);
    expect(page.headers.get("cross-origin-opener-policy")).toBe("same-origin");
    expect(page.headers.get("cross-origin-embedder-policy")).toBe("require-corp");
    expect(page.headers.get("x-content-type-options")).toBe("nosniff");
    const policy = page.headers.get("content-security-policy");
    expect(policy).toContain("default-src 'self';");
    expect(policy).toContain("script-src 'self' 'wasm-unsafe-eval';");
    expect(policy).not.toContain("http");
    const types = {
      "/assets/app-1a2b.js": /^text\/javascript/,
      "/catalogue.json": /^application\/json/,
      "/models/x/model.safetensors": /^application\/octet-stream$/,
      "/models/x/README.md": /^text\/markdown/,
    };
    for (const [path, type] of Object.entries(types))
      expect((await get(path)).headers.get("content-type")).toMatch(type);
  });

  test("is asked for again only when it has changed; what has a hash in its name, never", async () => {
    for (const path of ["/", "/models/x/model.safetensors", "/catalogue.json"]) {
      const { headers } = await get(path);
      expect(headers.get("cache-control")).toBe("no-cache");
      const again = await get(path, { "If-None-Match": `"other", W/${headers.get("etag")}` });
      expect(again.status).toBe(304);
      expect(await again.text()).toBe("");
      expect((await get(path, { "If-None-Match": '"other"' })).status).toBe(200);
    }
    expect((await get("/assets/app-1a2b.js")).headers.get("cache-control")).toContain("immutable");
  });

  test.each([
    ["bytes=2-4", "234", "bytes 2-4/10"],
    ["bytes=7-", "789", "bytes 7-9/10"],
    ["bytes=-2", "89", "bytes 8-9/10"],
    ["bytes=-20", "0123456789", "bytes 0-9/10"],
    ["bytes=8-99", "89", "bytes 8-9/10"],
  ])("range %s", async (range, text, contentRange) => {
    const part = await get("/models/x/model.safetensors", { Range: range });
    expect(part.status).toBe(206);
    expect(part.headers.get("content-range")).toBe(contentRange);
    expect(part.headers.get("content-length")).toBe(String(text.length));
    expect(await part.text()).toBe(text);
  });

  test("ranges that are none", async () => {
    for (const range of ["bytes=10-", "bytes=99-100", "bytes=-0"]) {
      const none = await get("/models/x/model.safetensors", { Range: range });
      expect([none.status, none.headers.get("content-range")]).toEqual([416, "bytes */10"]);
    }
    const ignored = [
      "bytes=4-2",
      "bytes=-",
      "lines=1-2",
      "bytes=0-1,4-5",
      "bytes=a-b",
      `bytes=${"9".repeat(40)}-`,
    ];
    for (const range of ignored) {
      const whole = await get("/models/x/model.safetensors", { Range: range });
      expect([whole.status, await whole.text()]).toEqual([200, "0123456789"]);
    }
    const changed = await get("/assets/app-1a2b.js", { Range: "bytes=0-1", "If-Range": '"before"' });
    expect(changed.status).toBe(200);
    const empty = await get("/empty.json", { Range: "bytes=0-" });
    expect(empty.status).toBe(416);
    expect(await (await get("/empty.json")).text()).toBe("");
  });

  test("HEAD", async () => {
    const head = await get("/assets/app-1a2b.js", {}, "HEAD");
    expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, "10", ""]);
  });

  test("nothing else is served", async () => {
    const paths = [
      "/secret.txt",
      "/gone.txt",
      "/assets",
      "/assets/",
      "/../secret.txt",
      "/assets/../secret.txt",
      "/assets/..%2fsecret.txt",
      "/%2e%2e/secret.txt",
      "/assets/%2e%2e/secret.txt",
      "/assets/..%5csecret.txt",
      "//etc/passwd",
      "/%2fetc/passwd",
      "/index.html%00",
      "/%",
      "/%ff",
      "/__proto__",
      "/constructor",
    ];
    for (const path of paths) {
      const response = await get(path);
      expect([path, response.status]).toEqual([path, 404]);
      expect(await response.text()).not.toContain("secret\n");
    }
    expect((await get("/", {}, "PUT")).status).toBe(404);
    expect((await get("/", {}, "DELETE")).status).toBe(404);
  });
});

describe("who may ask", () => {
  const hosts = [
    "localhost",
    "localhost:80",
    "127.0.0.1",
    "[::1]:4711",
    "192.168.1.7:4711",
    "a.localhost",
    "lens:1",
  ];
  test.each(hosts)("by the host %s", async (host) => {
    expect((await get("/v1/models", { Host: host })).status).toBe(200);
  });

  const strangers = [
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "",
    "a b",
    "u@localhost",
    "x/y",
  ];
  test.each(strangers)("not by the host %j", async (host) => {
    for (const path of ["/", "/v1/models", "/catalogue.json"]) {
      const response = await get(path, { Host: host });
      expect(response.status).toBe(403);
      expect((await response.json()).error.message).toContain("--host");
    }
  });

  test("pages of its own", async () => {
    const own = { Origin: "http://127.0.0.1:4711", "Sec-Fetch-Site": "same-origin" };
    expect((await get("/v1/models", own)).status).toBe(200);
    expect((await get("/", { "Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate" })).status).toBe(200);
  });

  test.each([
    ["another site's", { Origin: "https://evil.example" }],
    ["another port's", { Origin: "http://127.0.0.1:9999" }],
    ["another protocol's", { Origin: "https://127.0.0.1:4711" }],
    ["no origin's", { Origin: "null" }],
    ["an image of another site's", { "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors" }],
    ["one of another port's", { "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors" }],
    [
      "a frame of another site's",
      { "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe" },
    ],
  ])("not %s", async (_, headers) => {
    for (const method of ["GET", "POST", "OPTIONS"]) {
      const response = await get("/v1/models", headers, method);
      expect(response.status).toBe(403);
      expect(response.headers.get("access-control-allow-origin")).toBeNull();
    }
  });

  test("who follows a link may look", async () => {
    const link = {
      "Sec-Fetch-Site": "cross-site",
      "Sec-Fetch-Mode": "navigate",
      "Sec-Fetch-Dest": "document",
    };
    expect((await get("/", link)).status).toBe(200);
    expect((await get("/v1/completions", link, "POST")).status).toBe(403);
  });

  test("an origin that was allowed", async () => {
    const friend = { Origin: "https://friend.example", "Sec-Fetch-Site": "cross-site" };
    const response = await get("/v1/models", friend);
    expect(response.status).toBe(200);
    expect(response.headers.get("access-control-allow-origin")).toBe("https://friend.example");
    const asked = await get("/v1/completions", friend, "OPTIONS");
    expect(asked.status).toBe(204);
    expect(asked.headers.get("access-control-allow-headers")).toContain("Content-Type");
  });
});

describe("look-ups", () => {
  test("have defaults, and refuse what is wrong in a client's words", async () => {
    const found = await (await get("/neuron/0/1")).json();
    expect(Object.keys(found)).toEqual(["layer", "neuron", "trace_forward", "trace_backward"]);
    expect(await (await get("/neuron/0/1?trace_depth=2&trace_k=3&model=fixture")).json()).toEqual(found);
    for (const [path, status, param] of [
      ["/neuron/9/1", 400, "layer"],
      ["/neuron/-1/1", 400, "layer"],
      ["/neuron/0/1.5", 400, "neuron"],
      ["/neuron/0/x", 400, "neuron"],
      ["/neuron/0/1e9", 400, "neuron"],
      ["/neuron/0/1?trace_k=0", 400, "trace_k"],
      ["/neuron/0/1?trace_depth=99", 400, "trace_depth"],
      ["/neuron/0/1?depth=2", 400, null],
      ["/channel/99999", 400, "channel"],
      ["/channel/1?top_k=", 400, "top_k"],
      ["/channel/1?model=other", 404, "model"],
      ["/channel/", 404, null],
    ] as const) {
      const response = await get(path);
      const { error } = await response.json();
      expect([path, response.status, error.param]).toEqual([path, status, param]);
      expect(error.type).toBe("invalid_request_error");
      expect(error.message.length).toBeGreaterThan(10);
    }
  });
});

test("the OpenAPI document holds every endpoint, and refers to nothing that it lacks", async () => {
  const document = await (await get("/openapi.json")).json();
  expect(document.openapi).toBe("3.1.0");
  expect(document.info.version).toBe("1.2.3");
  expect(Object.keys(document.paths).sort()).toEqual([
    "/channel/{channel}",
    "/neuron/{layer}/{neuron}",
    "/v1/completions",
    "/v1/models",
  ]);
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => ref);
  expect(references.length).toBeGreaterThan(10);
  for (const reference of references) {
    const id = reference.replace("#/components/schemas/", "");
    expect(Object.keys(document.components.schemas)).toContain(id);
  }
  const { parameters } = document.paths["/neuron/{layer}/{neuron}"].get;
  expect(parameters.find(({ name }: { name: string }) => name === "trace_k")).toMatchObject({
    in: "query",
    required: false,
    schema: { type: "integer", default: 3, minimum: 1 },
  });
  expect(parameters.find(({ name }: { name: string }) => name === "layer")).toMatchObject({
    in: "path",
    required: true,
  });
});
