import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { openCheckpoint } from "../../src/formats/checkpoint.js";
import { resolveSource } from "../../src/io/source.js";
import { type FileServer, sendPart, startFileServer } from "./file-server.js";

const fixture = fileURLToPath(new URL("../fixtures/15_odd_dims", import.meta.url));
const tokenizer = fileURLToPath(new URL("../fixtures/tokenizer", import.meta.url));
const read = (path: string) => readFileSync(path);

let server: FileServer;
let cache: string;

beforeEach(async () => {
  server = await startFileServer();
  cache = mkdtempSync(`${tmpdir()}/sparselens-cache-`);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await server.close();
  rmSync(cache, { recursive: true });
});

const tensorNames = async (source: Parameters<typeof resolveSource>[0], options = {}) => {
  const checkpoint = await openCheckpoint(await resolveSource(source, { retryDelay: 1, ...options }));
  const names = [...checkpoint.tensors.keys()].sort();
  await checkpoint.close();
  return names;
};

describe("local sources", () => {
  test("a directory, each weights file in it, and the picked files are one model", async () => {
    const names = await tensorNames(fixture);
    expect(names).toContain("transformer.wte.weight");
    for (const file of ["final_model.pt", "model.safetensors"]) {
      expect(await tensorNames(`${fixture}/${file}`)).toEqual(names);
      const picked = [file, "beeg_config.json"].map((name) => new File([read(`${fixture}/${name}`)], name));
      const resolved = await resolveSource(picked);
      expect(structuredClone(resolved).weights).toBe(file);
      expect(await tensorNames(picked)).toEqual(names);
    }
  });

  test("sharded weights are one model", async () => {
    const { readSafetensors, writeSafetensors } = await import("../../src/formats/safetensors.js");
    const { MemorySource } = await import("../../src/io/byte-source.js");
    const { MemorySink } = await import("../../src/io/byte-sink.js");
    const whole = await readSafetensors(new MemorySource("whole", read(`${fixture}/model.safetensors`)));
    const map: Record<string, string> = {};
    for (const [part, file] of [
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
    ].entries()) {
      const entries = [...whole.tensors.values()].filter((_, i) => i % 2 === part);
      const sink = new MemorySink();
      await writeSafetensors(
        sink,
        entries.map((entry) => ({ ...entry, read: () => whole.source.read(entry.offset, entry.byteLength) })),
      );
      writeFileSync(`${cache}/${file}`, sink.bytes());
      for (const { name } of entries) map[name] = file;
    }
    cpSync(`${fixture}/beeg_config.json`, `${cache}/config.json`);
    writeFileSync(`${cache}/model.safetensors.index.json`, JSON.stringify({ weight_map: map }));
    expect(await tensorNames(cache)).toEqual(await tensorNames(fixture));

    rmSync(`${cache}/model-00002-of-00002.safetensors`);
    await expect(tensorNames(cache)).rejects.toThrow(/lacks the file model-00002-of-00002.safetensors/);
    writeFileSync(
      `${cache}/model.safetensors.index.json`,
      JSON.stringify({ weight_map: { x: "../x.safetensors" } }),
    );
    await expect(tensorNames(cache)).rejects.toThrow(/not a safetensors file beside it/);
  });

  test("what is missing or broken is named", async () => {
    mkdirSync(`${cache}/model`);
    await expect(resolveSource(`${cache}/model`)).rejects.toThrow(/holds no model/);
    writeFileSync(`${cache}/model/final_model.pt`, "PK");
    await expect(resolveSource(`${cache}/model`)).rejects.toThrow(/has no configuration/);
    writeFileSync(`${cache}/model/beeg_config.json`, "[1]");
    await expect(tensorNames(`${cache}/model`)).rejects.toThrow(/beeg_config.json must hold a JSON object/);
    writeFileSync(`${cache}/model/beeg_config.json`, "{,}");
    await expect(tensorNames(`${cache}/model`)).rejects.toThrow(/beeg_config.json is not valid JSON/);
    writeFileSync(`${cache}/model/beeg_config.json`, "{}");
    await expect(tensorNames(`${cache}/model`)).rejects.toThrow(/final_model.pt is not a sound zip/);
    await expect(resolveSource(`${cache}/model/beeg_config.json`)).rejects.toThrow(/not a weights file/);
    await expect(resolveSource(`${cache}/nothing.pt`)).rejects.toThrow(/not a file or directory here/);
    await expect(resolveSource([new File([], "model.safetensors")])).rejects.toThrow(/has no configuration/);
  });
});

