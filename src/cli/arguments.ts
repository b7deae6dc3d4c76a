import { type Command, InvalidArgumentError, Option } from "commander";
import type { KernelChoice } from "../engine/kernels.js";
import { SparseLensError } from "../errors.js";
import { parseAblations } from "../model/nodes.js";
import { embeddedModels } from "./package.js";

/** How the text of arguments is read. Whatever cannot be read is wrong usage: commander names the option. */

export interface Bounds {
  /** Least value. */
  readonly from?: number;
  /** Excluded lower bound. */
  readonly above?: number;
  readonly to?: number;
}

export function parseNumber(text: string, { from, above, to }: Bounds = {}): number {
  const value = Number(text);
  const isNumber = text.trim() !== "" && Number.isFinite(value);
  const fits =
    value >= (from ?? value) && value > (above ?? Number.NEGATIVE_INFINITY) && value <= (to ?? value);
  if (isNumber && fits) return value;
  const limits = [
    from === undefined ? "" : ` from ${from}`,
    above === undefined ? "" : ` greater than ${above}`,
    to === undefined ? "" : ` to ${to}`,
  ];
  throw new InvalidArgumentError(`It must be a number${limits.join("")}.`);
}

export function parseInteger(text: string, from: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= from) return value;
  throw new InvalidArgumentError(`It must be an integer from ${from}.`);
}

/** Token ids: `1,2,3`. */
export function parseIds(text: string): number[] {
  const parts = text.split(/\s*,\s*|\s+/);
  if (parts.every((part) => /^\d{1,9}$/.test(part))) return parts.map(Number);
  throw new InvalidArgumentError("It must be token ids with commas between them, such as 1,2,3.");
}

/** A hook pattern: `/…/` is a regular expression, anything else a name or glob. */
export function parsePattern(text: string): string | RegExp {
  const expression = /^\/(.*)\/([a-z]*)$/s.exec(text);
  if (!expression) return text;
  try {
    return new RegExp(expression[1], expression[2]);
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`);
  }
}

function checkAblation(text: string): string {
  try {
    parseAblations([text]);
  } catch (error) {
    if (error instanceof SparseLensError) throw new InvalidArgumentError(error.message);
    throw error;
  }
  return text;
}

/** Replaces `\n`, `\t`, `\r`, `\\`, `\"`, `\'`, `\xHH` and `\uHHHH`, as Python writes them. */
export function interpretEscapes(text: string): string {
  const plain: Record<string, string> = { n: "\n", t: "\t", r: "\r", "\\": "\\", '"': '"', "'": "'" };
  return text.replace(/\\(?:x([\da-f]{2})|u([\da-f]{4})|([\s\S]?))/gi, (whole, x, u, character) => {
    if (x ?? u) return String.fromCharCode(Number.parseInt(x ?? u, 16));
    if (Object.hasOwn(plain, character)) return plain[character];
    throw new SparseLensError(
      `--escapes: ${whole} is no escape sequence; a backslash itself is written \\\\.`,
    );
  });
}

/** An option that may be given several times: its values in order. */
export function repeatable<T>(flags: string, description: string, parse: (text: string) => T): Option {
  return new Option(flags, `${description}; repeatable`).argParser(
    (text: string, before: T[] | undefined) => [...(before ?? []), parse(text)],
  );
}

/** The source of a model as loadModel takes it. */
export function modelSource(argument: string): string {
  return embeddedModels.get(argument) ?? argument;
}

export const MODEL_ARGUMENT = [
  "<model>",
  "directory, weights file, hf:owner/name, blob:name, default, or default-dense",
] as const;

export const MODELS_ARGUMENT = [
  "[models...]",
  "directories, weights files, hf:owner/name, blob:name, default, or default-dense",
  ["default"],
] as const;

export interface PromptOptions {
  readonly prompt?: string;
  readonly promptFile?: string;
  readonly promptIds?: number[];
  readonly escapes?: boolean;
}

export function addPromptOptions(command: Command): Command {
  return command
    .addOption(new Option("-p, --prompt <text>", "prompt").conflicts(["promptFile", "promptIds"]))
    .addOption(new Option("--prompt-file <file>", "prompt from a file, - for stdin").conflicts(["promptIds"]))
    .option("--prompt-ids <ids>", "prompt as token ids: 1,2,3", parseIds)
    .option("-e, --escapes", "interpret \\n, \\t, \\xHH … in texts given as arguments");
}

export interface EngineOptions {
  readonly threads?: number;
  readonly kernels: KernelChoice;
}

export function addEngineOptions(command: Command): Command {
  return command
    .option("--threads <number>", "threads (default: by the number of cores)", (text) =>
      parseInteger(text, 1),
    )
    .addOption(
      new Option("--kernels <kind>", "fma rounds differently from simd and plain")
        .choices(["auto", "plain", "simd", "fma"])
        .default("auto"),
    );
}

export function ablationOption(): Option {
  return repeatable(
    "--ablate <node[=value]>",
    "replace nodes by a constant (0): 4.attn.resid_delta:1079, 0.mlp.post_act:3,17,40-50, *.mlp.post_act",
    checkAblation,
  );
}
