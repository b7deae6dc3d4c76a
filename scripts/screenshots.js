// Pictures of the explorer, of a site that `sparselens export` wrote: those that the documentation shows, or every view at two
// widths and in both themes. `circuit-133` is a large circuit, which is searched for here:
//
//   node scripts/screenshots.js SITE docs/explorer
//   node scripts/screenshots.js SITE OUT --all
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { openSite } from "../bench/explorer/site.js";
import { formatCircuit, readCircuitFile } from "../dist/node/index.js";
import { circuitOfSize } from "./circuit-of-size.js";

/** Views that are documented, by width and theme. */
const DOCUMENTED = {
  "1280-light": ["write", "circuit", "node", "intervene", "evidence", "tour-1", "tour-6", "circuit-133"],
  "390-light": ["tour-6"],
  "390-dark": ["circuit"],
};
const TOUR_STEPS = 7;
/** Milliseconds, on a machine that has other things to do. */
const PATIENCE = 300_000;
const LARGE = { task: "for_while", count: 133, k_coef: 1e-3 };

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { all: { type: "boolean", default: false } },
});
const [directory, out] = positionals;
if (!directory || !out) {
  console.error("usage: node scripts/screenshots.js SITE OUT [--all]");
  process.exit(2);
}
mkdirSync(out, { recursive: true });
const site = await openSite(directory);
const large = await largeCircuit();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
for (const theme of ["light", "dark"]) {
  for (const width of [1280, 390]) {
    const wanted = values.all ? null : (DOCUMENTED[`${width}-${theme}`] ?? []);
    if (wanted?.length !== 0) await takeAll(width, theme, wanted);
  }
}
await browser.close();
await site.close();

/** @param wanted names of views; null: all */
async function takeAll(width, theme, wanted) {
  const page = await browser.newPage({
    viewport: { width, height: width < 600 ? 844 : 800 },
    colorScheme: theme,
  });
  page.setDefaultTimeout(PATIENCE);
  page.on("pageerror", (error) => console.error(error));
  await page.goto(`${site.origin}/#circuit`);
  await settled(page);
  // The node that matters most, as its title says.
  const node = await page.evaluate(() => {
    const score = (element) => Number(/delta (-?[\d.]+)/.exec(element.getAttribute("aria-label"))?.[1] ?? 0);
    const nodes = [...document.querySelectorAll(".graph g.node")].sort((a, b) => score(b) - score(a));
    return nodes[0]?.getAttribute("data-node") ?? null;
  });
  await page.locator("input[type=file]").setInputFiles({
    ...{ name: "large.json", mimeType: "application/json", buffer: Buffer.from(formatCircuit(large)) },
  });
  await settled(page);
  const tour = Array.from({ length: TOUR_STEPS }, (_, step) => [`tour-${step + 1}`, `#tour?step=${step}`]);
  const views = {
    ...{ write: "#write", circuit: "#circuit", node: `#circuit?node=${node}` },
    ...{ intervene: `#intervene?scope=circuit&off=${node}&node=${node}`, evidence: await evidence(page) },
    ...Object.fromEntries(tour),
    [`circuit-${LARGE.count}`]: "#circuit?circuit=local:large.json",
  };
  for (const [name, hash] of Object.entries(views)) {
    if (wanted && !wanted.includes(name)) continue;
    // The model stays where it is: only what is looked at changes.
    await page.evaluate((to) => {
      location.hash = to;
    }, hash);
    await settled(page);
    if (name === "write") await page.getByRole("button", { name: "Write on" }).click();
    await page.waitForTimeout(1500);
    await settled(page);
    if (name === "write") await page.getByRole("button", { name: "Write on" }).waitFor();
    await page.screenshot({ path: join(out, `${name}-${width}-${theme}.png`), fullPage: width < 600 });
  }
  await page.close();
}

/** Of the site's model, with the means of its other circuits. */
async function largeCircuit() {
  const catalogue = JSON.parse(readFileSync(join(directory, "catalogue.json"), "utf8"));
  const [{ path, means, circuits }] = catalogue.models;
  const { means: reference } = await readCircuitFile(join(directory, circuits[0].path));
  const file = means.slice(path.length);
  return circuitOfSize(join(directory, path), { ...LARGE, means: { file, reference } });
}

async function settled(page) {
  // What was asked for has begun before it is waited for.
  await page.waitForTimeout(200);
  await page.waitForFunction("document.documentElement.dataset.busy === 'false'");
}

/** That of a circuit with an audit, where the site has one. */
async function evidence(page) {
  const { models } = await (await page.request.get(`${site.origin}/catalogue.json`)).json();
  const audited = models[0].circuits.find(({ audit }) => audit !== null);
  return audited ? `#evidence?circuit=${audited.id}` : "#evidence";
}
