import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { failure, output, run, scratchDirectory, start } from "./run.js";

const scratch = scratchDirectory();
const source = `${scratch}/source`;
mkdirSync(source);
for (let i = 0; i < 80; i++) {
  writeFileSync(`${source}/${i}.py`, `def function_${i}(x):\n    return x * ${i % 9} + ${i}\n`);
}

const shape = ["n_layer=1", "d_head=16", "d_mlp=32", "density=1/8", "minimum_nonzeros=1"];
const small = [
  ...shape,
  "block_size=32",
  "batch_size=2",
  "tokens=1280",
  "eval_tokens=64",
  "sample_every=0",
  "checkpoint_every=10",
];
const settings = ["eval_tasks=1", ...small].flatMap((setting) => ["--set", setting]);
const grid = ["--grid", "d_model=16,32", "--grid", "density=1/8,1"];
const names = [
  "d_model=16,density=1-8",
  "d_model=16,density=1",
  "d_model=32,density=1-8",
  "d_model=32,density=1",
];
const common = [...settings, ...grid, "--vocab", "280", "--kernels", "simd", "--threads", "1"];
const train = (out: string, ...more: string[]) => ["train", source, "--out", out, ...common, ...more];

const whole = `${scratch}/whole`;
let printed: string;
beforeAll(async () => {
  printed = await output(...train(whole));
});

test("a table of all runs, in a directory each beside their corpus", () => {
  expect(readdirSync(whole).sort()).toEqual([...names, "corpus", "results.json", "results.md"].sort());
  const { runs } = JSON.parse(readFileSync(`${whole}/results.json`, "utf8"));
  const [titles, ...rows] = printed.trimEnd().split("\n").slice(0, 5);
  expect(titles).toMatch(/^d_model +density +parameters +nonzeros +val\. loss +accuracy +tasks +seconds$/);
  rows.forEach((row, i) => {
    const cells = row.trim().split(/ {2,}/);
    const { L0, test_xent, tasks_reached, tasks, parameters } = runs[i];
    const values = [
      ["16", "1/8"],
      ["16", "1"],
      ["32", "1/8"],
      ["32", "1"],
    ][i];
    expect(cells.slice(0, 5)).toEqual([
      ...values,
      ...[parameters.toLocaleString("en-US"), L0.toLocaleString("en-US"), test_xent.toFixed(4)],
    ]);
    expect(cells[6]).toBe(`${tasks_reached}/${tasks}`);
    expect(L0 / parameters).toBeCloseTo(i % 2 ? 1 : 1 / 8, 1);
  });
  expect(printed).toMatch(/\n\nresults {2}.*\/whole\/results\.md\n$/);
});

test("--json: a result a line; interrupted, the same command goes on", async () => {
  const out = `${scratch}/interrupted`;
  const { child, ended } = start(...train(out, "--json"));
  child.stdout.on("data", () => child.kill("SIGINT"));
  const { code, stdout, stderr } = await ended;
  expect({ code, stderr }).toEqual({ code: 130, stderr: "" });
  const [first] = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(first).toMatchObject({ event: "result", run: names[0], values: { d_model: 16, density: 1 / 8 } });
  expect(existsSync(`${out}/${names[3]}`)).toBe(false);

  const lines = (await output(...train(out, "--json"))).trimEnd().split("\n");
  const untimed = (text: string) => ({ ...JSON.parse(text), training_seconds: 0 });
  const { runs } = JSON.parse(readFileSync(`${whole}/results.json`, "utf8"));
  expect(lines.map(untimed)).toEqual(
    runs.map((result: object) => ({ event: "result", ...result, training_seconds: 0 })),
  );
  expect(untimed(lines[0])).toEqual({ ...first, training_seconds: 0 });
});

test("without --json it says how to go on", async () => {
  const out = `${scratch}/told`;
  const { child, ended } = start(...train(out));
  const poll = setInterval(() => {
    if (!existsSync(`${out}/results.json`)) return;
    clearInterval(poll);
    child.kill("SIGINT");
  }, 5);
  expect(await ended).toEqual({
    ...{ code: 130, stdout: "" },
    stderr: "Interrupted. To go on, give the same command again.\n",
  });
});

test("a run that diverges is told, and the others are trained", async () => {
  const wild = ["--set", "epsilon=1e-30", "--set", "warmup=0.5", "--grid", "learning_rate=1e30,0.01"];
  const args = ["train", `${whole}/corpus`, "--out", `${scratch}/wild`, ...settings, "--set", "d_model=16"];
  const { code, stdout, stderr } = await run(...args, ...wild);
  expect(code).toBe(0);
  expect(stderr).toMatch(/^learning_rate=1e30: .* Lower the learning rate\. .*\n$/);
  expect(stdout).toMatch(/^ +1e30 +[\d,]+ +diverged$/m);
  expect(stdout).toMatch(/^ +0\.01 +[\d,]+ +[\d,]+ +\d\.\d{4} +/m);
});

test.each([
  [2, ["--resume"], "cannot be used with"],
  [1, ["--grid", "width=3"], '"width" is no key of a training configuration'],
  [1, ["--grid", "tokens=3"], "d_model=16,density=1-8,tokens=3: The training configuration"],
] as [number, string[], string][])("%i: %j", async (code, more, message) => {
  const out = `${scratch}/none`;
  expect(await failure(code, ...train(out, ...more))).toContain(message);
  expect(existsSync(out)).toBe(false);
});
