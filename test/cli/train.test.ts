import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { failure, json, output, run, scratchDirectory, start } from "./run.js";

const scratch = scratchDirectory();
const source = `${scratch}/source`;
mkdirSync(source);
for (let i = 0; i < 120; i++) {
  const name = ["value", "total", "item", "name"][i % 4];
  writeFileSync(
    `${source}/${i}.py`,
    `def function_${i}(${name}):\n    for x in ${name}:\n        print(x, ${i})\n    return ${name} + ${i % 9}\n`,
  );
}
const corpus = `${scratch}/corpus`;
beforeAll(async () => {
  await output("corpus", source, "--vocab", "300", "--validation", "0.1", "--out", corpus);
});

const steps = 60;
const settings = [
  ...["n_layer=1", "d_model=32", "d_head=16", "block_size=32"],
  ...["batch_size=4", `tokens=${steps * 128}`, "density=1/8"],
  ...["eval_every=20", "eval_tokens=512", "eval_tasks=0", "sample_every=0", "checkpoint_every=10"],
].flatMap((setting) => ["--set", setting]);
const kernels = ["--kernels", "simd"];
const train = (out: string, ...more: string[]) => [
  "train",
  corpus,
  "--out",
  out,
  ...settings,
  ...kernels,
  ...more,
];

const hash = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");
const events = (stdout: string) =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

/** All that a run computed. */
function results(out: string) {
  const progress = readFileSync(`${out}/progress.json`, "utf8").trimEnd().split("\n");
  return {
    state: hash(`${out}/checkpoints/step-0000${steps}/state.safetensors`),
    model: hash(`${out}/model/model.safetensors`),
    progress: progress.map((line) => ({ ...JSON.parse(line), training_seconds: 0, tokens_per_second: 0 })),
    samples: readFileSync(`${out}/samples.jsonl`, "utf8"),
  };
}

const whole = `${scratch}/whole`;
let stdout: string;
beforeAll(async () => {
  const result = await run(...train(whole, "--threads", "1", "--json"));
  expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: "" });
  stdout = result.stdout;
});

test("--json: an event a line", () => {
  const all = events(stdout);
  expect(all.map(({ event }) => event)).toEqual([
    ...[
      "start",
      "checkpoint",
      "evaluation",
      "checkpoint",
      "checkpoint",
      "evaluation",
      "checkpoint",
      "checkpoint",
    ],
    ...["evaluation", "samples", "checkpoint", "end"],
  ]);
  expect(all[0]).toMatchObject({
    step: 0,
    steps,
    threads: 1,
    kernels: "simd",
    config: { d_model: 32, vocab_size: 300 },
  });
  const { model, last } = all.at(-1);
  expect(model).toBe(`${whole}/model`);
  expect(last).toEqual(
    JSON.parse(readFileSync(`${whole}/progress.json`, "utf8").trimEnd().split("\n").at(-1)!),
  );
  // Better than the counts that it began with.
  expect(last.train_xent).toBeLessThan(all.find(({ event }) => event === "evaluation").train_xent);
  expect(last.density).toBe(1 / 8);
});

test("the model is one for every other command", async () => {
  const model = `${whole}/model`;
  const info = await json("info", model);
  expect(info).toMatchObject({ layout: "sparselens", problem: null, tokenizer: { vocabularySize: 300 } });
  const c_fc = info.tensors.find(({ name }: { name: string }) => name === "transformer.h.0.mlp.c_fc.weight");
  // It reads the residual stream and the positions.
  expect(c_fc.nonzeros).toBe((128 * (32 + 32)) / 8);
  const generated = await json("generate", model, "--prompt", "def ", "--max-new-tokens", "5");
  expect(generated.tokens).toHaveLength(5);
  const evaluated = await json(
    "eval",
    model,
    "--corpus",
    corpus,
    "--corpus-tokens",
    "512",
    "--sequences",
    "documents",
    "--tasks",
    "for_while",
    ...kernels,
  );
  const { test_xent } = events(stdout).at(-1).last;
  expect(evaluated.corpus.loss).toBeCloseTo(test_xent, 6);
});

test("the number of threads changes nothing", async () => {
  const out = `${scratch}/two-threads`;
  const result = await run(...train(out, "--threads", "2"));
  expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: "" });
  expect(result.stdout).toMatch(/^model +.*two-threads\/model\ntraining +60 steps, 7,116 tokens, /);
  expect(results(out)).toEqual(results(whole));
});

