import type { Command } from "commander";
import { type Circuit, requireModel } from "../circuits/circuit.js";
import { edgesAsCsv, nodesAsCsv } from "../circuits/circuit-csv.js";
import { circuitAsDot } from "../circuits/circuit-dot.js";
import { writeCircuitFile } from "../circuits/circuit-file.js";
import { meansOfCorpus } from "../circuits/means-file.js";
import { modelHash } from "../circuits/model-identity.js";
import { readCircuit } from "../circuits/read-circuit.js";
import { vizDataFromCircuit } from "../circuits/viz-circuit.js";
import { spreadWindows } from "../corpus/sequences.js";
import { SparseLensError } from "../errors.js";
import { type VizData, writeVizData } from "../formats/viz-data.js";
import { replaceFile, replaceFileWith } from "../io/replace-file.js";
import type { Model } from "../model.js";
import { prepareTask, type TaskBatch } from "../tasks/batch.js";
import { addEngineOptions, type EngineOptions, parseInteger } from "./arguments.js";
import { CIRCUIT_ARGUMENT } from "./circuit-arguments.js";
import { formatBytes, formatCount, formatTable } from "./format.js";
import { localFiles, withModel } from "./open.js";
import { openCorpusOf } from "./open-corpus.js";
import { print, printJson } from "./output.js";
import { ProgressLine } from "./progress-line.js";
import { readTask } from "./task-arguments.js";

type Options = EngineOptions & {
  readonly model?: string;
  readonly corpus?: string;
  readonly task?: string;
  readonly pairs: number;
  readonly tokens: number;
  readonly json?: boolean;
};

export function addCircuitConvert(circuit: Command, signal: AbortSignal): void {
  const command = circuit
    .command("convert")
    .description("Write a circuit in another form, by the ending of OUT: .json, .pt, .csv or .dot.")
    .argument(...CIRCUIT_ARGUMENT)
    .argument(
      "<out>",
      ".json; .pt, what the released viewer opens; .csv, as OUT.nodes.csv and OUT.edges.csv; .dot",
    )
    .option(
      "--model <model>",
      "for .pt: the circuit's model; of a .pt that is read: what its model is called",
    )
    .option("--corpus <directory>", "for .pt: samples and means are taken from it")
    .option("--task <task>", "name or .jsonl file, where it is not the one that the circuit names")
    .option(
      "--pairs <number>",
      "for .pt: pairs of prompts that are shown",
      (text) => parseInteger(text, 1),
      16,
    )
    .option(
      "--tokens <number>",
      "for .pt: how much of the corpus is searched for samples",
      (text) => parseInteger(text, 1),
      200000,
    );
  addEngineOptions(command)
    .option("--json", "print one object: the files and their sizes")
    .addHelpText(
      "after",
      `
Examples:
  $ sparselens circuit convert circuit.json circuit.dot
  $ sparselens circuit convert circuit.json viz_data.pt --model default --corpus corpus
  $ sparselens circuit convert viz/csp_yolo2/bracket_counting_beeg/prune_v4/k_optim/viz_data.pt circuit.json`,
    )
    .action(async (path: string, out: string, options: Options) => {
      const ending = /\.[a-z]+$/.exec(out)?.[0] ?? "";
      if (![".json", ".pt", ".csv", ".dot"].includes(ending))
        command.error(`error: ${out}: the ending must be .json, .pt, .csv or .dot`);
      if (ending === ".pt" && (options.model === undefined || options.corpus === undefined))
        command.error("error: a .pt holds what the model computes: give --model and --corpus");
      const files = localFiles();
      const found = await readCircuit(path, ending === ".pt" ? {} : options);
      const written: string[] = [];
      if (ending === ".csv") {
        const base = out.slice(0, -ending.length);
        await replaceFile(files, `${base}.nodes.csv`, nodesAsCsv(found));
        await replaceFile(files, `${base}.edges.csv`, edgesAsCsv(found));
        written.push(`${base}.nodes.csv`, `${base}.edges.csv`);
      } else {
        if (ending === ".json") await writeCircuitFile(out, found);
        if (ending === ".dot") await replaceFile(files, out, circuitAsDot(found));
        if (ending === ".pt") {
          const data = await computeVizData(found, path, options, signal);
          await replaceFileWith(files, out, (sink) => writeVizData(sink, data));
        }
        written.push(out);
      }
      const sizes = await Promise.all(written.map(async (name) => [name, await files.size(name)] as const));
      if (options.json) {
        printJson({ nodes: found.nodes.length, edges: found.edges.length, files: Object.fromEntries(sizes) });
      } else {
        const rows = sizes.map(([name, bytes]) => [name, formatBytes(bytes)]);
        print(
          `${formatCount(found.nodes.length)} nodes, ${formatCount(found.edges.length)} edges\n${formatTable(rows, "lr")}`,
        );
      }
    });
}

async function computeVizData(
  found: Circuit,
  path: string,
  options: Options,
  signal: AbortSignal,
): Promise<VizData> {
  let data: VizData | undefined;
  await withModel(options.model!, options, signal, async (model) => {
    const { config, source } = model;
    requireModel(found, { config, source, sha256: await modelHash(model) }, path);
    const batch = await prepareBatch(model, options.task ?? found.task.name, options.pairs);
    const corpus = await openCorpusOf(model, options.corpus!);
    const line = new ProgressLine(!options.json);
    const show =
      (what: string) =>
      ({ done, total }: { readonly done: number; readonly total: number }) =>
        line.show(`${what}: ${formatCount(done)} of ${formatCount(total)}`);
    try {
      const means =
        found.ablation === "mean"
          ? await meansOfCorpus(model, corpus, { signal, onProgress: show("means: document") })
          : null;
      const text = await corpus.tokens("validation");
      const windows = spreadWindows(text.length, config.block_size, options.tokens);
      data = await vizDataFromCircuit(found, {
        ...{ model, means, batch, signal, onProgress: show("samples: window") },
        sequences: {
          length: windows.length,
          at: (index) => text.subarray(windows[index].start, windows[index].start + windows[index].length),
        },
      });
    } finally {
      line.clear();
    }
  });
  return data!;
}

/** Prompts of the select split, with which circuits are chosen. */
async function prepareBatch(
  { tokenizer, config, source }: Model,
  name: string,
  count: number,
): Promise<TaskBatch> {
  if (!tokenizer) throw new SparseLensError(`${source} came without a tokenizer: tasks are text.`);
  const task = await readTask(name);
  const batch = prepareTask(task, tokenizer, {
    ...{ split: "select", seed: 0, count, alignedOnly: true },
    ...{ maxTokens: config.block_size, vocabularySize: config.vocab_size },
  });
  if ("unavailable" in batch)
    throw new SparseLensError(`The task ${name} cannot be shown with ${source}: ${batch.unavailable}`);
  return batch;
}
