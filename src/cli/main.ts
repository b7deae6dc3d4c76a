import { Command, CommanderError } from "commander";
import { addAudit } from "./audit.js";
import { addBench } from "./bench.js";
import { addCircuit } from "./circuit.js";
import { addConvert } from "./convert.js";
import { addCorpus } from "./corpus.js";
import { addEval } from "./eval.js";
import { addExplore } from "./explore.js";
import { addExport } from "./export.js";
import { exitCodeOf, Interrupted, report } from "./failures.js";
import { addForward } from "./forward.js";
import { addGenerate } from "./generate.js";
import { addInfo } from "./info.js";
import { addIntervene } from "./intervene.js";
import { addNode } from "./node.js";
import { version } from "./package.js";
import { addPrune } from "./prune.js";
import { addStart } from "./start.js";
import { addTasks } from "./tasks.js";
import { addTokenize } from "./tokenize.js";
import { addTokenizer } from "./tokenizer.js";
import { addTrace } from "./trace.js";
import { addTrain } from "./train.js";

/** Runs a command line; the result is the exit code: 0, 1 for a failure, 2 for wrong usage, 130 after Ctrl-C. */
export async function main(argv: readonly string[]): Promise<number> {
  const interruption = new AbortController();
  const interrupt = (signal: NodeJS.Signals) => {
    const interrupted = new Interrupted(signal);
    // Whoever asks twice means it.
    if (interruption.signal.aborted) process.exit(interrupted.exitCode);
    interruption.abort(interrupted);
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // Whoever read the output has read enough.
    process.exit(error.code === "EPIPE" ? 0 : report(error));
  });
  process.on("uncaughtException", (error) => process.exit(report(error)));

  try {
    // Who says nothing wants to see something.
    const command = argv.length === 0 ? ["start"] : argv;
    await createProgram(interruption.signal).parseAsync(command, { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return exitCodeOf(error);
    if (interruption.signal.aborted) return (interruption.signal.reason as Interrupted).exitCode;
    return report(error);
  } finally {
    // What still runs must not keep the process from ending when asked to.
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}

function createProgram(signal: AbortSignal): Command {
  const program = new Command("sparselens")
    .description("Run, read and edit weight-sparse transformers at the cost of their nonzeros.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .usage("COMMAND MODEL [options]")
    .showHelpAfterError("(--help after the command shows how it is used)")
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .exitOverride()
    .addHelpText(
      "after",
      `
MODEL is a directory, a weights file, hf:owner/name (Hugging Face), blob:name
(the released blob store), or default, the small model of this package.

Examples:
  $ sparselens generate default --escapes --prompt "def add(a, b):\\n"
  $ sparselens info hf:openai/circuit-sparsity`,
    );
  // Those that are added inherit the settings above.
  for (const add of [
    addGenerate,
    addForward,
    addInfo,
    addConvert,
    addTokenize,
    addTokenizer,
    addCorpus,
    addEval,
    addTasks,
    addTrace,
    addNode,
    addCircuit,
    addTrain,
    addPrune,
    addAudit,
    addIntervene,
    addExplore,
    addExport,
    addBench,
    addStart,
  ])
    add(program, signal);
  return program;
}
