import type { Command } from "commander";
import { type Audit, auditCircuit } from "../circuits/audit.js";
import { plotAudit } from "../circuits/audit-plots.js";
import { formatAudit, summaryLine } from "../circuits/audit-report.js";
import type { FurtherModel } from "../circuits/audit-training-seeds.js";
import type { Circuit } from "../circuits/circuit.js";
import { requireModel } from "../circuits/circuit.js";
import type { Means } from "../circuits/means.js";
import { findMeans, meansOfCorpus, meansSequences } from "../circuits/means-file.js";
import { modelHash } from "../circuits/model-identity.js";
import { readCircuit } from "../circuits/read-circuit.js";
import { SPLIT_DEFAULTS } from "../circuits/task-splits.js";
import { TrialsDirectory } from "../circuits/trials.js";
import { referToCorpus } from "../corpus/reference.js";
import { SparseLensError } from "../errors.js";
import { replaceFile } from "../io/replace-file.js";
import { loadModel } from "../load-model.js";
import type { Model } from "../model.js";
import { addEngineOptions, type EngineOptions, modelSource, parseInteger } from "./arguments.js";
import { windowsOf } from "./circuit-arguments.js";
import { localFiles, withModel } from "./open.js";
import { openCorpusOf } from "./open-corpus.js";
import { print, printJson } from "./output.js";
import { ProgressLine } from "./progress-line.js";
import { readTask } from "./task-arguments.js";

interface Options extends EngineOptions {
  readonly model?: string;
  readonly task?: string;
  readonly corpus?: string;
  readonly means?: string;
  readonly out?: string;
  readonly draws: number;
  readonly interchangePairs: number;
  readonly trainPairs: number;
  readonly reportPairs: number;
  readonly selectPairs: number;
  readonly searches: number;
  readonly trials?: number;
  readonly models?: string[];
  readonly seed: number;
  readonly json?: boolean;
}

export function addAudit(program: Command, signal: AbortSignal): void {
  const positive = (text: string) => parseInteger(text, 1);
  const command = program
    .command("audit")
    .usage("CIRCUIT [options]")
    .description("Ask of a circuit what a sceptic would: is it sufficient, necessary, and no artefact?")
    .argument("<circuit>", "circuit file (.json)")
    .option("--model <model>", "the model that it was found in (default: as the circuit names it)")
    .option("--task <task>", "name or file (.jsonl) of its task (default: as the circuit names it)")
    .option("--corpus <directory>", "corpus of its means, from which values are resampled too")
    .option("--means <file>", "means of the nodes (default: the file beside the model)")
    .option(
      "-o, --out <directory>",
      "write audit.json, audit.md and its plots there; given again, it goes on",
    )
    .option("--draws <number>", "random node sets, and partial ablations", positive, 64)
    .option("--interchange-pairs <number>", "pairs whose sides exchange values, at most", positive, 64)
    .option(
      "--searches <number>",
      "further searches for the task; 0: neither controls nor stability",
      (text) => parseInteger(text, 0),
      3,
    )
    .option(
      "--trials <number>",
      "trainings of masks in each (default: as the circuit's own search)",
      positive,
    )
    .option(
      "--models <models>",
      "the same shape from other training seeds, with commas between them",
      (text) => text.split(",").map((one) => one.trim()),
    )
    .option("--train-pairs <number>", "pairs that masks are trained on", positive, SPLIT_DEFAULTS.trainPairs)
    .option("--select-pairs <number>", "pairs that nodes are chosen by", positive, SPLIT_DEFAULTS.selectPairs)
    .option("--report-pairs <number>", "held-out pairs", positive, SPLIT_DEFAULTS.reportPairs)
    .option("--seed <number>", "of whatever is drawn", (text) => parseInteger(text, 0), 0)
    .option("--json", "print one object: the audit");
  addEngineOptions(command)
    .addHelpText(
      "after",
      `
docs/circuits.md says what each criterion measures, and when it holds.

Examples:
  $ sparselens audit circuits/bracket_counting-0.15.json --corpus corpus --out audit
  $ sparselens audit circuits/bracket_counting-0.15.json --corpus corpus --models run1/model,run2/model`,
    )
    .action((path: string, options: Options) => run(path, options, signal));
}

