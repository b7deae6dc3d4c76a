import type { Command } from "commander";
import { VALIDATION_DEFAULT, writeCorpus } from "../corpus/build.js";
import { type Corpus, openCorpus } from "../corpus/corpus.js";
import { MANIFEST } from "../corpus/manifest.js";
import type { KernelChoice } from "../engine/kernels.js";
import { SparseLensError } from "../errors.js";
import { readJsonObject } from "../io/byte-source.js";
import { planGrid, resolveGrid, trainGrid } from "../training/grid.js";
import { type ConfigLayers, PRESETS, resolveTrainingConfig } from "../training/presets.js";
import { TrainingDiverged, type TrainingSummary, train } from "../training/run.js";
import { holdsRun, readRunDescription } from "../training/run-directory.js";
import { addEngineOptions, parseInteger, repeatable } from "./arguments.js";
import { describeProgress } from "./corpus.js";
import { localFiles } from "./open.js";
import { version } from "./package.js";
import { ProgressLine } from "./progress-line.js";
import { JsonDisplay, JsonGridDisplay, TextDisplay, TextGridDisplay } from "./train-display.js";

interface Options {
  readonly out: string;
  readonly preset?: string;
  readonly config?: string;
  readonly set?: string[];
  readonly grid?: string[];
  readonly vocab: number;
  readonly resume?: boolean;
  readonly override?: boolean;
  readonly threads?: number;
  readonly kernels: KernelChoice;
  readonly json?: boolean;
}

export function addTrain(program: Command, signal: AbortSignal): void {
  const command = program
    .command("train")
    .description("Train a weight-sparse transformer on a corpus, or on text.")
    .argument(
      "[corpus...]",
      "a corpus; or folders, files or synthetic:COUNT, of which one is written in the run; none with --resume",
    )
    .requiredOption("-o, --out <directory>", "directory of the run: model, curve, samples, checkpoints")
    .option("--preset <name>", `${Object.keys(PRESETS).join(", ")} (default: default)`)
    .option("--config <file>", "JSON file with keys that differ from the preset; a run's config.json is one")
    .addOption(repeatable("--set <key=value>", "one key: --set density=1/16", (text) => text))
    .addOption(
      repeatable(
        "--grid <key=value,value>",
        "several runs, one for each value, in directories of their own; with more of it, for each combination",
        (text) => text,
      ).conflicts(["resume", "override"]),
    )
    .option(
      "--vocab <tokens>",
      "size of the tokenizer, where text is given",
      (text) => parseInteger(text, 257),
      1024,
    )
    .option("--resume", "go on with the run in the directory")
    .option("--override", "with --resume: take values that differ from those that the run began with");
  addEngineOptions(command)
    .option(
      "--json",
      "print JSON lines: each evaluation, samples, checkpoints, and the end; of a grid: each result",
    )
    .addHelpText(
      "after",
      `
docs/training.md explains the keys. Ctrl-C saves a checkpoint; so does the run
itself, every now and then: after a crash, --resume goes on from the last one.

Examples:
  $ sparselens train synthetic:20000 --preset nano --out run
  $ sparselens train src --set d_model=128 --set tokens=4000000 --out run
  $ sparselens train --resume --out run
  $ sparselens train corpus --grid d_model=128,256 --grid density=1/8,1/16 --out grid`,
    )
    .action(async (sources: string[], options: Options) => {
      if (sources.length === 0 && !options.resume) {
        command.error("error: name a corpus or text to train on, or add --resume");
      }
      if (options.grid) await runGrid(sources, options.grid, options, signal);
      else await run(sources, options, signal);
    });
}

const versions = { sparselens: version, node: process.version };

