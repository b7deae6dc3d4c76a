import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Circuit,
  candidateLogits,
  circuitAblation,
  circuitEdges,
  formatCircuit,
  loadModel,
  type Model,
  NodeIndex,
  parseCircuit,
  prepareTask,
  scoreCandidates,
  type TaskBatch,
  tasks,
} from "../../dist/node/index.js";
import { buildSite } from "../../src/server/build-site.js";
import { type CatalogueModel, formatCatalogue } from "../../src/server/catalogue.js";
import { serve } from "../../src/server/serve.js";
import type { Site } from "../../src/server/site.js";
import { taskFromJsonLines } from "../../src/tasks/json-lines.js";
import { chromiumPath, launchChromium } from "../support/chromium.js";
import { trainedModel } from "../support/trained-model.js";
import { startWebServer } from "../support/web-server.js";

const root = new URL("../..", import.meta.url).pathname;
const modelDirectory = trainedModel;
/** As the explorer measures a loss when nothing moves. */
const PAIRS = 256;
/** What agrees bit for bit names its kernels. */
const KERNELS = "simd";

// Much is computed, on machines that may have other things to do.
describe.skipIf(!chromiumPath)("the explorer", { timeout: 120_000 }, () => {
  let directory: string;
  let model: Model;
  let batch: TaskBatch;
  let circuit: Circuit;
  let site: Site;
  let browser: Browser;

  beforeAll(async () => {
    expect(existsSync(`${root}dist/web/index.html`), "dist/web is built").toBe(true);
    model = await loadModel(modelDirectory, { kernels: KERNELS, threads: 1 });
    batch = firstTask(model);
    circuit = await makeCircuit(model, batch);
    directory = mkdtempSync(join(tmpdir(), "sparselens-web-"));
    mkdirSync(join(directory, "circuits"));
    writeFileSync(join(directory, "circuits/made.json"), formatCircuit(circuit));
    const files = ["config.json", "model.safetensors", "tokenizer.json"];
    const path = "models/default/";
    const made = {
      ...{ id: "made", path: "circuits/made.json", task: circuit.task.name, target_loss: null },
      ...{ nodes: circuit.nodes.length, edges: circuit.edges.length, audit: null, control: null },
    };
    const entry: CatalogueModel = {
      ...{ id: "default", title: "The embedded model", path },
      files: files.map((name) => ({ name, bytes: statSync(`${modelDirectory}/${name}`).size })),
      circuits: [made, { ...made, id: "audited", audit: "audits/audited.json" }],
      ...{ means: null, card: null, curve: null, trials: null, documents: null },
    };
    const served = new Map([
      [made.path, { file: join(directory, made.path) }],
      [
        "audits/audited.json",
        { file: `${root}models/default/circuits/single_double_quote-audit/audit.json` },
      ],
      ...files.map((name) => [path + name, { file: `${modelDirectory}/${name}` }] as const),
    ]);
    site = await buildSite(`${root}dist/web`, [{ entry, files: served }]);
    writeFileSync(join(directory, "catalogue.json"), formatCatalogue({ models: [entry] }));
    browser = await launchChromium();
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await model?.dispose();
    if (directory) rmSync(directory, { recursive: true, force: true });
  });

  describe.each<[string, boolean]>([
    ["with threads", true],
    ["on one thread, without special headers", false],
  ])("%s", (_, isolated) => {
    let server: { readonly url: string; close(): Promise<void> };
    let page: Page;
    /** What the browser complained about. */
    const complaints: string[] = [];

    beforeAll(async () => {
      server = await (isolated ? serve({ site, models: [], port: 0, version: "1" }) : serveFiles());
      page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
      page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
      page.on("pageerror", ({ message }) => complaints.push(message));
    });
    afterAll(async () => {
      await page?.close();
      await server?.close();
      // Of the policy on what pages may load and run, too.
      expect(complaints).toEqual([]);
    });

    async function serveFiles() {
      const mounts = {
        ...{
          "/catalogue.json": join(directory, "catalogue.json"),
          "/circuits/": join(directory, "circuits/"),
        },
        ...{ "/models/default/": `${modelDirectory}/`, "/": `${root}dist/web/` },
      };
      const { origin, close } = await startWebServer({ mounts });
      return { url: `${origin}/`, close };
    }

    const open = async (hash: string) => {
      await page.goto("about:blank");
      await page.goto(`${server.url}index.html${hash}`);
      await settled(page);
    };

    it("shows a prompt's tokens and what may follow them, and writes on", async () => {
      const prompt = "for x";
      await open(`#write?kernels=${KERNELS}&length=8&prompt=${encodeURIComponent(prompt)}`);
      const tokens = model.tokenizer!.encode(prompt);
      expect(await page.locator(".write .tokens .token").count()).toBe(tokens.length);
      const { logits } = await model.forward(tokens, { logits: "last" });
      const largest = Math.max(...logits.data);
      const sum = logits.data.reduce((total, value) => total + Math.exp(value - largest), 0);
      const first = page.locator(".bars tbody tr").first();
      await expect.poll(() => first.locator(".bar-value").textContent()).toBe(`${(100 / sum).toFixed(1)} %`);
      await page.getByRole("button", { name: "Write on" }).click();
      const { text } = await model.generate(tokens, { maxNewTokens: 8 });
      await expect.poll(() => page.locator(".written").textContent(), { timeout: 20_000 }).toBe(text);
    });

    it("shows the nodes of a circuit, and what one of them reads", async () => {
      await open(`#circuit?kernels=${KERNELS}`);
      expect(await page.locator(".graph g.node").count()).toBe(circuit.nodes.length);
      const [source, target] = circuit.edges[0];
      await page.locator(`[data-node="${target}"]`).click();
      await expect.poll(() => page.locator(".node-head h2").textContent()).toBe(target);
      await expect
        .poll(() => page.locator(".links").first().textContent(), { timeout: 20_000 })
        .toContain(source);
      expect(new URL(page.url()).hash).toContain(`node=${target}`);
    });

    it("ablates a node, and shows the loss, the logits and the text that the library computes", async () => {
      const node = circuit.nodes.at(-1)!;
      await open(`#intervene?kernels=${KERNELS}&scope=circuit&node=${node}`);
      await expectRun([]);
      await page.locator(`[data-node="${node}"]`).click();
      await page.keyboard.press("x");
      await settled(page);
      expect(await page.locator(`[data-node="${node}"]`).getAttribute("class")).toContain("off");
      await expectRun([node]);
      expect(new URL(page.url()).hash).toContain(`off=${node}`);

      // The address alone says it all.
      const other = await browser.newPage();
      await other.goto(page.url());
      await settled(other);
      expect(await other.locator("[data-loss]").getAttribute("data-loss")).toBe(
        await page.locator("[data-loss]").getAttribute("data-loss"),
      );
      await other.close();
    }, 120_000);

    it("sets a node to a value", async () => {
      const node = circuit.nodes[0];
      await open(`#intervene?kernels=${KERNELS}&scope=model&set=${node}=1.5`);
      await expectRun([], { node, value: 1.5 });
    }, 60_000);

    it.skipIf(!isolated)(
      "edits a circuit and saves it, with a note",
      async () => {
        const node = circuit.nodes[1];
        await open(`#circuit?kernels=${KERNELS}&node=${node}`);
        await page.locator(".own-note textarea").fill("noted");
        await page.getByRole("button", { name: "Take out of the circuit" }).click();
        await page.getByRole("button", { name: "Intervene" }).click();
        await settled(page);
        const download = page.waitForEvent("download", { timeout: 60_000 });
        await page.getByRole("button", { name: "Save as a file" }).click();
        const path = await (await download).path();
        const saved = parseCircuit(JSON.parse(readFileSync(path, "utf8")), path);
        expect(saved.nodes).toEqual(circuit.nodes.filter((one) => one !== node));
        expect(saved.notes).toEqual({ [node]: "noted" });
        expect(saved.found.steps.at(-1)).toBe("edited by hand");
        const { loss } = await scoreOf(saved, []);
        expect(saved.losses.select!.circuit).toBeCloseTo(loss, 6);
      },
      120_000,
    );

    it("opens a viz_data.pt that is dropped on it", async () => {
      await open(`#circuit?kernels=${KERNELS}`);
      await drop(page, readFileSync(`${root}test/fixtures/viz/32/viz_data.pt`), "viz_data.pt");
      await expect.poll(() => page.locator(".graph g.node").count(), { timeout: 20_000 }).toBe(32);
      expect(new URL(page.url()).hash).toContain("circuit=local:viz_data.pt");
    });

    it("measures on a task of one's own, once its file is there", async () => {
      const lines = batch.pairs.slice(0, 40).map((pair) => `${JSON.stringify(pair)}\n`);
      const own = { ...circuit, task: { name: "mine", templates: "standard" } };
      await open(`#intervene?kernels=${KERNELS}&scope=circuit`);
      await drop(page, Buffer.from(formatCircuit(own)), "own.json");
      await expect.poll(() => page.locator("aside").textContent()).toContain("mine.jsonl");
      await drop(page, Buffer.from(lines.join("")), "mine.jsonl");
      const pairs = prepareTask(taskFromJsonLines(lines.join(""), "mine"), model.tokenizer!, {
        ...{ split: "select", seed: 0, count: PAIRS, maxTokens: model.config.block_size },
      }) as TaskBatch;
      expect(pairs.count).toBeLessThan(40);
      const options = { ablation: await circuitAblation(model, own) };
      const { loss } = scoreCandidates(await candidateLogits(model, pairs, options));
      await expect.poll(shownLoss, { timeout: 30_000 }).toBeCloseTo(loss, 6);
      // It is kept.
      await page.reload();
      await expect.poll(shownLoss, { timeout: 30_000 }).toBeCloseTo(loss, 6);
      await drop(page, Buffer.from('{"prompts": ["a"]}'), "bad.jsonl");
      await expect.poll(() => page.getByRole("alert").textContent()).toContain("bad.jsonl, line 1");
    }, 60_000);

    it.skipIf(!isolated)("leads from a circuit without an audit to one that has it", async () => {
      await open(`#evidence?kernels=${KERNELS}`);
      await page.getByRole("button", { name: /^That of \d+ nodes/ }).click();
      await expect.poll(() => new URL(page.url()).hash).toContain("circuit=audited");
    });

    it.skipIf(!isolated)("puts a row of many nodes on several lines, all in sight", async () => {
      const wide = Array.from({ length: 60 }, (_, channel) => `0.attn.act_in:${channel}`);
      const nodes = [...wide, ...circuit.nodes.filter((node) => /attn\.[qkv]:/.test(node))];
      await open(`#circuit?kernels=${KERNELS}`);
      await drop(page, Buffer.from(formatCircuit({ ...circuit, nodes, edges: [] })), "wide.json");
      await expect.poll(() => page.locator(".graph g.node").count(), { timeout: 20_000 }).toBe(nodes.length);
      await settled(page);
      expect(await page.evaluate(crowdedNodes)).toEqual([]);
    });

    it("says in words what is wrong with a file", async () => {
      await open(`#circuit?kernels=${KERNELS}`);
      await drop(page, Buffer.from("nonsense"), "x.json");
      await expect
        .poll(() => page.getByRole("alert").textContent())
        .toMatch(/x\.json is neither a circuit file/);
    });

    // The same pages with threads and without.
    it.skipIf(!isolated).each([1280, 390])(
      "fits a window %i pixels wide, in every view",
      async (width) => {
        await page.setViewportSize({ width, height: 800 });
        for (const view of ["write", "circuit", "intervene", "evidence", "tour"]) {
          await open(`#${view}?kernels=${KERNELS}`);
          expect(await page.evaluate("document.documentElement.scrollWidth"), view).toBeLessThanOrEqual(
            width,
          );
          expect(await page.getByRole("alert").count(), view).toBe(0);
          if (view === "circuit") expect(await page.evaluate(namesOverNodes)).toEqual([]);
        }
        await page.setViewportSize({ width: 1280, height: 800 });
      },
      120_000,
    );

    async function shownLoss(): Promise<number> {
      const shown = page.locator("[data-loss]");
      return (await shown.count()) === 0 ? Number.NaN : Number(await shown.getAttribute("data-loss"));
    }

    /** That what is on the screen is what the library computes. */
    async function expectRun(off: readonly string[], set?: { node: string; value: number }) {
      const { loss, logits, text } = await scoreOf(circuit, off, set);
      await expect.poll(shownLoss, { timeout: 30_000 }).toBeCloseTo(loss, 6);
      for (const [i, logit] of logits.entries()) {
        await expect.poll(() => page.locator(`[data-logit="${i}"]`).textContent()).toBe(logit.toFixed(3));
      }
      await expect
        .poll(() => page.locator('[data-text="now"]').textContent(), { timeout: 20_000 })
        .toBe(text);
    }
  });

  /** A circuit, or the whole model with a node set, with some nodes ablated too. */
  async function scoreOf(of: Circuit, off: readonly string[], set?: { node: string; value: number }) {
    const kept = { ...of, nodes: of.nodes.filter((node) => !off.includes(node)), edges: [] };
    const [location, channel] = set?.node.split(":") ?? [];
    const options = set
      ? { interventions: { [location]: { channels: [Number(channel)], value: set.value } } }
      : { ablation: await circuitAblation(model, kept) };
    const { loss } = scoreCandidates(await candidateLogits(model, batch, options));
    const prompt = batch.tokens.subarray(0, batch.lengths[0]);
    const { logits } = await model.forward(prompt, { ...options, logits: "last" });
    const { tokens } = await model.generate(prompt, { ...options, maxNewTokens: 12 });
    const candidates = [batch.candidates[0], batch.candidates[1]].map((token) => logits.data[token]);
    return { loss, logits: candidates, text: model.tokenizer!.decode(tokens) };
  }
});

