import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

/** Scripts are JavaScript, without types. */
const load = (name: string) => import(new URL(`../../scripts/reproduce/${name}.js`, import.meta.url).href);

test("what a run directory holds is not computed again, and must be of the same", async () => {
  const { RunDirectory } = await load("run-directory");
  const path = join(mkdtempSync(join(tmpdir(), "reproduce-")), "run");
  const run = new RunDirectory(path);
  let computed = 0;
  const measure = () => run.once("a/b.json", async () => ({ computed: ++computed }));
  expect([await measure(), await measure()]).toEqual([{ computed: 1 }, { computed: 1 }]);
  expect(readdirSync(join(path, "a"))).toEqual(["b.json"]);
  expect(JSON.parse(readFileSync(join(path, "a/b.json"), "utf8"))).toEqual({ computed: 1 });
  await run.describe("settings.json", { target: 0.15, seeds: 3 });
  await run.describe("settings.json", { target: 0.15, seeds: 3 });
  await expect(run.describe("settings.json", { target: 0.2, seeds: 3 })).rejects.toThrow(
    '"target" was 0.15 there, and is 0.2 now',
  );
  // What could not be computed leaves nothing behind.
  await expect(run.once("c.json", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(run.has("c.json")).toBe(false);
});

test("geometric means, spreads and straight lines", async () => {
  const { fitLine, geometricMean, spread } = await load("statistics");
  expect(geometricMean([1, 100])).toBeCloseTo(10, 12);
  // No edge counts as one.
  expect(geometricMean([0, 100])).toBeCloseTo(10, 12);
  expect(spread([3, 1, 2])).toEqual({ mean: 2, minimum: 1, maximum: 3 });
  const line = fitLine([0, 1, 2].map((x) => [x, 5 - 2 * x]));
  expect([line.slope, line.intercept]).toEqual([-2, 5]);
});

test("the circuit that stands for a task: fewest edges, then nodes, then the least loss, of those that reach the target", async () => {
  const { bestCircuit, trialCount } = await load("search");
  const circuit = (seed: number, edges: number, nodes: number, loss: number, reached = true) => ({
    ...{ seed, edges, nodes, reached, loss },
  });
  const best = (...circuits: unknown[]) => bestCircuit({ circuits })?.seed;
  expect(best(circuit(1, 9, 9, 0.1), circuit(2, 8, 12, 0.1), circuit(3, 1, 1, 0.3, false))).toBe(2);
  expect(best(circuit(1, 9, 9, 0.1), circuit(2, 9, 8, 0.1))).toBe(2);
  expect(best(circuit(1, 9, 9, 0.14), circuit(2, 9, 9, 0.12))).toBe(2);
  expect(best(circuit(1, 9, 9, 0.1), circuit(2, 9, 9, 0.1))).toBe(1);
  expect(best(circuit(1, 9, 9, 0.1, false))).toBeUndefined();
  expect(trialCount({ kCoefs: [1, 2, 3], seeds: 3 })).toBe(6);
});

test("a task counts for means where every seed has a circuit and the empty one fails", async () => {
  const { counts } = await load("circuits");
  const circuit = (reached: boolean, empty: number) => ({ reached, empty_loss: reached ? empty : undefined });
  expect(counts({ circuits: [circuit(true, 0.7), circuit(true, 0.7)] }, 0.15)).toBe(true);
  expect(counts({ circuits: [circuit(true, 0.7), circuit(false, 0.7)] }, 0.15)).toBe(false);
  expect(counts({ circuits: [circuit(true, 0.1)] }, 0.15)).toBe(false);
});

test("the table beside the embedded model is that of the circuits and audits that lie there", async () => {
  const { reportCircuits } = await load("ship");
  const directory = new URL("../../models/default/circuits/", import.meta.url).pathname;
  expect(readFileSync(join(directory, "README.md"), "utf8")).toBe(await reportCircuits(directory));
});
