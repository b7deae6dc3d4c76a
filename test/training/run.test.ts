import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeCorpus } from "../../src/corpus/build.js";
import { type Corpus, openCorpus } from "../../src/corpus/corpus.js";
import { openCheckpoint } from "../../src/formats/checkpoint.js";
import { resolveSource } from "../../src/io/source.js";
import { PRESETS } from "../../src/training/presets.js";
import { type TrainingEvent, type TrainOptions, train } from "../../src/training/run.js";
import { type FakeBehaviour, fakeParts, notFinite } from "./fake-trainer.js";

const { learning_rate } = PRESETS.default;

const scratch = mkdtempSync(`${tmpdir()}/sparselens-run-`);
afterAll(() => rmSync(scratch, { recursive: true }));
let made = 0;
const newDirectory = () => `${scratch}/run-${made++}`;

async function writeSmallCorpus(name: string, documents: number): Promise<Corpus> {
  const source = `${scratch}/${name}-source`;
  mkdirSync(source);
  for (let i = 0; i < documents; i++) {
    writeFileSync(
      `${source}/${i}.py`,
      `def function_${i}(x):\n    value = x + ${i}\n    return value * ${i % 7}\n`,
    );
  }
  const directory = `${scratch}/${name}`;
  await writeCorpus(directory, { sources: [source], tokenizer: { vocabularySize: 290 }, validation: 0.2 });
  return await openCorpus(directory);
}

let corpus: Corpus;
let otherCorpus: Corpus;
beforeAll(async () => {
  corpus = await writeSmallCorpus("corpus", 60);
  otherCorpus = await writeSmallCorpus("other", 61);
});

// 24 steps.
const set = [
  ...["n_layer=1", "d_model=16", "d_head=8", "block_size=16", "batch_size=2", "tokens=768", "density=0.25"],
  ...["eval_every=8", "sample_every=12", "checkpoint_every=6", "eval_tasks=0"],
];

interface Run {
  readonly directory: string;
  readonly events: TrainingEvent[];
  readonly failure: Error | null;
}

async function run(
  directory: string,
  options: Partial<TrainOptions> = {},
  behaviour: FakeBehaviour = {},
): Promise<Run> {
  const events: TrainingEvent[] = [];
  const onEvent = (event: TrainingEvent) => void events.push(event);
  const all = { corpus, directory, config: { set }, versions: { sparselens: "1" }, onEvent, ...options };
  const failure = await train(all, fakeParts(behaviour)).then(
    () => null,
    (error) => error as Error,
  );
  return { directory, events, failure };
}

