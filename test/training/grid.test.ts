import {
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
import { SparseLensError } from "../../src/errors.js";
import { trainingSteps } from "../../src/training/config.js";
import {
  type GridEvent,
  type GridOptions,
  planGrid,
  resolveGrid,
  trainGrid,
} from "../../src/training/grid.js";
import { PRESETS } from "../../src/training/presets.js";
import { train } from "../../src/training/run.js";
import { type FakeBehaviour, fakeParts, notFinite } from "./fake-trainer.js";

const scratch = mkdtempSync(`${tmpdir()}/sparselens-grid-`);
afterAll(() => rmSync(scratch, { recursive: true }));
let made = 0;
const newDirectory = () => `${scratch}/grid-${made++}`;

async function writeSmallCorpus(name: string, documents: number): Promise<Corpus> {
  const source = `${scratch}/${name}-source`;
  mkdirSync(source);
  for (let i = 0; i < documents; i++) {
    writeFileSync(`${source}/${i}.py`, `def function_${i}(x):\n    return x * ${i % 7} + ${i}\n`);
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
  "positions=none",
  "d_pos_emb=null",
  ...[
    "n_layer=1",
    "d_head=8",
    "block_size=16",
    "batch_size=2",
    "tokens=768",
    "minimum_nonzeros=1",
    "density=0.5",
  ],
  ...["eval_every=8", "sample_every=0", "checkpoint_every=6", "eval_tasks=0"],
];
const grid = ["d_model=8,16", "density=1/2,0.25"];
const names = [
  ...["d_model=8,density=1-2", "d_model=8,density=0.25"],
  ...["d_model=16,density=1-2", "d_model=16,density=0.25"],
];

async function run(directory: string, options: Partial<GridOptions> = {}, behaviour: FakeBehaviour = {}) {
  const events: GridEvent[] = [];
  const onEvent = (event: GridEvent) => void events.push(event);
  const outcome = await trainGrid(
    { corpus, directory, grid, config: { set }, onEvent, ...options },
    fakeParts(behaviour),
  ).then(
    (results) => ({ results, failure: null }),
    (error: Error) => ({ results: [], failure: error }),
  );
  return { ...outcome, events };
}

const json = (path: string) => JSON.parse(readFileSync(path, "utf8"));
/** Runs that were trained, or gone on with, in order. */
const started = (events: readonly GridEvent[]) =>
  events.flatMap((event) => (event.type === "start" ? [event.step] : []));
const isNew = (events: readonly GridEvent[]) =>
  events.flatMap((event) => (event.type === "result" ? [event.isNew] : []));

/** In which run a step is, and which step of it; throws in one of them. */
function failAt(run: number, step: number, error: () => void): FakeBehaviour {
  let runs = 0;
  return {
    beforeStep(next) {
      if (next === 1) runs++;
      if (runs === run && next === step) error();
    },
  };
}

describe("a plan", () => {
  test("has all combinations, over the other layers", () => {
    const config = { preset: "nano", set: ["density=1/4", "seed=7"] };
    const runs = planGrid(["d_model=32, 64", "density=1/8,0.5,1"], config);
    expect(runs.map(({ name }) => name)).toEqual([
      ...["d_model=32,density=1-8", "d_model=32,density=0.5", "d_model=32,density=1"],
      ...["d_model=64,density=1-8", "d_model=64,density=0.5", "d_model=64,density=1"],
    ]);
    expect(runs[3]).toMatchObject({
      values: { d_model: 64, density: 0.125 },
      config: { preset: "nano", set: ["density=1/4", "seed=7", "d_model=64", "density=1/8"] },
    });
    expect(planGrid(["epsilon=1e-6", "afrac=null,0.25"], {}).map(({ values }) => values)).toEqual([
      { epsilon: 1e-6, afrac: null },
      { epsilon: 1e-6, afrac: 0.25 },
    ]);
  });

  test("the documented ladder is one", () => {
    const page = readFileSync(new URL("../../docs/training.md", import.meta.url), "utf8");
    const [, command] = /\n(sparselens train [^`]*--preset ladder[^`]*)```/.exec(page)!;
    const documented = [...command.matchAll(/--grid (\S+)/g)].map(([, axis]) => axis);
    const configs = resolveGrid(planGrid(documented, { preset: "ladder" }), 1024);
    expect(configs).toHaveLength(9);
    expect(new Set(configs.map(trainingSteps)).size).toBe(1);
  });

  test.each([
    [["d_model"], "--grid d_model: it must be key=value"],
    [["=3"], "--grid =3: it must be key=value"],
    [["width=3"], '--grid width=3: "width" is no key'],
    [["d_model=8,x"], '--grid d_model=x: "d_model" must be an integer from 1, not "x"'],
    [["d_model=8,"], '--grid d_model=: "d_model" must be'],
    [["density=1/8,0.5,0.125"], "density=0.125 is there twice"],
    [["d_model=8", "seed=1", "d_model=16"], '"d_model" is there twice'],
  ] as [string[], string][])("%j", (given, message) => {
    expect(() => planGrid(given, {})).toThrow(message);
  });
});

describe("a grid", () => {
  test("trains each run as if it were alone, and writes what became of it", async () => {
    const directory = newDirectory();
    const { results, failure, events } = await run(directory);
    expect(failure).toBeNull();
    expect(readdirSync(directory).sort()).toEqual([...names, "results.json", "results.md"].sort());
    expect(started(events)).toEqual([0, 0, 0, 0]);
    expect(results.map(({ run, status }) => [run, status])).toEqual(names.map((name) => [name, "finished"]));

    const alone = newDirectory();
    const config = { set: [...set, "d_model=16", "density=0.25"] };
    const { last } = await train({ corpus, directory: alone, config }, fakeParts());
    const inGrid = `${directory}/${names[3]}`;
    expect(json(`${inGrid}/config.json`)).toEqual(json(`${alone}/config.json`));
    expect(readFileSync(`${inGrid}/model/model.safetensors`)).toEqual(
      readFileSync(`${alone}/model/model.safetensors`),
    );

    // One layer: two biased maps of attention, two of the neurons; two tables and the bias of none.
    const [d, vocabulary] = [16, 290];
    const parameters = 12 * d * d + (3 + 1 + 4 + 1) * d + 2 * vocabulary * d;
    expect(results[3]).toEqual({
      ...{ run: names[3], values: { d_model: 16, density: 0.25 }, status: "finished", parameters },
      ...{ L0: last.L0, test_xent: 2.5, mean_task_accuracy: null, tasks_reached: null, tasks: null },
      training_seconds: last.training_seconds,
    });
    expect(json(`${directory}/results.json`)).toEqual({
      corpus: json(`${alone}/config.json`).corpus,
      runs: results,
    });
    const table = readFileSync(`${directory}/results.md`, "utf8").trimEnd().split("\n");
    expect(table).toHaveLength(6);
    expect(table[0]).toBe(
      "| d_model | density | parameters | nonzeros | val. loss | accuracy | tasks | seconds |",
    );
    expect(table[1]).toBe(`|${" ---: |".repeat(8)}`);
    expect(table[2]).toMatch(/^\| 8 \| 1\/2 \| [\d,]+ \| [\d,]+ \| 2\.5000 \| {2}\| {2}\| 0 \|$/);
  });

  test("given again: what has ended is not done again, what was interrupted goes on", async () => {
    const directory = newDirectory();
    const killed = failAt(2, 9, () => {
      throw new Error("killed");
    });
    expect((await run(directory, {}, killed)).failure?.message).toBe("killed");
    expect(json(`${directory}/results.json`).runs).toHaveLength(1);

    const interruption = new AbortController();
    const interrupt = failAt(1, 5, () => interruption.abort(new Error("interrupted")));
    // The second goes on from its checkpoint of step 6, so the first that begins is the third.
    const second = await run(directory, { signal: interruption.signal }, interrupt);
    expect(second.failure?.message).toBe("interrupted");
    expect(started(second.events)).toEqual([6, 0]);
    expect(isNew(second.events)).toEqual([false, true]);
    expect(json(`${directory}/results.json`).runs).toHaveLength(2);

    const third = await run(directory);
    expect(started(third.events)).toEqual([5, 0]);
    expect(isNew(third.events)).toEqual([false, false, true, true]);
    const fourth = await run(directory);
    expect(started(fourth.events)).toEqual([]);
    expect(isNew(fourth.events)).toEqual([false, false, false, false]);
    expect(fourth.results).toEqual(third.results);

    const whole = await run(newDirectory());
    const untimed = (results: typeof whole.results) =>
      results.map((result) => ({ ...result, training_seconds: 0 }));
    expect(untimed(fourth.results)).toEqual(untimed(whole.results));
  });

  test("goes on after a run that diverges, and does not try it again", async () => {
    const directory = newDirectory();
    let runs = 0;
    const { beforeStep } = notFinite(8);
    const diverging: FakeBehaviour = {
      beforeStep(step) {
        if (step === 1) runs++;
        if (runs === 2) beforeStep?.(step);
      },
    };
    const { results, failure } = await run(directory, {}, diverging);
    expect(failure).toBeNull();
    expect(results.map(({ status }) => status)).toEqual(["finished", "diverged", "finished", "finished"]);
    expect(results[1]).toMatchObject({ L0: null, test_xent: null, training_seconds: null });
    expect(results[1].problem).toMatch(/Step 8: the loss is NaN/);
    expect(readFileSync(`${directory}/results.md`, "utf8")).toMatch(
      /^\| 8 \| 0\.25 \| [\d,]+ \| {2}\| diverged \| {2}\| {2}\| {2}\|$/m,
    );
    const again = await run(directory);
    expect(started(again.events)).toEqual([]);
    expect(again.results).toEqual(results);
    // Whoever wants to removes it.
    rmSync(`${directory}/${names[1]}`, { recursive: true });
    const anew = await run(directory);
    expect(started(anew.events)).toEqual([0]);
    expect(anew.results[1].status).toBe("finished");
  });

  test("takes more values: only their runs are done", async () => {
    const directory = newDirectory();
    await run(directory, { grid: ["d_model=8", "density=0.25"] });
    const { events, results } = await run(directory, { grid: ["d_model=8,16", "density=0.25"] });
    expect(isNew(events)).toEqual([false, true]);
    expect(results).toHaveLength(2);
  });
});

describe("what cannot be trained", () => {
  test("a combination that is not allowed: nothing is begun", async () => {
    const directory = newDirectory();
    const { failure } = await run(directory, { grid: ["d_model=8,16", "density=0.5,0.001"] });
    expect(failure?.message).toMatch(/^d_model=8,density=0.001: .*"minimum_nonzeros" is 1/);
    expect(existsSync(directory)).toBe(false);
  });

  test("runs that began otherwise, or with another corpus", async () => {
    const directory = newDirectory();
    await run(directory, { grid: ["d_model=8"] });
    const before = readdirSync(directory);
    const other = { grid: ["d_model=16,8"], config: { set: [...set, "learning_rate=0.5", "eval_every=4"] } };
    const { failure } = await run(directory, other);
    expect(failure?.message).toBe(
      `${directory}/d_model=8 began with another configuration: "learning_rate" is ${PRESETS.default.learning_rate} there, not 0.5. Leave these out, or name another directory for the grid.`,
    );
    expect((await run(directory, { corpus: otherCorpus })).failure).toBeNull();
    const elsewhere = await run(directory, { corpus: otherCorpus, grid: ["d_model=8"] });
    expect(elsewhere.failure?.message).toMatch(/d_model=8 was trained on another corpus/);
    expect(readdirSync(directory)).toEqual(expect.arrayContaining(before));
  });

  test("a directory that holds a run", async () => {
    const directory = newDirectory();
    await train({ corpus, directory, config: { set: [...set, "d_model=8"] } }, fakeParts());
    expect((await run(directory)).failure?.message).toMatch(/holds a run of its own/);
  });

  test("a corpus that is too small for one of them", async () => {
    const directory = newDirectory();
    const config = { set: [...set, "tokens=10000000"] };
    const { failure } = await run(directory, { config, grid: ["d_model=8", "block_size=16,100000"] });
    expect(failure?.message).toMatch(/too few for a sequence of "block_size" 100000/);
    expect(existsSync(directory)).toBe(false);
  });

  test("what ends a run ends the grid; what was done is there", async () => {
    const directory = newDirectory();
    let evaluations = 0;
    const broken: FakeBehaviour = {
      onEvaluate() {
        // Three of each run.
        if (++evaluations === 8) throw new SparseLensError("The disk is full.");
      },
    };
    expect((await run(directory, {}, broken)).failure?.message).toBe("The disk is full.");
    expect(json(`${directory}/results.json`).runs).toHaveLength(2);
    expect((await run(directory)).results).toHaveLength(4);
  });
});