async function run(sources: readonly string[], options: Options, signal: AbortSignal): Promise<void> {
  const { out, threads, kernels, resume, override, json } = options;
  const display = json ? new JsonDisplay() : new TextDisplay();
  const config = await readLayers(options);
  let summary: TrainingSummary;
  let checkpoint: number | undefined;
  try {
    const check = (vocabularySize: number) => resolveTrainingConfig(config, vocabularySize);
    const corpus = await findCorpus(sources, check, options, signal);
    summary = await train({
      ...{ corpus, directory: out, config, resume, override, threads, kernels, signal },
      versions,
      onEvent: (event) => {
        if (event.type === "start" || event.type === "checkpoint") checkpoint = event.step;
        display.show(event);
      },
    });
  } catch (error) {
    display.clear();
    // Before a run has begun there is nothing to go on with.
    if (checkpoint === undefined) throw error;
    const lower =
      error instanceof TrainingDiverged ? ` --override --set learning_rate=${error.learningRate / 2}` : "";
    const advice = `To go on from step ${checkpoint}: sparselens train --resume --out ${out}${lower}`;
    if (error instanceof SparseLensError) {
      throw new SparseLensError(`${error.message}\n${advice}`, { cause: error });
    }
    if (error === signal.reason && !json) console.error(`Interrupted. ${advice}`);
    throw error;
  }
  display.end(summary);
}

async function runGrid(
  sources: readonly string[],
  grid: readonly string[],
  options: Options,
  signal: AbortSignal,
): Promise<void> {
  const { out, threads, kernels, json } = options;
  const config = await readLayers(options);
  const runs = planGrid(grid, config);
  const check = (vocabularySize: number) => resolveGrid(runs, vocabularySize);
  const corpus = await findCorpus(sources, check, options, signal);
  const display = json ? new JsonGridDisplay() : new TextGridDisplay(runs, out);
  try {
    const results = await trainGrid({
      ...{ corpus, directory: out, config, grid, threads, kernels, signal, versions },
      onEvent: (event) => display.show(event),
    });
    display.end(results);
  } catch (error) {
    display.clear();
    if (error === signal.reason && !json) {
      console.error("Interrupted. To go on, give the same command again.");
    }
    throw error;
  }
}

async function readLayers({ preset, config, set }: Options): Promise<ConfigLayers> {
  if (config === undefined) return { preset, set };
  const source = await localFiles().open(config);
  const content = await readJsonObject(source).finally(() => source.close());
  // That of a run holds more, and its vocabulary is that of its corpus.
  const ofRun = typeof content.config === "object" ? { ...content.config, vocab_size: undefined } : content;
  const json = Object.fromEntries(Object.entries(ofRun).filter(([, value]) => value !== undefined));
  return { preset, file: { json, location: config }, set };
}

async function findCorpus(
  sources: readonly string[],
  /** Whatever would end it should do so before there is a corpus. */
  check: (vocabularySize: number) => void,
  { out, vocab, resume, grid, json }: Options,
  signal: AbortSignal,
): Promise<Corpus> {
  const files = localFiles();
  const holdsCorpus = async (path: string) => (await files.kind(files.join(path, MANIFEST))) === "file";
  if (sources.length === 1 && (await holdsCorpus(sources[0]))) return await openCorpus(sources[0]);
  if (resume) return await openCorpus((await readRunDescription(out)).corpus.path);
  const directory = files.join(out, "corpus");
  const isThere = grid ? await holdsCorpus(directory) : await holdsRun(out);
  if (!isThere) {
    check(vocab);
    await writeText(sources, directory, vocab, json, signal);
  }
  return await openCorpus(directory);
}

/** Shares of the documents that are held out: the first that leaves any, for there may be few. */
const VALIDATION_SHARES = [VALIDATION_DEFAULT, 0.1, 0.5];

async function writeText(
  sources: readonly string[],
  directory: string,
  vocabularySize: number,
  json: boolean | undefined,
  signal: AbortSignal,
): Promise<void> {
  const line = new ProgressLine(!json);
  try {
    for (const validation of VALIDATION_SHARES) {
      const { splits } = await writeCorpus(directory, {
        ...{ sources, tokenizer: { vocabularySize }, validation, overwrite: true, signal },
        onProgress: (progress) => line.show(() => describeProgress(progress)),
      });
      if (splits.validation.documents > 0) return;
    }
  } finally {
    line.clear();
  }
}
