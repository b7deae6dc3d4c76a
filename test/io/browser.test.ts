import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openCheckpoint } from "../../src/formats/checkpoint.js";
import type { Progress } from "../../src/io/progress.js";
import { resolveSource } from "../../src/io/source.js";
import { type FileServer, sendPart, startFileServer } from "./file-server.js";

vi.mock("#platform", () => import("../../src/platform/browser-files.js"));

const fixture = fileURLToPath(new URL("../fixtures/15_odd_dims", import.meta.url));
const read = (name: string) => readFileSync(`${fixture}/${name}`);
const commit = "d".repeat(40);
let server: FileServer;

/** What a browser's Cache does with whole responses. */
class FakeCache {
  readonly kept = new Map<string, Blob>();

  async match(url: string): Promise<Response | undefined> {
    const blob = this.kept.get(url);
    return blob && new Response(blob);
  }

  async put(url: string, response: Response): Promise<void> {
    this.kept.set(url, await response.blob());
  }

  async delete(url: string): Promise<boolean> {
    return this.kept.delete(url);
  }
}

beforeEach(async () => {
  server = await startFileServer();
  const original = fetch;
  vi.stubGlobal("fetch", (url: string, init?: RequestInit) =>
    original(
      url.replace(/^https:\/\/(huggingface\.co|openaipublic\.blob\.core\.windows\.net)/, server.url),
      init,
    ),
  );
  const files = { "config.json": read("beeg_config.json"), "model.safetensors": read("model.safetensors") };
  for (const [name, content] of Object.entries(files)) {
    server.files.set(`/someone/model/resolve/${commit}/${name}`, content);
  }
  server.api.set("GET /api/models/someone/model/revision/main", { sha: commit });
  const tree = Object.entries(files).map(([path, { length }]) => ({ type: "file", path, size: length }));
  server.api.set(`GET /api/models/someone/model/tree/${commit}`, tree);
  for (const name of ["beeg_config.json", "final_model.pt"]) {
    server.files.set(`/circuit-sparsity/models/tiny/${name}`, read(name));
  }
});

afterEach(async () => {
  vi.unstubAllGlobals();
  await server.close();
});

const tensorNames = async (source: string, options = {}) => {
  const resolved = structuredClone(await resolveSource(source, { retryDelay: 1, ...options }));
  const checkpoint = await openCheckpoint(resolved);
  for (const tensor of checkpoint.tensors.values()) await tensor.readDense();
  return [...checkpoint.tensors.keys()].sort();
};

test("without a cache, weights are read from the server where they are needed", async () => {
  const names = await tensorNames("hf:someone/model", { token: "hf_x" });
  expect(names).toContain("transformer.wte.weight");
  expect(server.log.every((line) => !line.endsWith("model.safetensors"))).toBe(true);
  expect(server.headers.every(({ authorization }) => authorization === "Bearer hf_x")).toBe(true);
  expect(await tensorNames("tiny")).toEqual(names);
});

test("with a cache, files are fetched once", async () => {
  const cache = new FakeCache();
  vi.stubGlobal("caches", { open: async () => cache });
  const steps: Progress[] = [];
  const names = await tensorNames("hf:someone/model", { onProgress: (step: Progress) => steps.push(step) });
  expect(steps.at(-1)).toMatchObject({ file: "model.safetensors", loaded: read("model.safetensors").length });
  expect(await tensorNames("blob:tiny")).toEqual(names);
  expect(cache.kept.size).toBe(4);
  server.log.length = 0;
  expect(await tensorNames("hf:someone/model")).toEqual(names);
  expect(server.log.filter((line) => !line.includes("/api/"))).toEqual([]);
});

test("a broken connection is tried again, and nothing broken is kept", async () => {
  const cache = new FakeCache();
  vi.stubGlobal("caches", { open: async () => cache });
  let breaks = 2;
  server.misbehave = (request, response, content) =>
    request.url!.endsWith("safetensors") && breaks-- > 0 && sendPart(response, content, 3000);
  await tensorNames("hf:someone/model");
  expect([...cache.kept.values()].map(({ size }) => size)).toEqual([
    read("beeg_config.json").length,
    read("model.safetensors").length,
  ]);
});

test("a cache that is full or blocked is done without", async () => {
  const full = Object.assign(new FakeCache(), {
    put: async (_url: string, response: Response) => {
      await response.body!.cancel();
      throw new Error("QuotaExceededError");
    },
  });
  vi.stubGlobal("caches", { open: async () => full });
  const names = await tensorNames("hf:someone/model");
  vi.stubGlobal("caches", {
    open: async () => {
      throw new Error("SecurityError");
    },
  });
  expect(await tensorNames("hf:someone/model")).toEqual(names);
});

test("what is not there, and paths, are refused with a reason", async () => {
  await expect(resolveSource("hf:someone/other")).rejects.toThrow(
    /was not found at https:\/\/huggingface\.co/,
  );
  await expect(resolveSource("blob:other")).rejects.toThrow(/nothing at .*other\/beeg_config\.json/);
  await expect(resolveSource("./model")).rejects.toThrow(/not a file or directory here/);
});
