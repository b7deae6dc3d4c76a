import type { Command } from "commander";
import type { Checkpoint } from "../formats/checkpoint.js";
import type { ResolvedSource } from "../io/source.js";
import { readTokenizer } from "../load-model.js";
import type { ModelConfig } from "../model/config.js";
import { MODEL_ARGUMENT } from "./arguments.js";
import { formatBytes, formatCount, formatPercent, formatShape, formatTable } from "./format.js";
import { type CheckpointReport, inspectTensors, readArchitecture, unusualKeys } from "./inspect.js";
import { localFiles, withCheckpoint } from "./open.js";
import { print, printJson } from "./output.js";
import { ProgressLine } from "./progress-line.js";

const LAYOUT_NAMES = {
  sparselens: "SparseLens model directory",
  huggingface: "Hugging Face snapshot",
  blob: "blob store layout",
};

export function addInfo(program: Command, signal: AbortSignal): void {
  program
    .command("info")
    .description("Show a model's architecture, parameters, and the nonzeros of each tensor.")
    .argument(...MODEL_ARGUMENT)
    .option("--json", "print one object")
    .addHelpText(
      "after",
      `
Example:
  $ sparselens info default`,
    )
    .action(async (argument: string, options: { json?: boolean }) => {
      await withCheckpoint(argument, options, signal, async (checkpoint, source) => {
        const line = new ProgressLine(!options.json);
        const report = await inspectTensors(checkpoint, (done, total) =>
          line.show(`counting nonzeros: ${done} of ${total} tensors`),
        ).finally(() => line.clear());
        const files = await fileSizes(source);
        if (options.json) printJson(asJson(checkpoint, report, files));
        else print(asText(checkpoint, report, files));
      });
    });
}

/** Bytes of each file, by base name. */
async function fileSizes({ files }: ResolvedSource): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for (const [name, location] of Object.entries(files)) {
    if ("path" in location) sizes.set(name, await localFiles().size(location.path));
  }
  return sizes;
}

function asJson(
  checkpoint: Checkpoint,
  { tensors, parameters, nonzeros }: CheckpointReport,
  files: ReadonlyMap<string, number>,
): object {
  const { config, problem } = readArchitecture(checkpoint);
  const tokenizer = readTokenizer(checkpoint);
  return {
    model: checkpoint.location,
    layout: checkpoint.layout,
    architecture: config && { ...config, afrac_loctypes: [...config.afrac_loctypes] },
    problem,
    unusualKeys: unusualKeys(checkpoint.config),
    tokenizer: tokenizer && {
      vocabularySize: tokenizer.vocabularySize,
      endOfText: tokenizer.endOfText ?? null,
    },
    parameters,
    nonzeros,
    density: nonzeros / parameters,
    files: Object.fromEntries(files),
    tensors,
  };
}

function asText(
  checkpoint: Checkpoint,
  { tensors, parameters, nonzeros }: CheckpointReport,
  files: ReadonlyMap<string, number>,
): string {
  const { config, problem } = readArchitecture(checkpoint);
  const tokenizer = readTokenizer(checkpoint);
  const unusual = Object.entries(unusualKeys(checkpoint.config));
  const facts = [
    ["model", `${checkpoint.location} (${LAYOUT_NAMES[checkpoint.layout]})`],
    ...(config ? architecture(config) : [["problem", problem]]),
    ["tokenizer", tokenizer ? `${formatCount(tokenizer.vocabularySize)} tokens` : "none"],
    ["unusual keys", unusual.map(([key, value]) => `${key} ${JSON.stringify(value)}`).join(", ") || "none"],
    [
      "parameters",
      `${formatCount(parameters)}, of which ${formatCount(nonzeros)} (${formatPercent(nonzeros / parameters)}) are not zero`,
    ],
    ["files", [...files].map(([name, bytes]) => `${name} ${formatBytes(bytes)}`).join(", ")],
  ];
  const notes = { tied: "the embedding, tied", mask: "causal mask", bigram: "not in the sum" };
  const rows = tensors.map(({ name, shape, dtype, storedAs, nonzeros, density, note, countedPairs }) => [
    name,
    formatShape(shape),
    storedAs === "dense" ? dtype : `${dtype} ${storedAs}`,
    formatCount(nonzeros),
    formatPercent(density),
    [
      ...(note ? [notes[note]] : []),
      ...(countedPairs === undefined ? [] : [`computed from ${formatCount(countedPairs)} counts`]),
    ].join("; "),
  ]);
  const table = formatTable([["tensor", "shape", "type", "nonzeros", "density", ""], ...rows], "lllrrl");
  return `${formatTable(facts as string[][], "ll")}\n${table}`;
}

function architecture(config: ModelConfig): string[][] {
  const { afrac, d_pos_emb } = config;
  const places = [...config.afrac_loctypes].join(", ");
  const parts = [
    config.rms_norm ? "RMSNorm" : "LayerNorm",
    config.activation_type === "gelu" ? "GELU" : "ReLU",
    ...(config.residual_activation_type === "relu" ? ["ReLU on the residual stream"] : []),
    config.bias ? "biases" : "no biases",
    d_pos_emb === null ? "positions added" : `positions concatenated (${d_pos_emb})`,
    ...(config.sink ? ["attention sinks"] : []),
    ...(config.enable_bigram_table ? ["bigram table"] : []),
    config.tied_unembed ? "tied unembedding" : "own unembedding",
  ];
  return [
    [
      "architecture",
      `${config.n_layer} layers, d_model ${config.d_model}, ${config.n_head} heads of ${config.d_head}, d_mlp ${config.d_mlp}, vocabulary ${formatCount(config.vocab_size)}, up to ${formatCount(config.block_size)} tokens`,
    ],
    ["", parts.join(", ")],
    ["AbsTopK", afrac === null ? "none" : `keeps ${formatPercent(afrac)} at ${places || "no location"}`],
  ];
}
