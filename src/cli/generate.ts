import { type Command, Option } from "commander";
import type { GenerationOptions } from "../generation/options.js";
import { parseAblations } from "../model/nodes.js";
import type { GenerateOptions, GenerateOutput, Model } from "../model.js";
import {
  ablationOption,
  addEngineOptions,
  addPromptOptions,
  type EngineOptions,
  interpretEscapes,
  MODEL_ARGUMENT,
  type PromptOptions,
  parseInteger,
  parseNumber,
  repeatable,
} from "./arguments.js";
import { addCircuitOptions, type CircuitFlags, readCircuitAblation } from "./circuit-arguments.js";
import { formatRate } from "./format.js";
import { readPrompt, withModel } from "./open.js";
import { faint, print, printJson, rounded } from "./output.js";

type Options = PromptOptions &
  EngineOptions &
  CircuitFlags &
  Omit<GenerationOptions, "stop" | "doSample"> & {
    readonly sample?: boolean;
    readonly stop?: string[];
    readonly ablate?: string[];
    readonly json?: boolean;
  };

export function addGenerate(program: Command, signal: AbortSignal): void {
  const command = program
    .command("generate")
    .description("Continue a prompt. The new text goes to stdout as it appears.")
    .argument(...MODEL_ARGUMENT);
  addPromptOptions(command)
    .option("-n, --max-new-tokens <number>", "most tokens to generate (default: 64)", (text) =>
      parseInteger(text, 1),
    )
    .option("--sample", "draw tokens at random; each of the next five options implies it")
    .option("--temperature <number>", "divides the logits (default: 1)", (text) =>
      parseNumber(text, { above: 0 }),
    )
    .option("--top-k <number>", "draw from the k most probable tokens, 0: from all (default: 50)", (text) =>
      parseInteger(text, 0),
    )
    .option(
      "--top-p <number>",
      "draw from the fewest tokens that have this probability (default: 1)",
      fraction,
    )
    .option(
      "--min-p <number>",
      "least probability, relative to the most probable token (default: 0)",
      fraction,
    )
    .option("--seed <number>", "what random draws depend on (default: 0)", (text) => parseInteger(text, 0))
    .option("--repetition-penalty <number>", "weakens tokens that have occurred (default: 1)", (text) =>
      parseNumber(text, { above: 0 }),
    )
    .addOption(repeatable("--stop <text>", "stop after this text", (text) => text))
    .addOption(
      new Option("--overflow <what>", "beyond the model's longest sequence, drop the oldest tokens or stop")
        .choices(["crop", "stop"])
        .default("crop"),
    )
    .addOption(ablationOption());
  addCircuitOptions(command, { canFreeze: false });
  addEngineOptions(command)
    .option("--json", "print one object at the end: prompt ids, generated ids, text, timing")
    .addHelpText(
      "after",
      `
Example:
  $ sparselens generate default -e --prompt "def add(a, b):\\n" --temperature 0.8 --top-p 0.95 --seed 1`,
    )
    .action(async (source: string, options: Options) => {
      const prompt = await readPrompt(options, command);
      await withModel(source, options, signal, async (model, loadMilliseconds) => {
        const ablation = await readCircuitAblation(model, options);
        const stream = model.stream(prompt, { ...generationOptions(options), ablation, signal });
        if (options.json) printJson(summary(model, await finish(stream, () => {}), loadMilliseconds));
        else await show(model, stream);
      });
    });
}

function fraction(text: string): number {
  return parseNumber(text, { from: 0, to: 1 });
}

function generationOptions(options: Options): GenerateOptions {
  const { maxNewTokens, temperature, topK, topP, minP, seed, repetitionPenalty, overflow } = options;
  const sampling = [temperature, topK, topP, minP, seed].some((value) => value !== undefined);
  return {
    ...{ maxNewTokens, temperature, topK, topP, minP, seed, repetitionPenalty, overflow },
    doSample: options.sample || sampling,
    stop: options.escapes ? options.stop?.map(interpretEscapes) : options.stop,
    interventions: options.ablate && parseAblations(options.ablate),
  };
}

/** Hands on the text piece by piece; the result is what generation returned. */
export async function finish(
  stream: AsyncGenerator<string, GenerateOutput, void>,
  onPiece: (piece: string) => void,
): Promise<GenerateOutput> {
  let step = await stream.next();
  for (; !step.done; step = await stream.next()) onPiece(step.value);
  return step.value;
}

async function show(model: Model, stream: AsyncGenerator<string, GenerateOutput, void>): Promise<void> {
  const isTerminal = process.stdout.isTTY === true;
  let endsLine = true;
  let output: GenerateOutput;
  try {
    output = await finish(stream, (piece) => {
      print(piece);
      endsLine = piece.endsWith("\n");
    });
    if (!model.tokenizer) print(`${output.tokens.join(",")}\n`);
  } finally {
    // Elsewhere, stdout is exactly the text.
    if (isTerminal && !endsLine) print("\n");
  }
  if (isTerminal && process.stderr.isTTY) {
    const { tokens, finishReason, timing } = output;
    const rate = tokens.length > 1 ? `, ${formatRate(timing.tokensPerSecond)}` : "";
    console.error(faint(`[${tokens.length} tokens${rate}, finish reason: ${finishReason}]`, process.stderr));
  }
}

export function summary(model: Model, output: GenerateOutput, loadMilliseconds: number): object {
  const { promptTokens, tokens, text, finishReason, timing } = output;
  return {
    model: model.source,
    promptTokens,
    tokens,
    text,
    finishReason,
    timing: {
      loadMilliseconds: rounded(loadMilliseconds),
      promptMilliseconds: rounded(timing.promptMilliseconds),
      decodeMilliseconds: rounded(timing.decodeMilliseconds),
      tokensPerSecond: rounded(timing.tokensPerSecond),
    },
    threads: model.threads,
    kernels: model.kernels,
  };
}
