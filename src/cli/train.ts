import type { Command } from "commander";
import { VALIDATION_DEFAULT, writeCorpus } from "../corpus/build.js";
import { type Corpus, openCorpus } from "../corpus/corpus.js";
import { MANIFEST } from "../corpus/manifest.js";
import type { KernelChoice } from "../engine/kernels.js";
import { SparseLensError } from "../errors.js";
import { readJsonObject } from "../io/byte-source.js";
import { TASK_TARGET } from "../tasks/evaluate.js";
import { trainingConfigJson } from "../training/config.js";
import type { ProgressLine as CurveLine } from "../training/metrics.js";
import { type ConfigLayers, PRESETS, resolveTrainingConfig } from "../training/presets.js";
import { TrainingDiverged, type TrainingEvent, type TrainingSummary, train } from "../training/run.js";
import { holdsRun, readRunDescription } from "../training/run-directory.js";
import { addEngineOptions, parseInteger, repeatable } from "./arguments.js";
import { describeProgress } from "./corpus.js";
import { formatCount, formatPercent, formatRate, formatTable } from "./format.js";
import { localFiles } from "./open.js";
import { print, printJson } from "./output.js";
import { version } from "./package.js";
import { ProgressLine } from "./progress-line.js";

interface Options {
  readonly out: string;
  readonly preset?: string;
  readonly config?: string;
  readonly set?: string[];
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
    .option(
      "--vocab <tokens>",
      "size of the tokenizer, where text is given",
      (text) => parseInteger(text, 257),
      1024,
    )
    .option("--resume", "go on with the run in the directory")
    .option("--override", "with --resume: take values that differ from those that the run began with");
  addEngineOptions(command)
    .option("--json", "print JSON lines: each evaluation, samples, checkpoints, and the end")
    .addHelpText(
      "after",
      `
docs/training.md explains the keys. Ctrl-C saves a checkpoint; so does the run
itself, every now and then: after a crash, --resume goes on from the last one.

Examples:
  $ sparselens train synthetic:20000 --preset nano --out run
  $ sparselens train src --set d_model=128 --set tokens=4000000 --out run
  $ sparselens train --resume --out run`,
    )
    .action(async (sources: string[], options: Options) => {
      if (sources.length === 0 && !options.resume) {
        command.error("error: name a corpus or text to train on, or add --resume");
      }
      await run(sources, options, signal);
    });
}