/** Puts a repository on the server as the Hugging Face hub would serve it. */
function serveRepository(repository: string, files: Record<string, Buffer>, commit = "c".repeat(40)): void {
  const tree = Object.entries(files).map(([path, content]) => {
    server.files.set(`/${repository}/resolve/${commit}/${path}`, content);
    const oid = createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
    const isLarge = /\.(safetensors|pt)$/.test(path);
    const lfs = {
      oid: createHash("sha256").update(content).digest("hex"),
      size: content.length,
      pointerSize: 130,
    };
    return { type: "file", path, size: content.length, oid, ...(isLarge ? { lfs } : {}) };
  });
  server.api.set(`GET /api/models/${repository}/revision/main`, { _id: "1", id: repository, sha: commit });
  server.api.set(`GET /api/models/${repository}/tree/${commit}`, tree);
}

describe("Hugging Face", () => {
  const files = {
    "config.json": read(`${fixture}/beeg_config.json`),
    "model.safetensors": read(`${fixture}/model.safetensors`),
    "tokenizer.json": read(`${tokenizer}/tokenizer.json`),
    "modeling_circuitgpt.py": Buffer.from("import os"),
    "README.md": Buffer.from("# Model"),
  };
  const commit = "c".repeat(40);

  beforeEach(() => {
    vi.stubEnv("HF_ENDPOINT", server.url);
    vi.stubEnv("HF_TOKEN", "hf_secret");
    vi.stubEnv("HF_HUB_CACHE", cache);
    serveRepository("someone/model", files);
  });

  test("downloads the known files, and no others, into the hub's cache", async () => {
    const resolved = await resolveSource("hf:someone/model");
    expect(resolved.description).toBe("hf:someone/model");
    expect(Object.keys(resolved.files).sort()).toEqual([
      "config.json",
      "model.safetensors",
      "tokenizer.json",
    ]);
    expect(server.log.some((line) => line.includes(".py") || line.includes("README"))).toBe(false);
    expect(server.headers.every(({ authorization }) => authorization === "Bearer hf_secret")).toBe(true);

    const folder = `${cache}/models--someone--model`;
    expect(read(`${folder}/refs/main`).toString()).toBe(commit);
    const link = `${folder}/snapshots/${commit}/model.safetensors`;
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    const sha256 = createHash("sha256").update(files["model.safetensors"]).digest("hex");
    expect(realpathSync(link)).toBe(realpathSync(`${folder}/blobs/${sha256}`));
    expect(read(link).equals(files["model.safetensors"])).toBe(true);
    expect(await tensorNames("hf:someone/model")).toEqual(await tensorNames(fixture));
  });

  test("uses what is there: without a network, offline, or for a commit", async () => {
    const names = await tensorNames("hf:someone/model");
    server.log.length = 0;
    expect(await tensorNames("hf:someone/model", { offline: true })).toEqual(names);
    expect(await tensorNames(`hf:someone/model@${commit}`)).toEqual(names);
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    expect(await tensorNames("hf:someone/model")).toEqual(names);
    vi.stubEnv("HF_HUB_OFFLINE", "");
    expect(server.log).toEqual([]);
    await server.close();
    expect(await tensorNames("hf:someone/model")).toEqual(names);
    await expect(resolveSource("hf:someone/other", { retryDelay: 1 })).rejects.toThrow(
      /Check the connection/,
    );
    await expect(resolveSource("hf:someone/other", { offline: true })).rejects.toThrow(/this is offline/);
  });

  test("an interrupted download goes on", async () => {
    const controller = new AbortController();
    server.misbehave = (request, response, content) =>
      request.url!.endsWith("model.safetensors") && sendPart(response, content, 5000);
    const onProgress = ({ loaded, file }: { loaded: number; file: string }) =>
      file === "model.safetensors" && loaded === 5000 && controller.abort();
    await expect(
      resolveSource("hf:someone/model", { signal: controller.signal, onProgress }),
    ).rejects.toThrow(/abort/i);
    server.misbehave = null;
    server.log.length = 0;
    await tensorNames("hf:someone/model");
    expect(server.log.filter((line) => line.includes("/resolve/"))).toEqual([
      `GET /someone/model/resolve/${commit}/model.safetensors bytes=5000-`,
    ]);
  });

  test("a bare owner/name is explained", async () => {
    const resolved = await resolveSource("someone/model");
    expect(resolved.note).toBe(
      "someone/model is not a file or directory here: taking it for hf:someone/model.",
    );
    await expect(resolveSource("someone/other")).rejects.toThrow(
      /someone\/other is not a file or directory here, and as hf:someone\/other .*status 404.*HF_TOKEN/,
    );
  });

  test("a damaged file is refused", async () => {
    const path = `/someone/model/resolve/${commit}/model.safetensors`;
    server.files.set(path, Buffer.from(server.files.get(path)!).fill(1, 5000, 5001));
    await expect(resolveSource("hf:someone/model")).rejects.toThrow(/checksum/);
    expect(existsSync(`${cache}/models--someone--model/snapshots/${commit}/model.safetensors`)).toBe(false);
  });
});

