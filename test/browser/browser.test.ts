import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadModel } from "../../dist/node/index.js";
import { chromiumPath, launchChromium } from "../support/chromium.js";
import { startWebServer, type WebServer } from "../support/web-server.js";
import type * as actions from "./page.js";

type Actions = typeof actions;

const root = new URL("../..", import.meta.url).pathname;
const mounts = {
  "/dist/browser/": `${root}dist/browser/`,
  "/test/": `${root}test/`,
  "/models/": `${root}test/fixtures/`,
  "/tinypython/": `${root}test/fixtures/tokenizer/`,
};
const fixture = (name: string, weights: string) => ({
  files: [`/models/${name}/beeg_config.json`, `/models/${name}/${weights}`],
});
const tokenizer = ["/tinypython/encoder.json", "/tinypython/vocab.bpe"];
const small = fixture("05_yolo2_like_d64", "model.safetensors");

describe.skipIf(!chromiumPath)("in Chromium", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium(["--host-resolver-rules=MAP insecure.test 127.0.0.1"]);
  });
  afterAll(() => browser?.close());

  describe.each([
    { where: "on a page with shared memory", isolated: true },
    { where: "on a page without shared memory", isolated: false },
  ])("$where", ({ isolated }) => {
    let server: WebServer;
    let page: Page;
    beforeAll(async () => {
      server = await startWebServer({ mounts, isolated });
      page = await openPage(browser, server.origin);
    });
    afterAll(async () => {
      await page?.close();
      await server?.close();
    });

    it("has the kernels of a current browser", async () => {
      expect(await act(page, "environment")).toEqual({
        isolated,
        secure: true,
        kernels: ["plain", "simd", "fma"],
      });
    });

    // What a user may give, each with other kernels.
    it.each([
      { name: "01_ln_gelu_tied", from: "final_model.pt", kernels: "auto" },
      { name: "05_yolo2_like_d64", from: "model.safetensors", kernels: "auto" },
      { name: "05_yolo2_like_d64", from: "an address", kernels: "simd" },
      { name: "15_odd_dims", from: "an address", kernels: "fma", threads: 1 },
      { name: "15_odd_dims", from: "model.safetensors", kernels: "plain" },
      { name: "16_catpos_afrac_everything", from: "final_model.pt", kernels: "plain", threads: 1 },
      { name: "16_catpos_afrac_everything", from: "model.safetensors", kernels: "simd", threads: 1 },
      { name: "20_bfloat16", from: "model.safetensors", kernels: "simd" },
    ] as const)("computes what the released code does: $name from $from, kernels: $kernels", async (test) => {
      const { name, from, kernels } = test;
      const threads = "threads" in test ? test.threads : undefined;
      const source = from === "an address" ? { url: `/models/${name}` } : fixture(name, from);
      const used = await act(page, "parity", `/models/${name}`, source, { kernels, threads });
      expect(used).toEqual({
        threads: threads ?? (isolated ? await coresUsed(page) : 1),
        kernels: kernels === "auto" ? "fma" : kernels,
      });
    });

    it("opens a repository of the hub, and downloads it once", async () => {
      const asked: string[] = [];
      const commit = "d".repeat(40);
      const files = { "config.json": "beeg_config.json", "model.safetensors": "model.safetensors" };
      await page.route("https://huggingface.co/**", async (route) => {
        const { pathname } = new URL(route.request().url());
        asked.push(pathname);
        const headers = { "Access-Control-Allow-Origin": "*" };
        const [, name] = /^\/someone\/model\/resolve\/d{40}\/(.*)$/.exec(pathname) ?? [];
        const path = name && `${root}test/fixtures/15_odd_dims/${files[name as keyof typeof files]}`;
        if (path) return await route.fulfill({ path, headers });
        const isTree = pathname === `/api/models/someone/model/tree/${commit}`;
        const tree = Object.keys(files).map((path) => ({ type: "file", path }));
        return await route.fulfill({ json: isTree ? tree : { sha: commit }, headers });
      });
      const hub = { url: "hf:someone/model" };
      await act(page, "parity", "/models/15_odd_dims", hub, {});
      const weights = `/someone/model/resolve/${commit}/model.safetensors`;
      expect(asked).toContain(weights);
      await act(page, "parity", "/models/15_odd_dims", hub, {});
      expect(asked.filter((path) => path === weights).length).toBe(1);
    });

    it("opens the files that are picked in the page", async () => {
      const directory = `${root}test/fixtures/15_odd_dims`;
      await page.setInputFiles("input", [`${directory}/beeg_config.json`, `${directory}/final_model.pt`]);
      await act(page, "parity", "/models/15_odd_dims", { picked: true }, {});
    });

    it("gives the same bits as Node with the simd kernels", async () => {
      const tokens = [3, 1, 4, 1, 5, 9, 2, 6];
      const model = await loadModel(`${root}test/fixtures/05_yolo2_like_d64`, {
        kernels: "simd",
        threads: 1,
      });
      const { logits } = await model.forward(tokens);
      const generated = await model.generate(tokens, { maxNewTokens: 40, doSample: true, seed: 3 });
      await model.dispose();
      expect(await act(page, "numbers", small, tokens, { kernels: "simd" })).toEqual({
        logits: [...logits.data],
        tokens: generated.tokens,
      });
    });

    it.each(["generate", "forward"] as const)("never blocks the page: %s", async (work) => {
      const { ticks, longestPause, total } = await act(page, "responsiveness", small, work);
      expect(ticks).toBeGreaterThan(10);
      expect(longestPause).toBeLessThan(total / 2);
    });

    it.each(["generate", "forward", "hook"] as const)(
      "is aborted by a signal, with its reason: %s",
      async (work) => {
        expect(await act(page, "abortion", small, work)).toEqual({
          reason: true,
          already: true,
          same: true,
          error: "Error: enough",
        });
      },
    );

    it("ends the work when the loop over a stream is left", async () => {
      const result = await act(page, "leaveStream", { files: [...small.files, ...tokenizer] });
      expect(result.pieces.join("")).not.toBe("");
      expect(result.tokens).toBe(2);
      expect(result.milliseconds).toBeLessThan(5000);
    });

    it("ends its workers and all calls when it is disposed of", async () => {
      const threads = await act(page, "loadAndKeep", small);
      await expect.poll(() => page.workers().length).toBe(threads);
      const messages = await act(page, "disposeKept");
      expect(messages).toEqual(Array(3).fill("SparseLensError: The model has been disposed of."));
      await expect.poll(() => page.workers().length, { timeout: 10_000 }).toBe(0);
    });

    it("says in words what is wrong", async () => {
      const files = fixture("15_odd_dims", "final_model.pt").files;
      expect(await act(page, "failureWhenTruncated", files)).toMatch(/^SparseLensError: .*final_model\.pt/);
      const weights = fixture("15_odd_dims", "model.safetensors").files;
      expect(await act(page, "failureWhenTruncated", weights)).toMatch(
        /^SparseLensError: .*model\.safetensors/,
      );
      expect(await act(page, "failure", { files: files.slice(1) })).toMatch(
        /^SparseLensError: .*final_model\.pt.*beeg_config\.json/,
      );
      expect(await act(page, "failure", { url: "/models/no_such_model" })).toMatch(
        /^SparseLensError: .*no_such_model.*404/,
      );
      expect(await act(page, "failure", small, { kernels: "quick" as never })).toMatch(
        /^SparseLensError: .*"quick"/,
      );
      expect(await act(page, "failingCalls", small)).toEqual([
        expect.stringMatching(/^SparseLensError: .*9999/),
        "Error: of my own",
        "1,80",
      ]);
      if (isolated) return;
      expect(await act(page, "failure", small, { threads: 2 })).toMatch(/Cross-Origin-Opener-Policy/);
    });

    it("says so when a worker cannot be started", async () => {
      const broken = await openPage(browser, server.origin);
      await broken.route("**/worker.js", (route) => route.abort());
      expect(await act(broken, "failure", small)).toMatch(/^SparseLensError: .*worker/);
      await broken.close();
    });
  });

  // Nothing is secure but https and the local machine: other pages have no Cache API.
  it("reads a model by ranges where downloads cannot be kept", async () => {
    const server = await startWebServer({ mounts, isolated: true });
    try {
      const page = await openPage(browser, `http://insecure.test:${server.port}`);
      expect(await act(page, "environment")).toMatchObject({ isolated: false, secure: false });
      const used = await act(page, "parity", "/models/15_odd_dims", { url: "/models/15_odd_dims" }, {});
      expect(used).toEqual({ threads: 1, kernels: "fma" });
      await page.close();
    } finally {
      await server.close();
    }
  });
});

async function openPage(browser: Browser, origin: string): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(`${origin}/test/browser/page.html`);
  await page.waitForFunction("globalThis.actions");
  return page;
}

/** Calls a function of page.ts in the page. */
async function act<Name extends keyof Actions>(
  page: Page,
  name: Name,
  ...args: Parameters<Actions[Name]>
): Promise<Awaited<ReturnType<Actions[Name]>>> {
  return await page.evaluate(
    ([name, args]) =>
      (globalThis as unknown as { actions: Record<string, (...args: unknown[]) => never> }).actions[name](
        ...args,
      ),
    [name, args] as const,
  );
}

async function coresUsed(page: Page): Promise<number> {
  const cores = await page.evaluate(() => navigator.hardwareConcurrency);
  return cores <= 2 ? cores : Math.min(cores - 1, 16);
}
