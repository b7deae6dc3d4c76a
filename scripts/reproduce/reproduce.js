// Reproduces figures of the paper on models of one's own, and keeps what was measured in a directory: given again, it goes
// on. docs/reproduction.md explains each step.
//
//   npm run reproduce -- STEP[,STEP…] --out DIR [--sparse MODEL] [--dense MODEL] [--ladder DIR] [--corpus DIR] …
import { parseArgs } from "node:util";
import { findTask, openCorpus, SparseLensError, tasks } from "../../dist/node/index.js";
import { RunDirectory } from "./run-directory.js";
import { trialCount } from "./search.js";

/** Each in a file of its own. `all` are those that only measure. */
const STEPS = {
  circuits: "./circuits.js",
  attribution: "./attribution.js",
  necessity: "./necessity.js",
  frontier: "./frontier.js",
  predict: "./predict-brackets.js",
  measure: "./measure-brackets.js",
  ship: "./ship.js",
};
const ALL = ["circuits", "attribution", "necessity", "frontier"];
/** The issue of a search is no better than the searches it was chosen among are many. */
const MOST_TRIALS = 16;

const text = (value) => ({ type: "string", default: value });
const USAGE = `usage: npm run reproduce -- STEP[,STEP…] --out DIR [options]

steps: ${Object.keys(STEPS).join(", ")}; all: ${ALL.join(", ")}
docs/reproduction.md explains them, and the options.

  $ npm run reproduce -- all --sparse models/default --dense models/default-dense --ladder ladder \\
      --corpus corpus --out reproduction`;

const { positionals, values } = readArguments({
  allowPositionals: true,
  options: {
    ...{ out: text(), sparse: text(), dense: text(), ladder: text(), corpus: text(), tasks: text("all") },
    ...{ target: text("0.15"), "k-coef": text("2e-4,6e-4,2e-3,6e-3") },
    ...{ seeds: text("3"), steps: text("64"), "batch-pairs": text("16"), "learning-rate": text("2e-2") },
    ...{ "train-pairs": text("512"), "select-pairs": text("128"), "report-pairs": text("256") },
    ...{ "means-tokens": text("262144"), "loss-tokens": text("524288") },
    ...{ draws: text("64"), workers: text("2"), kernels: text("auto"), prediction: text(), name: text() },
    audit: text(""),
    "no-removal": { type: "boolean", default: false },
    "no-edge-pruning": { type: "boolean", default: false },
    "no-calibration": { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

const steps = positionals.flatMap((name) => (name === "all" ? ALL : name.split(",")));
const unknown = steps.find((step) => !Object.hasOwn(STEPS, step));
if (values.help || steps.length === 0 || unknown !== undefined || !values.out) {
  if (unknown !== undefined) console.error(`There is no step ${unknown}.`);
  console.error(USAGE);
  process.exit(values.help ? 0 : 2);
}

try {
  const run = new RunDirectory(values.out);
  const settings = readSettings();
  const {
    workers: _,
    prediction: _where,
    name: _name,
    draws: _draws,
    audit: _audit,
    ...described
  } = settings;
  await run.describe("settings.json", described);
  const context = { run, settings, tasks: readTasks(), paths: await readPaths(run) };
  for (const step of steps) {
    const { default: work } = await import(STEPS[step]);
    await work({ ...context, corpus: await openCorpus(required(context.paths, "corpus")) });
  }
  process.exit(0);
} catch (error) {
  // What it says is meant for people; anything else is a fault of these scripts.
  if (!(error instanceof SparseLensError) && error.constructor !== Error) throw error;
  console.error(`error: ${error.message}`);
  process.exit(1);
}

function readArguments(config) {
  try {
    return parseArgs(config);
  } catch (error) {
    console.error(`error: ${error.message}\n\n${USAGE}`);
    process.exit(2);
  }
}

function readSettings() {
  const integer = (key) => number(key, Number.isInteger);
  const number = (key, fits = () => true) => {
    const value = Number(values[key]);
    // Without seeds of its own a circuit is the best of the sweep.
    if (!(value > 0 || (key === "seeds" && value === 0)) || !fits(value))
      throw new Error(`--${key} ${values[key]}: it must be a positive number.`);
    return value;
  };
  const kCoefs = values["k-coef"].split(",").map(Number);
  if (!kCoefs.every((value) => value > 0)) throw new Error(`--k-coef: numbers with commas between them.`);
  const settings = {
    ...{ target: number("target"), kCoefs, seeds: integer("seeds"), steps: integer("steps") },
    ...{ batchPairs: integer("batch-pairs"), learningRate: number("learning-rate") },
    ...{ trainPairs: integer("train-pairs"), selectPairs: integer("select-pairs") },
    ...{ reportPairs: integer("report-pairs"), removal: !values["no-removal"] },
    edgePruning: !values["no-removal"] && !values["no-edge-pruning"],
    calibration: !values["no-calibration"],
    ...{ meansTokens: integer("means-tokens"), lossTokens: integer("loss-tokens") },
    ...{ kernels: values.kernels, workers: integer("workers"), draws: integer("draws") },
    ...{ prediction: values.prediction, name: values.name, audit: values.audit },
  };
  if (trialCount(settings) > MOST_TRIALS) {
    throw new Error(
      `${kCoefs.length} values of k_coef and ${settings.seeds} seeds are ${trialCount(settings)} searches for each task; at most ${MOST_TRIALS} are fair.`,
    );
  }
  return settings;
}

function readTasks() {
  return values.tasks === "all" ? tasks : values.tasks.split(",").map(findTask);
}

/** Models and corpus need naming once: the directory remembers them. */
async function readPaths(run) {
  const before = run.has("paths.json") ? await run.read("paths.json") : {};
  const { sparse, dense, ladder, corpus } = values;
  const given = Object.fromEntries(
    Object.entries({ sparse, dense, ladder, corpus }).filter(([, path]) => path !== undefined),
  );
  const paths = { ...before, ...given };
  await run.writeJson("paths.json", paths);
  return paths;
}

function required(paths, key) {
  if (paths[key] === undefined) throw new Error(`This step needs --${key}.`);
  return paths[key];
}
