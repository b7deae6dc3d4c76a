import { type Command, InvalidArgumentError } from "commander";
import {
  attentionPoints,
  type Head,
  type HeadAttention,
  lastAttention,
  parseHead,
  requireHead,
  sinkLogit,
} from "../circuits/attention.js";
import { SparseLensError } from "../errors.js";
import { type TensorToWrite, writeSafetensors } from "../formats/safetensors.js";
import { replaceFileWith } from "../io/replace-file.js";
import { parseAblations } from "../model/nodes.js";
import type { ForwardOutput, Model } from "../model.js";
import type { Tensor } from "../tensor.js";
import {
  ablationOption,
  addEngineOptions,
  addPromptOptions,
  type EngineOptions,
  MODEL_ARGUMENT,
  type PromptOptions,
  parsePattern,
  repeatable,
} from "./arguments.js";
import { addCircuitOptions, type CircuitFlags, readCircuitAblation } from "./circuit-arguments.js";
import { formatMilliseconds, formatPercent, formatTable, formatToken } from "./format.js";
import { mostProbable, type NextToken } from "./next-tokens.js";
import { localFiles, promptTokens, readPrompt, withModel } from "./open.js";
import { print, printJson, rounded } from "./output.js";
import { version } from "./package.js";

type Options = PromptOptions &
  EngineOptions &
  CircuitFlags & {
    readonly record?: (string | RegExp)[];
    readonly ablate?: string[];
    readonly attention?: Head[];
    readonly out: string;
    readonly json?: boolean;
  };

const SHOWN_TOKENS = 10;

export function addForward(program: Command, signal: AbortSignal): void {
  const command = program
    .command("forward")
    .description("Compute logits and activations of a prompt, and save them as safetensors.")
    .argument(...MODEL_ARGUMENT);
  addPromptOptions(command)
    .requiredOption(
      "-o, --out <file>",
      "safetensors file for logits, tokens and, by hook point, what is recorded",
    )
    .addOption(
      repeatable("--record <pattern>", "hook points to save: 0.mlp.post_act, *.attn.q, /mlp/", parsePattern),
    )
    .addOption(ablationOption())
    .addOption(
      repeatable(
        "--attention <head>",
        "show what the last token attends to through a head: 1.3; saves its q and k",
        checkHead,
      ),
    );
  addCircuitOptions(command, { canFreeze: true });
  addEngineOptions(command)
    .option("--json", "print one object: prompt ids, most probable next tokens, what was saved")
    .addHelpText(
      "after",
      `
Example:
  $ sparselens forward default --prompt "def add(a, b):" --record "*.mlp.post_act" --out add.safetensors

In Python: safetensors.numpy.load_file("add.safetensors")["0.mlp.post_act"]`,
    )
    .action(async (source: string, options: Options) => {
      const prompt = await readPrompt(options, command);
      await checkTarget(options.out);
      await withModel(source, options, signal, async (model, loadMilliseconds) => {
        const tokens = promptTokens(model, prompt);
        const heads = options.attention ?? [];
        for (const head of heads) requireHead(model, head);
        const record = [...(options.record ?? []), ...heads.flatMap(attentionPoints)];
        const began = performance.now();
        const output = await model.forward(tokens, {
          record: record.length > 0 ? record : undefined,
          interventions: options.ablate && parseAblations(options.ablate),
          ablation: await readCircuitAblation(model, options),
          signal,
        });
        const forwardMilliseconds = performance.now() - began;
        const tensors = namedTensors(tokens, output);
        const metadata = { model: model.source, ablate: (options.ablate ?? []).join(" ") };
        await replaceFileWith(localFiles(), options.out, (sink) =>
          writeSafetensors(sink, tensors, { producer: `sparselens ${version}`, ...metadata }),
        );
        const next = mostProbable(output.logits, SHOWN_TOKENS);
        const attention = await attentionOf(model, heads, output);
        if (options.json) {
          printJson({
            model: model.source,
            promptTokens: tokens,
            next: next.map((one) => ({ ...one, text: textOf(model, one) })),
            ...(heads.length > 0 && {
              attention: attention.map(({ weights, ...rest }) => ({ ...rest, weights: [...weights] })),
            }),
            out: options.out,
            tensors: Object.fromEntries(tensors.map(({ name, dtype, shape }) => [name, { dtype, shape }])),
            timing: {
              loadMilliseconds: rounded(loadMilliseconds),
              forwardMilliseconds: rounded(forwardMilliseconds),
            },
            threads: model.threads,
            kernels: model.kernels,
          });
        } else {
          print(
            `${tokens.length} tokens in ${formatMilliseconds(forwardMilliseconds)}. What comes next:\n\n`,
          );
          print(nextTable(model, next));
          for (const one of attention) print(`\n${attentionTable(model, tokens, one)}`);
          print(`\n${options.out}:\n\n`);
          const rows = tensors.map(({ name, dtype, shape }) => [name, dtype, `[${shape.join(", ")}]`]);
          print(formatTable([["tensor", "type", "shape"], ...rows], "lll"));
        }
      });
    });
}

