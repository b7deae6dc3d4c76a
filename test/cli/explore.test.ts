import { once } from "node:events";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadModel, type Model } from "../../dist/node/index.js";
import { parseCatalogue, parseDocuments } from "../../src/server/catalogue.js";
import { writePages } from "../support/explorer-pages.js";
import { trainedModel } from "../support/trained-model.js";
import { failure, fixture, json, modelWithTokenizer, root, run, scratchDirectory, start } from "./run.js";

const scratch = scratchDirectory();
const pages = writePages(`${scratch}/pages`);
const prompt = "def add(a, b):\n";

// biome-ignore lint/suspicious/noExplicitAny: what it holds is what the tests are about
type Answer = any;

interface Explorer {
  readonly url: string;
  readonly models: { readonly id: string; readonly circuits: number }[];
  /** Ctrl-C; the exit code, and what was written to stderr. */
  end(signal?: NodeJS.Signals): Promise<{ code: number | null; stderr: string }>;
}

async function explore(...args: string[]): Promise<Explorer> {
  const { child, ended } = start("explore", ...args, "--pages", pages, "--port", "0", "--json");
  let printed = "";
  const ready = new Promise<void>((resolve) => {
    child.stdout.on("data", (text: string) => {
      printed += text;
      if (printed.includes("\n")) resolve();
    });
  });
  const early = await Promise.race([ready, ended]);
  if (early) throw new Error(early.stderr);
  return {
    ...JSON.parse(printed),
    end: async (signal = "SIGINT") => {
      child.kill(signal);
      const { code, stderr } = await ended;
      return { code, stderr };
    },
  };
}

async function complete(
  url: string,
  body: unknown,
  init: RequestInit = {},
): Promise<{ status: number; body: Answer }> {
  const response = await fetch(`${url}v1/completions`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...init,
  });
  return { status: response.status, body: await response.json() };
}

/** The events of a stream, but for the last. */
async function events(url: string, body: object): Promise<Answer[]> {
  const response = await fetch(`${url}v1/completions`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ...body, stream: true }),
  });
  expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
  const parts = (await response.text()).split("\n\n");
  expect(parts.splice(-2)).toEqual(["data: [DONE]", ""]);
  return parts.map((part) => JSON.parse(part.replace(/^data: /, "")));
}

