import type { Command } from "commander";
import { SparseLensError } from "../errors.js";
import { type Checkpoint, openCheckpoint } from "../formats/checkpoint.js";
import { type LocalFiles, requireLocalFiles } from "../io/local-files.js";
import { type ResolvedSource, resolveSource } from "../io/source.js";
import { type LoadProgress, loadModel } from "../load-model.js";
import type { Model } from "../model.js";
import { type EngineOptions, interpretEscapes, modelSource, type PromptOptions } from "./arguments.js";
import { ProgressLine } from "./progress-line.js";

export interface OpenOptions {
  /** Nothing but JSON is printed. */
  readonly json?: boolean;
}

/** Loads a model, uses it, and ends its threads whatever happens. */
export async function withModel(
  argument: string,
  { threads, kernels, json }: EngineOptions & OpenOptions,
  signal: AbortSignal,
  use: (model: Model, loadMilliseconds: number) => Promise<void>,
): Promise<void> {
  const began = performance.now();
  const source = modelSource(argument);
  const line = new ProgressLine(!json);
  let model: Model;
  try {
    model = await loadModel(source, {
      ...{ threads, kernels, signal },
      onProgress: (progress) => showLoading(line, progress),
    });
  } finally {
    line.clear();
  }
  try {
    if (model.note && !json) console.error(model.note);
    await use(model, performance.now() - began);
  } finally {
    await model.dispose();
  }
}

function showLoading(line: ProgressLine, progress: LoadProgress): void {
  const { phase, loaded, total } = progress;
  if (phase === "download") line.bytes("downloading", progress.file, loaded, total);
  else line.show(`loading: ${loaded} of ${total} tensors`);
}

/** Opens a model's files without starting the engine. */
export async function withCheckpoint(
  argument: string,
  { json }: OpenOptions,
  signal: AbortSignal,
  use: (checkpoint: Checkpoint, source: ResolvedSource) => Promise<void>,
): Promise<void> {
  const line = new ProgressLine(!json);
  let source: ResolvedSource;
  try {
    source = await resolveSource(modelSource(argument), {
      signal,
      onProgress: ({ file, loaded, total }) => line.bytes("downloading", file, loaded, total),
    });
  } finally {
    line.clear();
  }
  if (source.note && !json) console.error(source.note);
  const checkpoint = await openCheckpoint(source, { signal });
  try {
    await use(checkpoint, source);
  } finally {
    await checkpoint.close();
  }
}

/** The prompt, as text or as token ids; ends the program with a usage error when there is none. */
export async function readPrompt(options: PromptOptions, command: Command): Promise<string | number[]> {
  const { prompt, promptFile, promptIds, escapes } = options;
  if (promptIds) return promptIds;
  if (promptFile !== undefined) return new TextDecoder().decode(await readInput(promptFile));
  if (prompt === undefined) {
    command.error("error: there is no prompt: give --prompt, --prompt-file or --prompt-ids");
  }
  return escapes ? interpretEscapes(prompt) : prompt;
}

/** The token ids of a prompt. @throws SparseLensError when the model has no tokenizer to read text with */
export function promptTokens({ tokenizer, source }: Model, prompt: string | number[]): number[] {
  if (typeof prompt !== "string") return prompt;
  if (tokenizer) return tokenizer.encode(prompt);
  throw new SparseLensError(`${source} came without a tokenizer: give the prompt with --prompt-ids.`);
}

/** The bytes of a file, or of stdin for `-`. */
export async function readInput(path: string): Promise<Uint8Array> {
  if (path !== "-") {
    const file = await localFiles().open(path);
    try {
      return await file.read(0, file.size);
    } finally {
      await file.close();
    }
  }
  const pieces: Buffer[] = [];
  for await (const piece of process.stdin) pieces.push(piece);
  return Buffer.concat(pieces);
}

export function localFiles(): LocalFiles {
  return requireLocalFiles("The command line");
}