function checkHead(text: string): Head {
  try {
    return parseHead(text);
  } catch (error) {
    if (error instanceof SparseLensError) throw new InvalidArgumentError(error.message);
    throw error;
  }
}

/** Of the last token, through each head. */
function attentionOf(
  model: Model,
  heads: readonly Head[],
  { activations }: ForwardOutput<Tensor>,
): Promise<(Head & HeadAttention)[]> {
  return Promise.all(
    heads.map(async (head) => {
      const [q, k] = attentionPoints(head).map((point) => activations.get(point)!);
      return { ...head, ...lastAttention(model, head, q, k, await sinkLogit(model, head)) };
    }),
  );
}

/** The positions of the largest weights, in their order. */
function attentionTable(
  { tokenizer }: Model,
  tokens: readonly number[],
  { layer, head, weights, sink }: Head & HeadAttention,
): string {
  const shown = [...weights.keys()]
    .sort((a, b) => weights[b] - weights[a])
    .slice(0, SHOWN_TOKENS)
    .sort((a, b) => a - b);
  const rows = shown.map((position) => [
    ...[String(position), formatPercent(weights[position])],
    tokenizer ? formatToken(tokenizer.tokenBytes(tokens[position])) : String(tokens[position]),
  ]);
  const table = formatTable([["position", "attention", "token"], ...rows], "rrl");
  return `The last token through head ${layer}.${head}; to its sink ${formatPercent(sink)}:\n\n${table}`;
}

function namedTensors(tokens: readonly number[], output: ForwardOutput<Tensor>): TensorToWrite[] {
  const floats = (name: string, { data, shape }: Tensor): TensorToWrite => ({
    ...{ name, dtype: "F32", shape },
    read: async () => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  });
  return [
    { name: "tokens", dtype: "I32", shape: [tokens.length], read: async () => bytesOf(tokens) },
    floats("logits", output.logits),
    ...[...output.activations].map(([point, tensor]) => floats(point, tensor)),
  ];
}

function bytesOf(tokens: readonly number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(tokens).buffer);
}

/** So that nothing is computed for nothing. */
async function checkTarget(path: string): Promise<void> {
  const files = localFiles();
  const directory = files.directoryName(files.absolute(path));
  if ((await files.kind(directory)) !== "directory") {
    throw new SparseLensError(`Cannot write ${path}: there is no directory ${directory}.`);
  }
  if ((await files.kind(path)) === "directory") {
    throw new SparseLensError(`Cannot write ${path}: it is a directory. Name a file.`);
  }
}

function textOf({ tokenizer }: Model, { token }: NextToken): string | null {
  return tokenizer?.decode([token]) ?? null;
}

function nextTable({ tokenizer }: Model, next: readonly NextToken[]): string {
  const rows = next.map(({ token, logit, probability }) => [
    String(token),
    formatPercent(probability),
    logit.toFixed(3),
    tokenizer ? formatToken(tokenizer.tokenBytes(token)) : "",
  ]);
  return formatTable([["token", "probability", "logit", ""], ...rows], "rrrl");
}