const lines = (directory: string, name = "progress.json") =>
  readFileSync(`${directory}/${name}`, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
const steps = (directory: string, name?: string) => lines(directory, name).map(({ step }) => step);
const hash = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");
const json = (path: string) => JSON.parse(readFileSync(path, "utf8"));

/** Ends a run at a step as a lost process would: nothing is written any more. */
const dieAt = (step: number): FakeBehaviour => ({
  beforeStep: (next) => {
    if (next === step) throw new Error("killed");
  },
});

/** What must not depend on interruptions: times do. */
function results(directory: string) {
  const untimed = lines(directory).map((line) => ({ ...line, training_seconds: 0, tokens_per_second: 0 }));
  const newest = readdirSync(`${directory}/checkpoints`).sort().at(-1)!;
  return {
    progress: untimed,
    samples: lines(directory, "samples.jsonl"),
    state: hash(`${directory}/checkpoints/${newest}/state.safetensors`),
    model: hash(`${directory}/model/model.safetensors`),
  };
}

describe("a run", () => {
  test("leaves a directory with all that it was and did", async () => {
    const { directory, events, failure } = await run(newDirectory());
    expect(failure).toBeNull();
    expect(readdirSync(directory).sort()).toEqual([
      ...["checkpoints", "config.json", "model", "progress.json", "samples.jsonl"],
    ]);
    expect(steps(directory)).toEqual([8, 16, 24]);
    expect(steps(directory, "samples.jsonl")).toEqual([12, 24]);
    expect(readdirSync(`${directory}/checkpoints`)).toEqual(["step-000018", "step-000024"]);

    const config = json(`${directory}/config.json`);
    expect(config).toMatchObject({ versions: { sparselens: "1" }, changes: [] });
    expect(config.config).toMatchObject({ d_model: 16, vocab_size: 290, density: 0.25, beta2: 0.95 });
    expect(config.corpus.training_tokens).toBe(corpus.manifest.splits.train.tokens);

    const [first, second] = lines(directory);
    expect(first).toMatchObject({ step: 8, tokens: 256, test_xent: 2.5, gradient_rms: 1e-3 });
    const mean = [1, 2, 3, 4, 5, 6, 7, 8].reduce((sum, step) => sum + 2 + 1 / step, 0) / 8;
    expect(first.train_xent).toBeCloseTo(mean, 10);
    expect(second.train_xent).toBeLessThan(first.train_xent);
    expect(first.tokens_per_second).toBeCloseTo(3200);
    expect(first["num_alive_neurons/c_fc/layer_0"]).toBe(64);

    expect(events[0]).toMatchObject({ type: "start", step: 0, steps: 24, kernels: "plain" });
    expect(events.filter(({ type }) => type === "checkpoint")).toHaveLength(4);
  });

  test("its model can be opened, with tokenizer and counted bigram table, while it goes on", async () => {
    const opened: string[] = [];
    const checks: Promise<void>[] = [];
    const onEvaluate = ({ model }: { model: string }) => {
      checks.push(
        (async () => {
          const checkpoint = await openCheckpoint(await resolveSource(model));
          opened.push(checkpoint.tensors.get("bigram_table")!.storedAs);
          expect(checkpoint.tokenizer).not.toBeNull();
          expect(checkpoint.config).toMatchObject({ d_model: 16, pfrac: 0.25, enable_bigram_table: true });
          await checkpoint.close();
        })(),
      );
    };
    expect((await run(newDirectory(), {}, { onEvaluate })).failure).toBeNull();
    await Promise.all(checks);
    expect(opened).toEqual(["counted", "counted", "counted", "counted"]);
  });

  test("L0 counts what is sparsified", async () => {
    const { directory } = await run(newDirectory());
    const { L0, L0_non_embed } = lines(directory)[0];
    const checkpoint = await openCheckpoint(await resolveSource(`${directory}/model`));
    let expected = 0;
    let embeddings = 0;
    for (const [name, tensor] of checkpoint.tensors) {
      // The positions are sinusoids, and frozen.
      if (/bigram|ln_|sink|wpe/.test(name)) continue;
      const nonzeros = (await tensor.readDense()).filter((value) => value !== 0).length;
      expected += nonzeros;
      if (/wte|lm_head/.test(name)) embeddings += nonzeros;
    }
    await checkpoint.close();
    // The model was written at the end, but has as many nonzeros at every step.
    expect({ L0, L0_non_embed }).toEqual({ L0: expected, L0_non_embed: expected - embeddings });
  });
});

describe("resuming", () => {
  test.each([1, 6, 7, 9, 17, 20, 24])("after a kill at step %i all is as without it", async (step) => {
    const whole = await run(newDirectory());
    const directory = newDirectory();
    expect((await run(directory, {}, dieAt(step))).failure?.message).toBe("killed");
    const { failure, events } = await run(directory, { resume: true });
    expect(failure).toBeNull();
    expect(events[0]).toMatchObject({ type: "start", step: Math.floor((step - 1) / 6) * 6 });
    expect(results(directory)).toEqual(results(whole.directory));
  });

  test("after a kill in the middle of writing", async () => {
    const whole = await run(newDirectory());
    const directory = newDirectory();
    await run(directory, {}, dieAt(14));
    // A line that is not whole, and beginnings of a checkpoint and of a model.
    writeFileSync(`${directory}/progress.json`, '{"step": 1', { flag: "a" });
    mkdirSync(`${directory}/checkpoints/step-000018.partial`);
    mkdirSync(`${directory}/model.partial-abc`);
    expect((await run(directory, { resume: true })).failure).toBeNull();
    expect(results(directory)).toEqual(results(whole.directory));
    expect(readdirSync(directory)).not.toContain("model.partial-abc");
  });

  test("an interruption saves a checkpoint, whenever it comes", async () => {
    const whole = await run(newDirectory());
    const directory = newDirectory();
    const reason = new Error("Ctrl-C");
    for (const stop of [5, 8, 13]) {
      const controller = new AbortController();
      const resume = existsSync(`${directory}/config.json`);
      const abort = () => controller.abort(reason);
      // At step 8, while it is being evaluated.
      const behaviour: FakeBehaviour =
        stop === 8
          ? {
              onEvaluate: () => {
                abort();
                throw reason;
              },
            }
          : { beforeStep: (step) => void (step === stop && abort()) };
      const { failure } = await run(directory, { resume, signal: controller.signal }, behaviour);
      expect(failure).toBe(reason);
      expect(readdirSync(`${directory}/checkpoints`).at(-1)).toBe(
        `step-0000${String(stop).padStart(2, "0")}`,
      );
    }
    expect((await run(directory, { resume: true })).failure).toBeNull();
    expect(results(directory)).toEqual(results(whole.directory));
  });

  test("a damaged checkpoint: goes on from the one before, and says so", async () => {
    const whole = await run(newDirectory());
    const directory = newDirectory();
    await run(directory, {}, dieAt(14));
    const path = `${directory}/checkpoints/step-000012/state.safetensors`;
    const bytes = readFileSync(path);
    bytes[bytes.length - 9] ^= 1;
    writeFileSync(path, bytes);
    const { failure, events } = await run(directory, { resume: true });
    expect(failure).toBeNull();
    expect(events[0]).toMatchObject({
      type: "warning",
      message: expect.stringMatching(/step-000012.*is damaged/),
    });
    expect(events[1]).toMatchObject({ type: "start", step: 6 });
    expect(results(directory)).toEqual(results(whole.directory));

    rmSync(`${directory}/checkpoints/step-000018/checkpoint.json`);
    writeFileSync(`${directory}/checkpoints/step-000024/state.safetensors`, "");
    expect((await run(directory, { resume: true })).failure?.message).toMatch(
      /holds no checkpoint that can be read/,
    );
  });

  test("a complete run has nothing left to do", async () => {
    const { directory } = await run(newDirectory());
    const before = results(directory);
    const evaluations: FakeBehaviour["evaluations"] = [];
    const { failure } = await run(directory, { resume: true }, { evaluations });
    expect(failure).toBeNull();
    expect(evaluations).toEqual([]);
    expect(results(directory)).toEqual(before);
  });

  test("refuses another corpus, but not the same one elsewhere", async () => {
    const directory = newDirectory();
    await run(directory, {}, dieAt(7));
    const { failure } = await run(directory, { resume: true, corpus: otherCorpus });
    expect(failure?.message).toMatch(
      /was trained on another corpus .*corpus as it was then.* Write that corpus again/,
    );
    cpSync(`${scratch}/corpus`, `${scratch}/moved`, { recursive: true });
    const moved = await openCorpus(`${scratch}/moved`);
    expect((await run(directory, { resume: true, corpus: moved })).failure).toBeNull();
  });

  test("with another configuration: names the keys", async () => {
    const directory = newDirectory();
    await run(directory, {}, dieAt(7));
    const resume = (...changed: string[]) => run(directory, { resume: true, config: { set: changed } });
    expect((await resume("n_layer=2", "seed=4")).failure?.message).toMatch(
      /"n_layer" is 1 there, not 2; "seed" is 0 there, not 4\. Leave them out, or begin another run/,
    );
    expect((await resume("learning_rate=0.001")).failure?.message).toMatch(
      new RegExp(
        `"learning_rate" is ${learning_rate} there, not 0.001\\. Leave these out, or go on with them by --override`,
      ),
    );
    expect((await resume("tokens=64")).failure?.message).toMatch('"tokens" is 768 there, not 64');
    // All that the run began with, as presets and flags said it.
    const again = { resume: true, config: { preset: "default", set } };
    expect((await run(directory, again, dieAt(8))).failure?.message).toBe("killed");
    const nano = { resume: true, config: { preset: "nano", set: ["d_model=32", ...set.slice(2)] } };
    expect((await run(directory, nano)).failure?.message).toMatch('"d_model" is 16 there, not 32');
  });

  test("with values that may change, which it writes down", async () => {
    const directory = newDirectory();
    await run(directory, {}, dieAt(7));
    const options = {
      resume: true,
      override: true,
      config: { set: ["learning_rate=0.001", "eval_every=12"] },
    };
    expect((await run(directory, options)).failure).toBeNull();
    const { config, changes } = json(`${directory}/config.json`);
    expect(config).toMatchObject({ learning_rate: 0.001, eval_every: 12 });
    expect(changes).toEqual([
      { step: 6, key: "learning_rate", from: learning_rate, to: 0.001 },
      { step: 6, key: "eval_every", from: 8, to: 12 },
    ]);
    expect(steps(directory)).toEqual([12, 24]);
  });
});

describe("what goes wrong", () => {
  test("a loss that is not finite: nothing is lost", async () => {
    const { directory, failure } = await run(newDirectory(), {}, notFinite(15));
    expect(failure?.message).toBe(
      "Step 15: the loss is NaN. Nothing is lost: the run can be resumed from its checkpoint of step 12.",
    );
    expect(readdirSync(`${directory}/checkpoints`)).toEqual(["step-000006", "step-000012"]);
    expect(steps(directory)).toEqual([8]);
  });

  test("a loss that stays too high ends the run, unless that is switched off", async () => {
    const long = [...set, "tokens=16000", "eval_every=0", "sample_every=0", "checkpoint_every=150"];
    const diverging = { loss: (step: number) => (step < 100 ? 2 : 9) };
    const { failure } = await run(newDirectory(), { config: { set: long } }, diverging);
    expect(failure?.message).toMatch(/^Step 4\d\d: training has diverged\. .* checkpoint of step 300\./);
    const off = { config: { set: [...long, "stop_on_divergence=false"] } };
    expect((await run(newDirectory(), off, diverging)).failure).toBeNull();
  });

  test("a run is in the way, or none is there", async () => {
    const directory = newDirectory();
    expect((await run(directory, { resume: true })).failure?.message).toMatch(/holds no run/);
    await run(directory, {}, dieAt(7));
    expect((await run(directory)).failure?.message).toMatch(/already holds a run: go on with it by --resume/);
    writeFileSync(`${scratch}/file`, "");
    expect((await run(`${scratch}/file`)).failure?.message).toMatch(/is a file/);
  });

  test("two at a time", async () => {
    const directory = newDirectory();
    const both = await Promise.all([run(directory), run(directory)]);
    const failures = both.map(({ failure }) => failure?.message ?? "none").sort();
    expect(failures[0]).toMatch(/Another process is training/);
    expect(failures[1]).toBe("none");
  });

  test("a corpus that is too small, or for another vocabulary", async () => {
    const large = { config: { set: ["block_size=100000", "tokens=10000000"] } };
    const directory = newDirectory();
    expect((await run(directory, large)).failure?.message).toMatch(
      /too few for a sequence of "block_size" 100000/,
    );
    expect((await run(directory, { config: { set: ["vocab_size=300"] } })).failure?.message).toMatch(
      '"vocab_size" is 300, but the tokenizer of the corpus has 290 tokens',
    );
    // Nothing is left that would be in the way.
    expect((await run(directory)).failure).toBeNull();
  });
});