/** The first task that the model's tokens can express, whichever model it is. */
function firstTask({ tokenizer, config }: Model): TaskBatch {
  for (const task of tasks) {
    const batch = prepareTask(task, tokenizer!, {
      ...{ split: "select", templates: "standard", seed: 0, count: PAIRS },
      ...{ maxTokens: config.block_size, vocabularySize: config.vocab_size },
    });
    if (!("unavailable" in batch)) return batch;
  }
  throw new Error("no task");
}

/** Some nodes of every location of the first layer, along the strongest weights: large enough to do something. */
async function makeCircuit(model: Model, { task }: TaskBatch): Promise<Circuit> {
  const index = new NodeIndex(model.description);
  const all = Array.from({ length: index.count }, (_, node) => node);
  const edges = [...(await circuitEdges({ model, index }, all))].sort(
    (a, b) => Math.abs(b[2]) - Math.abs(a[2]),
  );
  const nodes = new Set(edges.slice(0, 16).flatMap((edge) => edge.slice(0, 2) as [string, string]));
  const numbers = [...nodes].map((node) => index.numberOf(node)).sort((a, b) => a - b);
  return {
    ...{ model: { name: "default", sha256: null }, task: { name: task, templates: "standard" } },
    ...{ target_loss: null, ablation: "zero", means: null, final_resid: false, edges_are: "all" },
    ...{
      nodes: numbers.map((node) => index.nameOf(node)),
      edges: await circuitEdges({ model, index }, numbers),
    },
    ...{ node_scores: null, edge_scores: null, calibration: null, losses: {} },
    found: { method: "masks", settings: {}, steps: [], candidates: 1 },
  };
}

