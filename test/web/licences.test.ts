import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { buildSite } from "../../src/server/build-site.js";

const root = new URL("../..", import.meta.url).pathname;
const pages = `${root}dist/web`;

test("the explorer carries the licences of what is bundled in it, wherever it is put", async () => {
  const site = await buildSite(pages, []);
  expect(site.has("third-party-licences.txt")).toBe(true);
  const text = readFileSync(`${pages}/third-party-licences.txt`, "utf8");
  for (const name of ["@observablehq/plot", "@preact/signals", "d3-selection", "elkjs", "preact"])
    expect(text).toMatch(new RegExp(`^## ${name} - \\d`, "m"));
  expect(text).toContain("Eclipse Public License - v 2.0");
  // Authors that only a comment in a bundled file names.
  expect(text).toContain("Copyright (c) 2017 Kiel University");
  expect(text.match(/Permission/g)!.length).toBeGreaterThan(20);
  const scripts = readdirSync(`${pages}/assets`).filter((name) => name.endsWith(".js"));
  const all = scripts.map((name) => readFileSync(`${pages}/assets/${name}`, "utf8")).join();
  expect(all).toContain("./third-party-licences.txt");
});