async function run(path: string, options: Options, signal: AbortSignal): Promise<void> {
  const { corpus, out, json, draws, interchangePairs, searches, trials, seed } = options;
  const { trainPairs, selectPairs, reportPairs, threads, kernels } = options;
  const circuit = await readCircuit(path);
  const task = await taskOf(circuit, options, path);
  const argument = options.model ?? circuit.model.name;
  await withModel(argument, options, signal, async (model) => {
    const { config, source } = model;
    requireModel(circuit, { config, source, sha256: await modelHash(model) }, path);
    const line = new ProgressLine(!json);
    const models: FurtherModel[] = [];
    // Trainings of masks are kept, so that an audit that was killed goes on.
    const kept =
      out === undefined || searches === 0
        ? undefined
        : await TrialsDirectory.open(localFiles().join(out, "searches"), { of: "audits" });
    try {
      const means = await readMeans(model, circuit, options, line, signal);
      for (const name of options.models ?? []) {
        models.push(await openFurther(name, circuit, options, line, signal));
      }
      let criterion = "";
      const audit = await auditCircuit({
        ...{ model, circuit, task, means, draws, interchangePairs, seed, signal, location: path },
        ...{ searches, trials, models, store: kept },
        resampleFrom: corpus === undefined ? null : await windowsOf(corpus, config.block_size),
        splits: { trainPairs, selectPairs, reportPairs },
        randomModel: () =>
          loadModel(modelSource(argument), { threads, kernels, signal, shuffleWeights: seed }),
        meansFrom:
          corpus === undefined ? null : await meansSequences(model, await openCorpusOf(model, corpus)),
        onCriterion: (name, number, criteria) => {
          criterion = `${name} (${number} of ${criteria})`;
          line.show(criterion);
        },
        onStep: (what, done, total) => line.show(() => `${criterion}: ${what}, ${done} of ${total}`),
      });
      line.clear();
      if (out !== undefined) await writeAudit(out, audit);
      if (json) printJson(audit);
      else print(audit.criteria.map((criterion) => `${summaryLine(criterion)}\n`).join(""));
    } catch (error) {
      line.clear();
      if (error === signal.reason && kept && !json) {
        console.error("Interrupted. To go on, give the same command again.");
      }
      throw error;
    } finally {
      line.clear();
      await kept?.close();
      await Promise.all(models.map((further) => further.model.dispose()));
    }
  });
}

/** `audit.md` last: where it is, its plots are. */
async function writeAudit(out: string, audit: Audit): Promise<void> {
  const files = localFiles();
  await files.makeDirectory(out);
  await replaceFile(files, files.join(out, "audit.json"), `${JSON.stringify(audit, null, 1)}\n`);
  for (const { file, svg } of plotAudit(audit)) await replaceFile(files, files.join(out, file), svg);
  await replaceFile(files, files.join(out, "audit.md"), formatAudit(audit));
}

async function openFurther(
  name: string,
  circuit: Circuit,
  { corpus, threads, kernels }: Options,
  line: ProgressLine,
  signal: AbortSignal,
): Promise<FurtherModel> {
  const isMean = circuit.ablation !== "zero";
  if (isMean && corpus === undefined) {
    throw new SparseLensError("--models need the means of their own nodes: name the corpus with --corpus.");
  }
  const model = await loadModel(modelSource(name), { threads, kernels, signal });
  try {
    if (!isMean) return { name, model, means: null };
    const means = await meansOfCorpus(model, await openCorpusOf(model, corpus!), {
      signal,
      onProgress: ({ done, total }) => line.show(`means of ${name}: ${done} of ${total} documents`),
    });
    return { name, model, means };
  } catch (error) {
    await model.dispose();
    throw error;
  }
}

/** @throws SparseLensError when the circuit's task is none that is known by name */
async function taskOf({ task }: Circuit, { task: given }: Options, path: string) {
  try {
    return await readTask(given ?? task.name);
  } catch (error) {
    if (given !== undefined || !(error instanceof SparseLensError)) throw error;
    throw new SparseLensError(`${path}: ${error.message} Name the file of its pairs with --task.`);
  }
}

/** The circuit's means; of one that was found without, those of the corpus, if there is one. */
async function readMeans(
  model: Model,
  circuit: Circuit,
  { corpus: directory, means: path }: Options,
  line: ProgressLine,
  signal: AbortSignal,
): Promise<Means | null> {
  const { means: reference } = circuit;
  if (directory === undefined) {
    if (reference === null && path === undefined && circuit.ablation !== "mean") return null;
    return findMeans(model, reference ?? { source: "an unknown corpus", sha256: null, tokens: 0 }, path);
  }
  const corpus = await openCorpusOf(model, directory);
  const { sha256 } = referToCorpus(localFiles(), corpus.directory, corpus.manifest);
  if (reference && reference.sha256 !== null && reference.sha256 !== sha256) {
    throw new SparseLensError(
      `${directory} is not the corpus of the circuit's means (${reference.source}): name that with --corpus.`,
    );
  }
  return meansOfCorpus(model, corpus, {
    ...{ path, signal },
    onProgress: ({ done, total }) => line.show(`means of the nodes: ${done} of ${total} documents`),
  });
}