/** In the page: names of rows in the graph that lie on nodes. */
function namesOverNodes(): string[] {
  const boxes = (selector: string) =>
    [...document.querySelectorAll(selector)].map((one) => ({ one, box: one.getBoundingClientRect() }));
  const nodes = boxes(".graph g.node rect, .graph g.end rect");
  const names = boxes(".graph-rows span").filter(({ box }) =>
    // A pixel is nothing that one sees.
    nodes.some(
      ({ box: node }) =>
        Math.min(box.right, node.right) - Math.max(box.left, node.left) > 1 &&
        Math.min(box.bottom, node.bottom) - Math.max(box.top, node.top) > 1,
    ),
  );
  return names.map(({ one }) => one.textContent!);
}

/** In the page: nodes of the graph that lie on others, or out of sight. */
function crowdedNodes(): string[] {
  const frame = document.querySelector(".graph")!.getBoundingClientRect();
  const boxes = [...document.querySelectorAll(".graph [data-node] rect")].map((one) => ({
    name: one.parentElement!.getAttribute("data-node")!,
    box: one.getBoundingClientRect(),
  }));
  const isCrowded = (box: DOMRect) =>
    box.left < frame.left ||
    box.right > frame.right ||
    boxes.some(
      ({ box: other }) =>
        other !== box &&
        Math.min(box.right, other.right) > Math.max(box.left, other.left) &&
        Math.min(box.bottom, other.bottom) > Math.max(box.top, other.top),
    );
  return boxes.filter(({ box }) => isCrowded(box)).map(({ name }) => name);
}

async function settled(page: Page): Promise<void> {
  // What was asked for has begun before it is waited for.
  await page.waitForTimeout(100);
  await page.locator('html[data-busy="false"]').waitFor({ state: "attached", timeout: 60_000 });
}

async function drop(page: Page, bytes: Buffer, name: string): Promise<void> {
  await page.evaluate(
    ([base64, name]) => {
      const data = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([data], name));
      for (const type of ["dragover", "drop"]) {
        document.body.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
      }
    },
    [bytes.toString("base64"), name] as const,
  );
}
