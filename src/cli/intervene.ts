import { type Command, Option } from "commander";
import { channelsOf, EXCHANGE_POSITIONS, type ExchangePositions } from "../circuits/exchange.js";
import { type IntervenedScore, type InterventionEffect, intervene } from "../circuits/intervene.js";
import { SparseLensError } from "../errors.js";
import { parseAblations } from "../model/nodes.js";
import { prepareTask } from "../tasks/batch.js";
import { type Split, TEMPLATE_SETS, type TemplateSet } from "../tasks/task.js";
import {
  ablationOption,
  addEngineOptions,
  type EngineOptions,
  MODEL_ARGUMENT,
  parseInteger,
  repeatable,
} from "./arguments.js";
import { addCircuitOptions, type CircuitFlags, readCircuitAblation } from "./circuit-arguments.js";
import { formatPercent, formatTable } from "./format.js";
import { withModel } from "./open.js";
import { print, printJson } from "./output.js";
import { readTask, splitOption } from "./task-arguments.js";

type Options = EngineOptions &
  CircuitFlags & {
    readonly task: string;
    readonly ablate?: string[];
    readonly exchange?: string[];
    readonly at: ExchangePositions;
    readonly pairs: number;
    readonly split: Split;
    readonly templates: TemplateSet;
    readonly seed: number;
    readonly json?: boolean;
  };

export function addIntervene(program: Command, signal: AbortSignal): void {
  const command = program
    .command("intervene")
    .description("Measure a task before and after an intervention.")
    .argument(...MODEL_ARGUMENT)
    .requiredOption("--task <task>", "name, or file of pairs (.jsonl)")
    .addOption(ablationOption())
    .addOption(
      repeatable(
        "--exchange <nodes>",
        "nodes that take the values of the other prompt of the pair: 0.attn.resid_delta:7, 1.attn.y:16-31",
        (text) => text,
      ),
    )
    .addOption(
      new Option("--at <positions>", "where they do: differing are the tokens that tell the prompts apart")
        .choices(EXCHANGE_POSITIONS)
        .default("all"),
    )
    .option("--pairs <number>", "pairs of prompts", (text) => parseInteger(text, 1), 64)
    .addOption(splitOption("report"))
    .addOption(new Option("--templates <set>", "of the prompts").choices(TEMPLATE_SETS).default("standard"))
    .option("--seed <number>", "seed of the pairs", (text) => parseInteger(text, 0), 0);
  addCircuitOptions(command, { canFreeze: true });
  addEngineOptions(command)
    .option("--json", "print one object")
    .addHelpText(
      "after",
      `
What is left of the difference between the two sides of a pair: 1 where nothing changes, 0 where both are answered alike, -1
where they have changed places.

Examples:
  $ sparselens intervene default --task single_double_quote --exchange 0.attn.resid_delta:7
  $ sparselens intervene default --task single_double_quote --circuit quote.json --exchange 1.attn.v:16-31 --at differing`,
    )
    .action((source: string, options: Options) => run(source, options, signal));
}

async function run(source: string, options: Options, signal: AbortSignal): Promise<void> {
  const { ablate, exchange, at, pairs, split, templates, seed, json } = options;
  if (!ablate && !exchange) {
    throw new SparseLensError("Say what is done: name nodes with --ablate or --exchange.");
  }
  const task = await readTask(options.task);
  await withModel(source, options, signal, async (model) => {
    const { tokenizer, config, description } = model;
    if (!tokenizer) throw new SparseLensError(`${model.source} came without a tokenizer: tasks are text.`);
    const batch = prepareTask(task, tokenizer, {
      ...{ split, templates, seed, count: pairs, maxTokens: config.block_size },
      ...{ vocabularySize: config.vocab_size, alignedOnly: at === "differing" },
    });
    if ("unavailable" in batch) {
      throw new SparseLensError(`The task ${task.name} is not for ${model.source}: ${batch.unavailable}`);
    }
    const effect = await intervene({
      ...{ model, batch, signal, ablation: await readCircuitAblation(model, options) },
      constants: ablate && parseAblations(ablate),
      exchanged: exchange && { channels: channelsOf(exchange, description.hookPoints), at },
    });
    if (json) printJson({ model: model.source, task: task.name, split, templates, seed, ...effect });
    else print(asText(task.name, effect));
  });
}

function asText(task: string, { pairs, before, after, differenceLeft }: InterventionEffect): string {
  const row = (name: string, { loss, accuracy, margins }: IntervenedScore) => [
    ...[name, loss.toFixed(4), formatPercent(accuracy)],
    ...margins.map((margin) => `${margin < 0 ? "" : "+"}${margin.toFixed(2)}`),
  ];
  const titles = ["", "loss", "accuracy", "margin, 1st prompts", "2nd prompts"];
  const rows = formatTable([titles, row("before", before), row("after", after)], "lrrrr");
  return `${task}, ${pairs} pairs\n\n${rows}\nleft of the difference between the sides: ${differenceLeft.toFixed(3)}\n`;
}