async function run(sources: readonly string[], options: Options, signal: AbortSignal): Promise<void> {
  const { out, threads, kernels, resume, override, json } = options;
  const display = json ? new JsonDisplay() : new TextDisplay();
  const config = await readLayers(options);
  let summary: TrainingSummary;
  let checkpoint: number | undefined;
  try {
    const corpus = await findCorpus(sources, config, options, signal);
    summary = await train({
      ...{ corpus, directory: out, config, resume, override, threads, kernels, signal },
      versions: { sparselens: version, node: process.version },
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
  config: ConfigLayers,
  { out, vocab, resume, json }: Options,
  signal: AbortSignal,
): Promise<Corpus> {
  const files = localFiles();
  const holdsCorpus = async (path: string) => (await files.kind(files.join(path, MANIFEST))) === "file";
  if (sources.length === 1 && (await holdsCorpus(sources[0]))) return await openCorpus(sources[0]);
  if (resume) return await openCorpus((await readRunDescription(out)).corpus.path);
  const directory = files.join(out, "corpus");
  // Whatever would end it should do so before there is a corpus.
  if (!(await holdsRun(out))) {
    resolveTrainingConfig(config, vocab);
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

interface Display {
  show(event: TrainingEvent): void;
  clear(): void;
  end(summary: TrainingSummary): void;
}

class JsonDisplay implements Display {
  show(event: TrainingEvent): void {
    const { type, ...rest } = event;
    if (type === "progress" || type === "evaluating") return;
    if (event.type === "start") {
      printJson({ event: type, ...rest, config: trainingConfigJson(event.config) });
    } else if (event.type === "evaluation") printJson({ event: type, ...event.line });
    else printJson({ event: type, ...rest });
  }

  clear(): void {}

  end({ model, steps, last }: TrainingSummary): void {
    printJson({ event: "end", model, steps, last });
  }
}

/** The columns of an evaluation's line, and their widths. */
const COLUMNS: readonly (readonly [title: string, width: number, cell: (line: CurveLine) => string])[] = [
  ["step", 7, ({ step }) => formatCount(step)],
  ["tokens", 11, ({ tokens }) => formatCount(tokens)],
  ["train loss", 10, ({ train_xent }) => train_xent.toFixed(4)],
  ["val. loss", 9, ({ test_xent }) => test_xent.toFixed(4)],
  ["L0", 9, ({ L0 }) => formatCount(L0)],
  ["density", 7, ({ density }) => formatPercent(density)],
  ["tasks", 5, (line) => describeTasks(line)],
  ["accuracy", 8, ({ mean_task_accuracy: mean }) => (mean === undefined ? "" : formatPercent(mean))],
  ["tokens/s", 8, ({ tokens_per_second }) => formatCount(Math.round(tokens_per_second))],
  ["time", 9, ({ training_seconds }) => formatDuration(training_seconds)],
];

/** How many tasks reach the target, of those that the tokenizer can express. */
function describeTasks(line: CurveLine): string {
  const names = Object.keys(line).flatMap((key) => /^task_accuracy\/(.*)$/.exec(key)?.[1] ?? []);
  if (names.length === 0) return "";
  const reached = names.filter(
    (name) =>
      line[`task_accuracy/${name}`] >= TASK_TARGET.accuracy && line[`task_loss/${name}`] <= TASK_TARGET.loss,
  );
  return `${reached.length}/${names.length}`;
}

/** A line that is written over on stderr and a table on stdout, where these are terminals; at the end a summary. */
class TextDisplay implements Display {
  private readonly line = new ProgressLine(true);
  private readonly isTerminal = process.stdout.isTTY === true;
  private tasks = "";

  show(event: TrainingEvent): void {
    if (event.type === "progress") {
      const { step, steps, loss, density, tokens_per_second, seconds_left } = event;
      this.line.show(
        () =>
          `step ${formatCount(step)} of ${formatCount(steps)}, ${formatDuration(seconds_left)} left  loss ${loss.toFixed(3)}  L0 ${formatPercent(density)}${this.tasks}  ${formatRate(tokens_per_second)}`,
      );
      return;
    }
    if (event.type === "evaluating") {
      this.line.show(`step ${formatCount(event.step)}: evaluating`);
      return;
    }
    this.clear();
    if (event.type === "warning") console.error(event.message);
    if (event.type === "start" && this.isTerminal) {
      const { step, steps, threads, kernels } = event;
      const from = step > 0 ? `from step ${formatCount(step)} ` : "";
      print(`${from}to step ${formatCount(steps)}, ${kernels} kernels, threads: ${threads}\n\n`);
      print(`${COLUMNS.map(([title, width]) => title.padStart(width)).join("  ")}\n`);
    }
    if (event.type === "evaluation") {
      const tasks = describeTasks(event.line);
      this.tasks = tasks && `  tasks ${tasks}`;
      if (this.isTerminal) {
        print(`${COLUMNS.map(([, width, cell]) => cell(event.line).padStart(width)).join("  ")}\n`);
      }
    }
  }

  clear(): void {
    this.line.clear();
  }

  end({ model, steps, last }: TrainingSummary): void {
    this.clear();
    const tasks = describeTasks(last);
    const { accuracy, loss } = TASK_TARGET;
    const rows = [
      ["model", model],
      [
        "training",
        `${formatCount(steps)} steps, ${formatCount(last.tokens)} tokens, ${formatDuration(last.training_seconds)}`,
      ],
      ["validation", `cross-entropy ${last.test_xent.toFixed(4)} nat`],
      ["L0", `${formatCount(last.L0)} nonzero weights`],
      ...(tasks
        ? [
            [
              "tasks",
              `${tasks} with accuracy ≥ ${formatPercent(accuracy)} and loss ≤ ${loss} (on prompts for choosing by)`,
            ],
          ]
        : []),
      ["next", `sparselens eval ${model}`],
    ];
    print(`${this.isTerminal ? "\n" : ""}${formatTable(rows, "ll")}`);
  }
}

function formatDuration(seconds: number): string {
  if (seconds < 99.5) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