describe("ending early", () => {
  /** Ends a run with a signal once it has said that its checkpoint of a step is there. */
  async function interrupt(signal: NodeJS.Signals, step: number, ...args: string[]) {
    const { child, ended } = start(...args, "--json");
    let seen = "";
    child.stdout.on("data", (text: string) => {
      seen += text;
      if (seen.includes(`{"event":"checkpoint","step":${step}}`)) child.kill(signal);
    });
    return await ended;
  }

  test("a kill, then --resume: bit for bit as without it", async () => {
    const out = `${scratch}/killed`;
    const killed = await interrupt("SIGKILL", 20, ...train(out));
    expect(killed.code).toBeNull();
    const result = await run("train", "--resume", "--out", out, "--json");
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: "" });
    // With the kernels of before, and from the last checkpoint.
    const { step, kernels: used } = events(result.stdout)[0];
    expect(used).toBe("simd");
    expect(step).toBeGreaterThanOrEqual(20);
    expect(step).toBeLessThan(steps);
    expect(results(out)).toEqual(results(whole));
  });

  test("Ctrl-C saves a checkpoint and says how to go on", async () => {
    const out = `${scratch}/interrupted`;
    const { child, ended } = start(...train(out));
    const poll = setInterval(() => {
      if (!existsSync(`${out}/checkpoints/step-000010`)) return;
      clearInterval(poll);
      child.kill("SIGINT");
    }, 5);
    const { code, stdout, stderr } = await ended;
    expect({ code, stdout }).toEqual({ code: 130, stdout: "" });
    const newest = Number(readdirSync(`${out}/checkpoints`).sort().at(-1)!.slice("step-".length));
    expect(stderr).toBe(
      `Interrupted. To go on from step ${newest}: sparselens train --resume --out ${out}\n`,
    );
    expect(await output(...train(out, "--resume"))).toMatch(/^model +/);
    expect(results(out)).toEqual(results(whole));
  });

  test("with --json, too", async () => {
    const { code, stderr } = await interrupt("SIGINT", 10, ...train(`${scratch}/interrupted-json`));
    expect({ code, stderr }).toEqual({ code: 130, stderr: "" });
  });
});

test("from text, with a configuration from a file", async () => {
  const out = `${scratch}/from-text`;
  const config = `${scratch}/config.json`;
  writeFileSync(
    config,
    JSON.stringify({ n_layer: 1, d_model: 32, d_head: 16, block_size: 32, batch_size: 2, tokens: 640 }),
  );
  const small = ["--set", "eval_tasks=2", "--set", "density=1/16", "--vocab", "280"];
  const text = await output("train", source, "--config", config, ...small, "--out", out);
  expect(text).toMatch(/^tasks +\d+\/\d+ with accuracy ≥ 97 % and loss ≤ 0.1/m);
  expect(readdirSync(`${out}/corpus`)).toContain("manifest.json");
  // A run's own configuration, for another corpus.
  const again = `${scratch}/again`;
  await output("train", corpus, "--config", `${out}/config.json`, "--set", "eval_tasks=0", "--out", again);
  const described = JSON.parse(readFileSync(`${again}/config.json`, "utf8")).config;
  expect(described).toMatchObject({ d_model: 32, density: 1 / 16, vocab_size: 300 });
});

describe("what cannot be trained", () => {
  const out = `${scratch}/none`;
  test.each([
    [2, ["train", "--out", out], "name a corpus or text to train on"],
    [1, ["train", corpus, "--out", out, "--preset", "huge"], 'There is no preset "huge"'],
    [1, ["train", corpus, "--out", out, "--set", "denisty=1"], 'did you mean "density"?'],
    [1, ["train", `${scratch}/absent`, "--out", out], "There is no file or folder"],
    [1, ["train", source, "--out", out, "--set", "density=0.001"], '"minimum_nonzeros" is 2'],
    [
      1,
      ["train", corpus, "--out", out, "--set", "vocab_size=1024"],
      "the tokenizer of the corpus has 300 tokens",
    ],
    [1, ["train", corpus, "--out", out, "--config", `${scratch}/absent.json`], "it does not exist"],
    [1, ["train", "--resume", "--out", out], "holds no run"],
  ] as [number, string[], string][])("%i: %j", async (code, args, message) => {
    expect(await failure(code, ...args)).toContain(message);
    expect(existsSync(out)).toBe(false);
  });

  test("a run that is there already, or began otherwise", async () => {
    expect(await failure(1, ...train(whole))).toContain("already holds a run: go on with it by --resume");
    expect(await failure(1, ...train(whole, "--resume", "--set", "batch_size=8"))).toContain(
      '"batch_size" is 4 there, not 8',
    );
  });

  test("a learning rate that is too high: says where it ended and how to go on", async () => {
    const wild = `${scratch}/wild`;
    const message = await failure(
      1,
      ...train(wild, "--set", "learning_rate=1e30", "--set", "epsilon=1e-30", "--set", "warmup=0.5"),
    );
    expect(message).toMatch(/^error: .*step \d+ is .* Nothing is lost: the run has no checkpoint yet/);
    expect(message).toContain(
      `To go on from step 0: sparselens train --resume --out ${wild} --override --set learning_rate=5e+29\n`,
    );
    const tame = ["--override", "--set", "learning_rate=0.01", "--set", "epsilon=0.1"];
    expect(await output("train", "--resume", "--out", wild, ...tame)).toMatch(/^training +60 steps/m);
  });
});
