// Pictures of every view of the explorer, at two widths and in both themes, of a site that `sparselens export` wrote:
//
//   node scripts/screenshots.js SITE docs/explorer
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { openSite } from "../bench/explorer/site.js";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    widths: { type: "string", default: "1280,390" },
    themes: { type: "string", default: "light,dark" },
  },
});
const [directory, out] = positionals;
if (!directory || !out) {
  console.error("usage: node scripts/screenshots.js SITE OUT [--widths 1280,390] [--themes light,dark]");
  process.exit(2);
}
mkdirSync(out, { recursive: true });
const site = await openSite(directory);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
for (const theme of values.themes.split(",")) {
  for (const width of values.widths.split(",").map(Number)) {
    const page = await browser.newPage({
      viewport: { width, height: width < 600 ? 844 : 800 },
      colorScheme: theme,
    });
    page.on("pageerror", (error) => console.error(error));
    const open = async (hash) => {
      await page.goto("about:blank");
      await page.goto(`${site.origin}/${hash}`);
      await settled(page);
    };
    await open("#circuit");
    // The node that matters most, as its title says.
    const node = await page.evaluate(() => {
      const score = (element) =>
        Number(/delta (-?[\d.]+)/.exec(element.getAttribute("aria-label"))?.[1] ?? 0);
      const nodes = [...document.querySelectorAll(".graph g.node")].sort((a, b) => score(b) - score(a));
      return nodes[0]?.getAttribute("data-node") ?? null;
    });
    const views = {
      write: "#write",
      circuit: "#circuit",
      node: `#circuit?node=${node}`,
      intervene: `#intervene?scope=circuit&off=${node}&node=${node}`,
      evidence: "#evidence",
      ...Object.fromEntries(
        Array.from({ length: 7 }, (_, step) => [`tour-${step + 1}`, `#tour?step=${step}`]),
      ),
    };
    for (const [name, hash] of Object.entries(views)) {
      await open(hash);
      if (name === "write") await page.getByRole("button", { name: "Write on" }).click();
      await page.waitForTimeout(1500);
      await settled(page);
      await page.screenshot({ path: join(out, `${name}-${width}-${theme}.png`), fullPage: width < 600 });
    }
    await page.close();
  }
}
await browser.close();
await site.close();

function settled(page) {
  return page.waitForFunction("document.documentElement.dataset.busy === 'false'", null, {
    timeout: 120_000,
  });
}