describe("the blob store", () => {
  const serve = (base: string) => {
    const config = {
      ...JSON.parse(read(`${fixture}/beeg_config.json`).toString()),
      tokenizer_name: "tinypython_2k",
    };
    server.files.set(`${base}/models/tiny/beeg_config.json`, Buffer.from(JSON.stringify(config)));
    server.files.set(`${base}/models/tiny/final_model.pt`, read(`${fixture}/final_model.pt`));
    server.files.set(`${base}/tinypython/encoder.json`, read(`${tokenizer}/encoder.json`));
    server.files.set(`${base}/tinypython/vocab.bpe`, read(`${tokenizer}/vocab.bpe`));
  };
  /** Sends requests for the real store to the test's server. */
  const redirected: typeof fetch = (url, init) =>
    fetch(String(url).replace("https://openaipublic.blob.core.windows.net", server.url), init);

  test("a name finds model and tokenizer, and the cache the next time", async () => {
    serve("/circuit-sparsity");
    const options = { cacheDirectory: cache, fetch: redirected };
    const resolved = await resolveSource("blob:tiny", options);
    expect(Object.keys(resolved.files).sort()).toEqual([
      "beeg_config.json",
      "encoder.json",
      "final_model.pt",
      "vocab.bpe",
    ]);
    expect(
      existsSync(`${cache}/openaipublic.blob.core.windows.net/circuit-sparsity/models/tiny/final_model.pt`),
    ).toBe(true);
    server.log.length = 0;
    expect(await tensorNames("tiny", { ...options, offline: true })).toEqual(await tensorNames(fixture));
    expect((await resolveSource("tiny", options)).note).toMatch(/taking it for blob:tiny/);
    expect(server.log).toEqual([]);
    await expect(resolveSource("csp_yolo9", options)).rejects.toThrow(
      /csp_yolo9 is not a file or directory here, and as blob:csp_yolo9 .* nothing at .*\/csp_yolo9\/beeg_config.json/,
    );
  });

  test("a URL of the same layout works, also without a tokenizer", async () => {
    serve("");
    const url = `${server.url}/models/tiny`;
    vi.stubEnv("SPARSELENS_CACHE", cache);
    expect(Object.keys((await resolveSource(url)).files)).toHaveLength(4);
    rmSync(cache, { recursive: true });
    server.files.delete("/tinypython/encoder.json");
    expect(Object.keys((await resolveSource(`${url}/`)).files)).toEqual([
      "beeg_config.json",
      "final_model.pt",
    ]);
    await expect(resolveSource(`${server.url}/other`)).rejects.toThrow(/not the address of a model/);
    await expect(resolveSource("blob:../x")).rejects.toThrow(/not the name of a model/);
  });
});