describe("the embedded model", () => {
  let explorer: Explorer;
  let url: string;
  let model: Model;
  beforeAll(async () => {
    [explorer, model] = await Promise.all([explore(), loadModel(`${root}models/default`)]);
    url = explorer.url;
  }, 60_000);
  afterAll(async () => {
    await model.dispose();
    expect(await explorer.end()).toEqual({ code: 0, stderr: "" });
  });

  test("is listed, and its files are there", async () => {
    const { data } = await (await fetch(`${url}v1/models`)).json();
    expect(data).toMatchObject([{ id: "default", object: "model" }]);
    expect(await (await fetch(url)).text()).toContain("<title>pages</title>");
    const catalogue = parseCatalogue(await (await fetch(`${url}catalogue.json`)).json(), "catalogue.json");
    const [{ path, files, card }] = catalogue.models;
    expect(files.map(({ name }) => name)).toContain("model.safetensors");
    for (const { name, bytes } of files) {
      const content = new Uint8Array(await (await fetch(url + path + name)).arrayBuffer());
      expect(content.length).toBe(bytes);
      expect(Buffer.compare(content, readFileSync(`${root}models/default/${name}`))).toBe(0);
    }
    expect(await (await fetch(url + card)).text()).toBe(
      readFileSync(`${root}models/default/README.md`, "utf8"),
    );
  });

  test("completes as generate does", async () => {
    const greedy = await model.generate(prompt, { maxNewTokens: 20 });
    const sampled = await model.generate(prompt, {
      ...{ maxNewTokens: 20, doSample: true, topK: 0, temperature: 0.7, topP: 0.9, seed: 5 },
    });
    const { body } = await complete(url, { prompt, max_tokens: 20, temperature: 0 });
    expect(body.choices).toEqual([
      { index: 0, text: greedy.text, token_ids: greedy.tokens, logprobs: null, finish_reason: "length" },
    ]);
    const count = greedy.promptTokens.length;
    expect(body.usage).toEqual({ prompt_tokens: count, completion_tokens: 20, total_tokens: count + 20 });
    expect(body).toMatchObject({ object: "text_completion", model: "default" });
    const settings = { max_tokens: 20, temperature: 0.7, top_p: 0.9, seed: 5, model: "default" };
    for (const given of [prompt, greedy.promptTokens, [prompt], [greedy.promptTokens]]) {
      const { body: again } = await complete(url, { prompt: given, ...settings });
      expect(again.choices[0].text).toBe(sampled.text);
    }
  });

  test("several prompts, several completions of each; the same seed, the same texts", async () => {
    const asked = { prompt: [prompt, "import "], n: 2, max_tokens: 8, seed: 1 };
    const { body } = await complete(url, asked);
    expect(body.choices.map(({ index }: { index: number }) => index)).toEqual([0, 1, 2, 3]);
    expect((await complete(url, asked)).body.choices).toEqual(body.choices);
    const texts = async () => JSON.stringify((await complete(url, { prompt, max_tokens: 30 })).body.choices);
    expect(await texts()).not.toBe(await texts());
  });

  test("stops before a stop text", async () => {
    const { body: whole } = await complete(url, { prompt, max_tokens: 40, temperature: 0 });
    const [{ text }] = whole.choices;
    const stop = text.trim().slice(3, 6);
    expect(stop).not.toBe("");
    const { body } = await complete(url, {
      prompt,
      max_tokens: 40,
      temperature: 0,
      stop: ["never seen", stop],
    });
    expect(body.choices[0]).toMatchObject({ text: text.slice(0, text.indexOf(stop)), finish_reason: "stop" });
    const streamed = await events(url, { prompt, max_tokens: 40, temperature: 0, stop });
    expect(streamed.map(({ choices }) => choices[0].text).join("")).toBe(body.choices[0].text);
  });

  test("streams the same", async () => {
    const asked = { prompt, max_tokens: 24, seed: 3, n: 2 };
    const { body } = await complete(url, asked);
    const streamed = await events(url, { ...asked, stream_options: { include_usage: true } });
    const { usage } = streamed.pop()!;
    expect(usage).toEqual(body.usage);
    for (const index of [0, 1]) {
      const parts = streamed.flatMap(({ choices }) => choices).filter((choice) => choice.index === index);
      expect(parts.length).toBeGreaterThan(4);
      expect(parts.map(({ text }) => text).join("")).toBe(body.choices[index].text);
      expect(parts.map(({ finish_reason }) => finish_reason).filter(Boolean)).toEqual(["length"]);
      expect(parts.at(-1).token_ids).toEqual(body.choices[index].token_ids);
    }
  });

  test("log probabilities are those of forward", async () => {
    const asked = { prompt, max_tokens: 6, temperature: 0, logprobs: 3 };
    const [choice] = (await complete(url, asked)).body.choices;
    const [echoed] = (await complete(url, { ...asked, echo: true })).body.choices;
    const [scored] = (await complete(url, { ...asked, echo: true, max_tokens: 0 })).body.choices;
    const tokens = [...model.tokenizer!.encode(prompt), ...choice.token_ids];
    const { losses } = await model.forward(tokens.slice(0, -1), { targets: tokens.slice(1), logits: "none" });
    const expected = [null, ...Array.from(losses!.data, (loss) => -loss)];
    const close = (given: (number | null)[], wanted: (number | null)[]) => {
      expect(given).toHaveLength(wanted.length);
      given.forEach((value, i) => {
        if (wanted[i] === null) expect(value).toBeNull();
        else expect(Math.abs(value! - wanted[i]!)).toBeLessThan(1e-4);
      });
    };
    close(choice.logprobs.token_logprobs, expected.slice(-6));
    close(echoed.logprobs.token_logprobs, expected);
    close(scored.logprobs.token_logprobs, expected.slice(0, -6));
    expect(echoed.text).toBe(prompt + choice.text);
    expect(scored).toMatchObject({ text: prompt, token_ids: [], finish_reason: "length" });
    const { tokens: texts, top_logprobs, token_logprobs, text_offset } = choice.logprobs;
    expect(texts.join("")).toBe(choice.text);
    // Greedy: what was chosen is the most probable.
    for (const [i, top] of top_logprobs.entries()) {
      expect(Object.keys(top)).toHaveLength(3);
      expect(Math.max(...(Object.values(top) as number[]))).toBe(token_logprobs[i]);
      expect(top[texts[i]]).toBe(token_logprobs[i]);
      expect(choice.text.startsWith(texts[i], text_offset[i])).toBe(true);
    }
    const streamed = await events(url, asked);
    expect(streamed.flatMap(({ choices }) => choices)).toEqual([choice]);
  });

  test.each([
    [{ prompt: "" }, 400, "prompt"],
    [{ prompt: [] }, 400, "prompt"],
    [{ prompt: [1e6] }, 400, "prompt"],
    [{ prompt: [-1] }, 400, "prompt"],
    [{ prompt: ["a", 1] }, 400, "prompt"],
    [{ prompt: null }, 400, "prompt"],
    [{}, 400, "prompt"],
    [{ prompt: "a", max_tokens: 0 }, 400, "max_tokens"],
    [{ prompt: "a", max_tokens: 1e9 }, 400, "max_tokens"],
    [{ prompt: "a", temperature: -1 }, 400, "temperature"],
    [{ prompt: "a", top_p: 2 }, 400, "top_p"],
    [{ prompt: "a", n: 1000 }, 400, "n"],
    [{ prompt: ["a", "b"], n: 32 }, 400, "n"],
    [{ prompt: "a", stop: "" }, 400, "stop"],
    [{ prompt: "a", seed: 0.5 }, 400, "seed"],
    [{ prompt: "a", model: "other" }, 404, "model"],
    [{ prompt: "a", frequency_penalty: 1 }, 400, "frequency_penalty"],
    [{ prompt: "a", max_new_tokens: 1 }, 400, null],
    [{ prompt: "a", stream_options: {} }, 400, "stream_options"],
    [{ prompt: "a", logprobs: 1, max_tokens: 4000 }, 400, "logprobs"],
    ["", 400, null],
    ["{", 400, null],
    ["[]", 400, null],
    ["null", 400, null],
    ["[".repeat(200_000), 400, null],
    [`{"prompt":"${"a".repeat(2 ** 18)}"}`, 413, null],
  ])("refuses what is wrong: %#", async (body, status, param) => {
    const answer = await complete(url, body);
    expect([answer.status, answer.body.error.param]).toEqual([status, param]);
    expect(answer.body.error.message.length).toBeGreaterThan(5);
  });

  test("takes JSON only, which pages of other sites cannot send unasked", async () => {
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""]) {
      const { status } = await complete(url, { prompt }, { headers: { "Content-Type": type } });
      expect(status).toBe(415);
    }
    const { status } = await complete(
      url,
      { prompt },
      { headers: { "Content-Type": "Application/JSON; charset=utf-8" } },
    );
    expect(status).toBe(200);
  });

  test("survives whatever it is sent", async () => {
    const known = [
      "prompt",
      "max_tokens",
      "n",
      "stop",
      "logprobs",
      "echo",
      "stream",
      "temperature",
      "top_p",
      "seed",
    ];
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom<unknown>(
        0,
        1,
        2,
        -1,
        0.5,
        1e308,
        "",
        "a\u0000",
        "\ud800",
        [1],
        [[1], [2]],
        ["a"],
        true,
        null,
      ),
    );
    const body = fc
      .tuple(fc.dictionary(fc.constantFrom(...known), value), fc.option(fc.string(), { freq: 8 }))
      .map(([object, text]) => text ?? JSON.stringify({ max_tokens: 2, ...object }));
    await fc.assert(
      fc.asyncProperty(body, async (text) => {
        const response = await fetch(`${url}v1/completions`, {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: text,
        });
        await response.text();
        expect([200, 400]).toContain(response.status);
      }),
      { numRuns: 150 },
    );
  }, 60_000);

  test("survives what is no HTTP, and answers afterwards", async () => {
    const { port } = new URL(url);
    const junk = [
      "\u0000\u0001\u0002",
      "GET / HTTP/9.9\r\n\r\n",
      "GET\r\n\r\n",
      `GET /${"a".repeat(100_000)} HTTP/1.1\r\n`,
    ];
    junk.push("GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    junk.push("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n");
    junk.push("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n");
    for (const text of junk) {
      const socket = connect(Number(port), "127.0.0.1");
      let answer = "";
      socket.on("data", (data) => {
        answer += data;
      });
      socket.on("error", () => {});
      socket.write(text);
      if (!text.includes("evil")) socket.end();
      else setTimeout(() => socket.end(), 300);
      await once(socket, "close");
      expect(answer).not.toMatch(/^HTTP\/1.1 [25]/);
    }
    expect((await fetch(`${url}v1/models`)).status).toBe(200);
  });

  test("ends the work for a client that leaves", async () => {
    const asked = { prompt, max_tokens: 4096, temperature: 1, n: 8, seed: 1 };
    for (const stream of [true, false]) {
      const leaving = request(`${url}v1/completions`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
      });
      leaving.on("error", () => {});
      leaving.end(JSON.stringify({ ...asked, stream }));
      if (stream) {
        const [response] = await once(leaving, "response");
        await once(response, "data");
      } else await new Promise((resolve) => setTimeout(resolve, 300));
      leaving.destroy();
    }
    const began = performance.now();
    const { status } = await complete(url, { prompt, max_tokens: 1 });
    expect(status).toBe(200);
    // Of which the whole would have been tens of thousands of windows.
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  test("refuses what is too much at once", async () => {
    const leaving = new AbortController();
    // Hot enough that no text soon ends by itself.
    const asked = { prompt, max_tokens: 4096, n: 8, temperature: 2 };
    const long = Array.from({ length: 20 }, () =>
      complete(url, asked, { signal: leaving.signal }).catch(() => null),
    );
    const refused = await Promise.race(long);
    expect(refused).toMatchObject({ status: 429, body: { error: { type: "rate_limit_error" } } });
    leaving.abort();
    await Promise.all(long);
    // The server hears of those that left a moment later.
    await expect.poll(async () => (await complete(url, { prompt, max_tokens: 1 })).status).toBe(200);
  });
});

