import { TASK_TARGET } from "../tasks/evaluate.js";
import { trainingConfigJson } from "../training/config.js";
import { type GridEvent, type GridResult, type GridRun, gridTable } from "../training/grid.js";
import { type ProgressLine as CurveLine, countReached } from "../training/metrics.js";
import type { TrainingEvent, TrainingSummary } from "../training/run.js";
import { formatCount, formatPercent, formatRate, formatTable } from "./format.js";
import { print, printJson } from "./output.js";
import { ProgressLine } from "./progress-line.js";

/** What a person, or a program, sees of a run. */
interface Display {
  show(event: TrainingEvent): void;
  clear(): void;
  end(summary: TrainingSummary): void;
}

/** An object a line. */
export class JsonDisplay implements Display {
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
  const counts = countReached(line);
  return counts ? `${counts.reached}/${counts.tasks}` : "";
}

/** A line that is written over on stderr and a table on stdout, where these are terminals; at the end a summary. */
export class TextDisplay implements Display {
  private readonly line = new ProgressLine(true);
  private readonly isTerminal = process.stdout.isTTY === true;
  private tasks = "";

  /** @param place where among several runs it is, as the line begins */
  constructor(private readonly place = "") {}

  show(event: TrainingEvent): void {
    if (event.type === "progress") {
      const { step, steps, loss, density, tokens_per_second, seconds_left } = event;
      this.line.show(
        () =>
          `${this.place}step ${formatCount(step)} of ${formatCount(steps)}, ${formatDuration(seconds_left)} left  loss ${loss.toFixed(3)}  L0 ${formatPercent(density)}${this.tasks}  ${formatRate(tokens_per_second)}`,
      );
      return;
    }
    if (event.type === "evaluating") {
      this.line.show(`${this.place}step ${formatCount(event.step)}: evaluating`);
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

/** What a person, or a program, sees of a grid. */
interface GridDisplay {
  show(event: GridEvent): void;
  clear(): void;
  end(results: readonly GridResult[]): void;
}

/** A result a line. */
export class JsonGridDisplay implements GridDisplay {
  show(event: GridEvent): void {
    if (event.type === "result") printJson({ event: event.type, ...event.result });
    if (event.type === "warning") printJson({ event: event.type, message: event.message });
  }

  clear(): void {}

  end(): void {}
}

/** Each run as if it were alone, but for what it says at its end; then the table of results. */
export class TextGridDisplay implements GridDisplay {
  private run = new TextDisplay();
  private readonly isTerminal = process.stdout.isTTY === true;

  constructor(
    private readonly runs: readonly GridRun[],
    private readonly directory: string,
  ) {}

  show(event: GridEvent): void {
    if (event.type === "run") {
      const { name, index, count } = event;
      this.run = new TextDisplay(`run ${index + 1} of ${count}, `);
      if (this.isTerminal) print(`${index > 0 ? "\n" : ""}${name} (${index + 1} of ${count}): `);
    } else if (event.type === "result") {
      this.clear();
      const { isNew, result } = event;
      if (!isNew && this.isTerminal) print(`${result.status} before\n`);
      if (isNew && result.problem) console.error(`${result.run}: ${result.problem}`);
    } else this.run.show(event);
  }

  clear(): void {
    this.run.clear();
  }

  end(results: readonly GridResult[]): void {
    this.clear();
    const table = gridTable(this.runs, results);
    print(`${this.isTerminal ? "\n" : ""}${formatTable(table, "r".repeat(table[0].length))}`);
    print(`\nresults  ${this.directory}/results.md\n`);
  }
}

function formatDuration(seconds: number): string {
  if (seconds < 99.5) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
