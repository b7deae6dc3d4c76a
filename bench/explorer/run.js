// Measures the explorer in headless Chromium, on a site that `sparselens export` wrote:
//
//   node bench/explorer/run.js SITE [--json]
//
// First paint and the model's readiness for a first visitor, an ablation from the key to the updated graph and loss, the layout
// of a made-up circuit of 500 nodes and 2,000 edges (computed in its worker, then recalled), and frames per second while it is
// panned. What is done several times is given by its median.
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { openSite } from "./site.js";

const { positionals, values } = parseArgs({ allowPositionals: true, options: { json: { type: "boolean" } } });
if (positionals.length !== 1) {
  console.error("usage: node bench/explorer/run.js SITE [--json]");
  process.exit(2);
}
const site = await openSite(positionals[0]);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
const COLD_STARTS = 5;
const TOGGLES = 9;
const results = {};

// Each in a browser of its own, as far as it remembers anything.
const starts = [];
let page;
for (let i = 0; i < COLD_STARTS; i++) {
  await page?.context().close();
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  page = await context.newPage();
  await page.goto(`${site.origin}/#intervene?scope=circuit`);
  await page.waitForFunction("performance.getEntriesByName('model-ready').length > 0", null, {
    timeout: 120_000,
  });
  starts.push({ painted: await at("first-contentful-paint"), ready: await at("model-ready") });
}
results.first_paint_ms = median(starts.map(({ painted }) => painted));
results.model_ready_ms = median(starts.map(({ ready }) => ready));
await settled();

// Toggles.
const node = await page.locator(".graph g.node").last().getAttribute("data-node");
await page.locator(`[data-node="${node}"]`).click();
await settled();
const toggles = [];
for (let i = 0; i < TOGGLES; i++) {
  toggles.push(
    await page.evaluate(async (node) => {
      const loss = () => document.querySelector("[data-loss]")?.getAttribute("data-loss");
      const isOff = () => document.querySelector(`[data-node="${node}"]`).classList.contains("off");
      const [before, wasOff] = [loss(), isOff()];
      const start = performance.now();
      document
        .querySelector(".graph")
        .dispatchEvent(new KeyboardEvent("keydown", { key: "x", bubbles: true }));
      while (loss() === before || isOff() === wasOff) await new Promise(requestAnimationFrame);
      return performance.now() - start;
    }, node),
  );
  await settled();
}
results.toggle_ms = median(toggles);

// A large circuit, dropped as a file.
await page.evaluate(
  async (text) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([text], "large.json"));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
  },
  largeCircuit(500, 2000),
);
await page.waitForFunction("document.querySelectorAll('.graph g.node').length === 500", null, {
  timeout: 120_000,
});
results.layout_ms = await page.evaluate("performance.getEntriesByName('layout').at(-1).duration");
results.frames_per_second = await page.evaluate(async () => {
  const graph = document.querySelector(".graph");
  const { left, top } = graph.getBoundingClientRect();
  const move = (type, x, y) =>
    (type === "mousedown" ? graph : window).dispatchEvent(
      new MouseEvent(type, {
        bubbles: true,
        cancelable: true,
        view: window,
        clientX: left + x,
        clientY: top + y,
      }),
    );
  move("mousedown", 400, 300);
  let frames = 0;
  const start = performance.now();
  while (performance.now() - start < 3000) {
    move("mousemove", 400 + 200 * Math.sin(frames / 20), 300 + 120 * Math.cos(frames / 17));
    await new Promise(requestAnimationFrame);
    frames++;
  }
  move("mouseup", 400, 300);
  return (frames * 1000) / (performance.now() - start);
});
await page.reload();
await page.waitForFunction("document.querySelectorAll('.graph g.node').length === 500", null, {
  timeout: 120_000,
});
results.layout_recalled_ms = await page.evaluate("performance.getEntriesByName('layout').at(-1).duration");

await browser.close();
await site.close();
const limits = {
  ...{ first_paint_ms: 1000, model_ready_ms: 2000, toggle_ms: 100, frames_per_second: 50 },
};
if (values.json) console.log(JSON.stringify(results));
else {
  for (const [name, value] of Object.entries(results)) {
    const limit =
      limits[name] === undefined
        ? ""
        : `  (aim: ${name.endsWith("_ms") ? "under" : "at least"} ${limits[name]})`;
    console.log(`${name.padEnd(20)} ${value.toFixed(value < 100 ? 1 : 0).padStart(8)}${limit}`);
  }
}

function settled() {
  return page.waitForFunction("document.documentElement.dataset.busy === 'false'", null, {
    timeout: 120_000,
  });
}

/** Milliseconds from when the page was asked for. */
function at(name) {
  return page.evaluate((name) => performance.getEntriesByName(name).at(-1)?.startTime ?? null, name);
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
}

/** Nodes at all locations of eight layers, and edges between neighbouring ones, as circuits have them. */
function largeCircuit(nodes, edges) {
  let state = 1;
  const random = (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const places = [
    "attn.act_in",
    "attn.k",
    "attn.q",
    "attn.v",
    "attn.resid_delta",
    "mlp.act_in",
    "mlp.post_act",
    "mlp.resid_delta",
  ];
  const links = [
    ...[
      ["attn.act_in", "attn.k"],
      ["attn.act_in", "attn.q"],
      ["attn.act_in", "attn.v"],
      ["attn.v", "attn.resid_delta"],
    ],
    ...[
      ["mlp.act_in", "mlp.post_act"],
      ["mlp.post_act", "mlp.resid_delta"],
    ],
  ];
  const chosen = new Set();
  while (chosen.size < nodes) chosen.add(`${random(8)}.${places[random(8)]}:${random(256)}`);
  const byPlace = Map.groupBy
    ? Map.groupBy(chosen, (node) => node.split(":")[0])
    : [...chosen].reduce(
        (map, node) => map.set(node.split(":")[0], [...(map.get(node.split(":")[0]) ?? []), node]),
        new Map(),
      );
  const made = new Map();
  while (made.size < edges) {
    const layer = random(8);
    const [from, to] = links[random(links.length)].map((place) => byPlace.get(`${layer}.${place}`) ?? []);
    if (from.length === 0 || to.length === 0) continue;
    const [source, target] = [from[random(from.length)], to[random(to.length)]];
    made.set(`${source} ${target}`, [source, target, (random(2000) - 1000) / 500]);
  }
  const order = [...chosen].sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  return JSON.stringify({
    ...{ format: "sparselens-circuit", format_version: 1, model: { name: "made up", sha256: null } },
    ...{ task: { name: "made_up", templates: "standard" }, target_loss: null, ablation: "zero", means: null },
    ...{ final_resid: false, nodes: order, edges_are: "all", edges: [...made.values()] },
    ...{
      node_scores: order.map(() => random(1000) / 1000),
      edge_scores: null,
      calibration: null,
      losses: {},
    },
    found: { method: "made up", settings: {}, steps: [], candidates: 1 },
  });
}
