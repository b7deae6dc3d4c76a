import { setMaxListeners } from "node:events";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { loadModel, type Model } from "../../dist/node/index.js";
import { createApp } from "../../src/server/app.js";
import { ServedModel } from "../../src/server/served-model.js";
import { fixtures } from "../support/fixtures.js";

const location = fixtures.find((path) => path.endsWith("05_yolo2_like_d64"))!;
const never = new AbortController().signal;
// One for each request.
setMaxListeners(0, never);
/** More than anyone waits for. */
const long = { prompt: [1, 2, 3], max_tokens: 4096, n: 32, seed: 1 };

let engine: Model;
let model: ServedModel;
beforeAll(async () => {
  engine = await loadModel(location);
  model = await ServedModel.open({ id: "fixture", location, model: engine as never });
}, 60_000);
afterAll(async () => {
  await model.close();
  await engine.dispose();
});

function appOf(one: ServedModel, timeout: number, faults: unknown[] = []) {
  return createApp({
    ...{ site: new Map(), models: [one], version: "1", timeout, signal: never, hosts: [], origins: [] },
    onFault: (error) => faults.push(error),
  });
}

function complete(app: ReturnType<typeof createApp>, body: object | Uint8Array, signal?: AbortSignal) {
  return app.request("/v1/completions", {
    method: "POST",
    headers: { Host: "127.0.0.1", "Content-Type": "application/json" },
    body: body instanceof Uint8Array ? new Uint8Array(body) : JSON.stringify(body),
    signal,
  });
}

describe("a request that takes too long", () => {
  test("ends, and the next one has its turn", async () => {
    const faults: unknown[] = [];
    const response = await complete(appOf(model, 200, faults), long);
    expect(response.status).toBe(503);
    const { error } = await response.json();
    expect(error).toMatchObject({ type: "server_error", param: null });
    expect(error.message).toContain("longer than 0.2 s");
    expect((await complete(appOf(model, 20_000), { prompt: [1], max_tokens: 1 })).status).toBe(200);
    expect(faults).toEqual([]);
  });

  test("ends its stream with an event that says so", async () => {
    const response = await complete(appOf(model, 300), { ...long, stream: true });
    expect(response.status).toBe(200);
    const events = (await response.text()).trimEnd().split("\n\n");
    expect(events.at(-1)).toContain("longer than 0.3 s");
    expect(events.at(-1)).not.toContain("[DONE]");
  });

  test("is refused while it waits, and leaves the queue", async () => {
    const [endCompletion, endLookup] = [await model.completions.turn(never), await model.lookups.turn(never)];
    const app = appOf(model, 50);
    expect((await complete(app, { prompt: [1], max_tokens: 1 })).status).toBe(503);
    expect((await complete(app, { ...long, stream: true })).status).toBe(503);
    expect((await app.request("/neuron/0/1", { headers: { Host: "localhost" } })).status).toBe(503);
    endCompletion();
    endLookup();
    expect((await complete(appOf(model, 20_000), { prompt: [1], max_tokens: 1 })).status).toBe(200);
  });

  test("does not wait longer for a model that is being loaded, and leaves it to others", async () => {
    let finish = (_: Model) => {};
    const loading = new Promise<Model>((resolve) => {
      finish = resolve;
    });
    const load = vi.spyOn(model, "model").mockReturnValue(loading as never);
    const faults: unknown[] = [];
    const request = { prompt: [1], max_tokens: 1 };
    const hasty = complete(appOf(model, 100, faults), request);
    const patient = complete(appOf(model, 20_000, faults), request);
    const refused = await hasty;
    expect(refused.status).toBe(503);
    expect((await refused.json()).error.message).toContain("longer than 0.1 s");
    finish(engine);
    expect((await patient).status).toBe(200);
    load.mockRestore();
    expect(faults).toEqual([]);
  });

  test("is no longer worked on when its client has left", async () => {
    const leaving = new AbortController();
    const left = complete(appOf(model, 60_000), long, leaving.signal);
    setTimeout(() => leaving.abort(), 100);
    expect((await left).status).toBe(503);
    expect((await complete(appOf(model, 20_000), { prompt: [1], max_tokens: 1 })).status).toBe(200);
  });
});

test("no more than so many wait", async () => {
  const end = await model.completions.turn(never);
  const app = appOf(model, 2_000);
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => complete(app, { prompt: [1], max_tokens: 1 })),
  );
  end();
  const statuses = answers.map(({ status }) => status);
  expect(statuses.filter((status) => status === 503)).toHaveLength(15);
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused).toHaveLength(5);
  expect(refused[0].headers.get("retry-after")).toBe("1");
});

test("what is no UTF-8 is refused instead of guessed at", async () => {
  const text = new TextEncoder().encode('{"prompt":"a?","max_tokens":1}');
  text[text.indexOf("?".charCodeAt(0))] = 0xff;
  const response = await complete(appOf(model, 20_000), text);
  expect(response.status).toBe(400);
  expect((await response.json()).error.message).toContain("UTF-8");
});

test("a temperature that logits cannot be divided by", async () => {
  for (const temperature of [1e-308, 1e-5]) {
    const response = await complete(appOf(model, 20_000), { prompt: [1], max_tokens: 1, temperature });
    expect([response.status, (await response.json()).error.param]).toEqual([400, "temperature"]);
  }
  const cold = { prompt: [1], max_tokens: 1, temperature: 1e-4 };
  expect((await complete(appOf(model, 20_000), cold)).status).toBe(200);
});

test("a file that is gone is the server's fault, and its path is not told", async () => {
  const directory = mkdtempSync(`${tmpdir()}/sparselens-gone-`);
  cpSync(location, directory, { recursive: true });
  const gone = await ServedModel.open({ id: "gone", location: directory });
  rmSync(directory, { recursive: true });
  const faults: unknown[] = [];
  const response = await complete(appOf(gone, 20_000, faults), { prompt: [1], max_tokens: 1 });
  const text = await response.text();
  expect(response.status).toBe(500);
  expect(text).not.toContain(directory);
  expect(String(faults[0])).toContain(directory);
  await gone.close();
});