test("Ctrl-C ends it at once, whatever is under way", async () => {
  const explorer = await explore();
  const answer = complete(explorer.url, { prompt, max_tokens: 4096, n: 8, temperature: 2 }).catch(
    () => "cut off",
  );
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(await explorer.end()).toEqual({ code: 0, stderr: "" });
  expect(await answer).not.toMatchObject({ status: 200 });
});

test("models of other layouts, without a tokenizer, and circuits found elsewhere", async () => {
  const before = readdirSync(tmpdir()).filter((name) => /^sparselens-\w{6}$/.test(name)).length;
  const model = `${scratch}/mine`;
  mkdirSync(`${model}/circuits/controls/no-meaning`, { recursive: true });
  for (const name of readdirSync(fixture)) copyFileSync(`${fixture}/${name}`, `${model}/${name}`);
  const other = modelWithTokenizer();
  const explorer = await explore(model, other, "default");
  try {
    const { models } = parseCatalogue(await (await fetch(`${explorer.url}catalogue.json`)).json(), "it");
    expect(models.map(({ id }) => id)).toEqual([
      "mine",
      expect.stringMatching(/^sparselens-cli-/),
      "default",
    ]);
    // What browsers load is sparse, whatever it was.
    expect(models[0].files.map(({ name }) => name)).toEqual(["config.json", "model.safetensors"]);
    const asked = { prompt: [1, 2, 3], max_tokens: 4, temperature: 0 };
    const expected = await json("generate", fixture, "--prompt-ids", "1,2,3", "--max-new-tokens", "4");
    const { body } = await complete(explorer.url, { ...asked, model: "mine" });
    expect(body.choices[0]).toMatchObject({ text: "", token_ids: expected.tokens });
    const refused = await complete(explorer.url, { prompt: "text", model: "mine" });
    expect(refused.body.error.message).toContain("without a tokenizer");
    expect((await complete(explorer.url, { ...asked, model: "mine", logprobs: 1 })).status).toBe(400);
    expect((await fetch(`${explorer.url}channel/1?model=mine`)).status).toBe(200);
    expect((await fetch(`${explorer.url}channel/1?model=nobody`)).status).toBe(404);
  } finally {
    expect(await explorer.end("SIGTERM")).toEqual({ code: 0, stderr: "" });
  }
  const after = readdirSync(tmpdir()).filter((name) => /^sparselens-\w{6}$/.test(name)).length;
  expect(after).toBe(before);
}, 60_000);

test("documents of a corpus, as the model's tokens", async () => {
  const corpus = `${scratch}/corpus`;
  await json("corpus", "synthetic:40", "--tokenizer", trainedModel, "--out", corpus);
  const explorer = await explore(trainedModel, "--corpus", corpus);
  try {
    const { models } = parseCatalogue(await (await fetch(`${explorer.url}catalogue.json`)).json(), "it");
    const path = models[0].documents!;
    expect(path).toBe("models/tinypython-2l-128/documents.json");
    const { source, documents } = parseDocuments(await (await fetch(explorer.url + path)).json(), path);
    expect(source).toBe("corpus");
    expect(documents.length).toBeGreaterThan(20);
    for (const tokens of documents) {
      expect(tokens.length).toBeLessThanOrEqual(128);
      expect(Math.max(...tokens)).toBeLessThan(768);
    }
  } finally {
    await explorer.end();
  }
  const elsewhere = await failure(1, "explore", "default", "--corpus", corpus, "--pages", pages);
  expect(elsewhere).toContain("tokenizer");
}, 60_000);

describe("what is wrong is said before anything is served", () => {
  test("a port that is taken", async () => {
    const explorer = await explore();
    const port = String(new URL(explorer.url).port);
    expect(await failure(1, "explore", "--pages", pages, "--port", port)).toContain("listens there already");
    await explorer.end();
  });

  test("pages that were not built, models and circuits that are none", async () => {
    expect(await failure(1, "explore", "--pages", `${scratch}/nowhere`)).toContain("npm run build");
    expect(await failure(1, "explore", `${scratch}/nowhere`, "--pages", pages)).toContain("nowhere");
    expect(await failure(1, "explore", "--circuits", `${scratch}/nowhere`, "--pages", pages)).toContain(
      "nowhere",
    );
    const broken = `${scratch}/broken.json`;
    writeFileSync(broken, '{"format":"sparselens-circuit","format_version":1}');
    expect(await failure(1, "explore", "--circuits", broken, "--pages", pages)).toContain("broken.json");
    for (const [option, value] of [
      ["--port", "70000"],
      ["--port", "x"],
      ["--allow-origin", "example.org"],
    ]) {
      const { code, stderr } = await run("explore", option, value);
      expect(code).toBe(2);
      expect(stderr).toContain(option);
    }
  }, 120_000);
});
