import { SparseLensError } from "../errors.js";

/** How to continue a prompt. The semantics are those of `generate` in `transformers`. */
export interface GenerationOptions {
  /** Most tokens to generate, from 1; 64 unless given. */
  maxNewTokens?: number;
  /** Whether to draw the next token at random instead of taking the most probable one; false unless given. */
  doSample?: boolean;
  /** Divides the logits, greater than 0; 1 unless given. Needs `doSample`. */
  temperature?: number;
  /** Draw from this many most probable tokens (and those as probable as the last of them); 0: from all. 50 unless given, as in `transformers`. Needs `doSample`. */
  topK?: number;
  /** Draw from the fewest most probable tokens whose probabilities sum to this, 0 to 1; 1 unless given. Needs `doSample`. */
  topP?: number;
  /** Draw from tokens at least this times as probable as the most probable one, 0 to 1; 0 unless given. Needs `doSample`. */
  minP?: number;
  /** Divides the positive and multiplies the negative logits of tokens that the prompt or the continuation holds; greater than 0; 1 unless given. */
  repetitionPenalty?: number;
  /** What random draws depend on, an integer from 0; 0 unless given. */
  seed?: number;
  /** Stop after the token that completes one of these; the text includes them. */
  stop?: string | readonly string[];
  /** Tokens to stop after; the tokenizer's end of text unless given, `[]` to go on beyond it. */
  endOfText?: number | readonly number[];
  /**
   * Beyond the model's longest sequence: continue from the latest tokens that fit (`crop`, as the released code does; the
   * window is computed anew for each token), or end there (`stop`). `crop` unless given.
   */
  overflow?: "crop" | "stop";
}

/** Options with every value present and checked. A plain object that can be posted to a worker. */
export interface GenerationSettings {
  readonly maxNewTokens: number;
  readonly doSample: boolean;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
  readonly seed: number;
  readonly stop: readonly string[];
  readonly endOfText: readonly number[];
  readonly overflow: "crop" | "stop";
}

/** What the defaults and limits of some options depend on. */
export interface GenerationContext {
  /** The tokenizer's end of text, if there is a tokenizer and it has one. */
  readonly endOfText?: number;
  /** Size of the model's vocabulary, to check `endOfText` against. */
  readonly vocabularySize?: number;
}

const DEFAULTS = {
  maxNewTokens: 64,
  doSample: false,
  temperature: 1,
  topK: 50,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  seed: 0,
  overflow: "crop",
} as const;

const NAMES = [...Object.keys(DEFAULTS), "stop", "endOfText"];

/** Options of the same calls that are not about the choice of tokens: left to their owners. */
const OTHER_NAMES = ["record", "interventions", "ablation", "signal"];

/** Options that act on random draws only. */
const SAMPLING = ["temperature", "topK", "topP", "minP"] as const;

/**
 * Fills in and checks options. An option that is `undefined` is not given; `record`, `interventions` and `signal`, which
 * travel with these options, are left aside.
 *
 * Options of sampling without `doSample` are an error, since they would have no effect; with an explicit
 * `doSample: false` they are accepted, so that one switch turns sampling off.
 *
 * @throws SparseLensError naming the option, its value and what is allowed.
 */
export function normalizeGenerationOptions(
  options: GenerationOptions,
  context: GenerationContext,
): GenerationSettings {
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as GenerationOptions;
  for (const name of Object.keys(given)) {
    if (!NAMES.includes(name) && !OTHER_NAMES.includes(name))
      fail(`unknown generation option ${name}; known are ${NAMES.join(", ")}.`);
  }
  const filled = { ...DEFAULTS, ...given };
  boolean("doSample", filled.doSample);
  integer("maxNewTokens", filled.maxNewTokens, 1);
  integer("topK", filled.topK, 0);
  integer("seed", filled.seed, 0);
  positive("temperature", filled.temperature, "; for the most probable token each time use doSample: false");
  positive("repetitionPenalty", filled.repetitionPenalty);
  fraction("topP", filled.topP);
  fraction("minP", filled.minP);
  if (filled.overflow !== "crop" && filled.overflow !== "stop") {
    fail(`overflow must be "crop" or "stop", not ${show(filled.overflow)}.`);
  }
  const idle = SAMPLING.filter((name) => given[name] !== undefined && given[name] !== DEFAULTS[name]);
  if (given.doSample === undefined && idle.length > 0) {
    fail(
      `${idle.join(", ")} only ${idle.length > 1 ? "act" : "acts"} when sampling: add doSample: true, ` +
        "or doSample: false to take the most probable token regardless.",
    );
  }
  return {
    maxNewTokens: filled.maxNewTokens,
    doSample: filled.doSample,
    temperature: filled.temperature,
    topK: filled.topK,
    topP: filled.topP,
    minP: filled.minP,
    repetitionPenalty: filled.repetitionPenalty,
    seed: filled.seed,
    stop: stopStrings(given.stop),
    endOfText: endOfText(given.endOfText, context),
    overflow: filled.overflow,
  };
}

function stopStrings(stop: GenerationOptions["stop"]): string[] {
  const strings = stop === undefined ? [] : typeof stop === "string" ? [stop] : stop;
  if (!Array.isArray(strings)) fail(`stop must be a string or a list of strings, not ${show(stop)}.`);
  for (const text of strings) {
    if (typeof text !== "string" || text === "") fail(`stop must hold non-empty strings, not ${show(text)}.`);
  }
  return [...new Set(strings)];
}

function endOfText(tokens: GenerationOptions["endOfText"], context: GenerationContext): number[] {
  if (tokens === undefined) return context.endOfText === undefined ? [] : [context.endOfText];
  const list = typeof tokens === "number" ? [tokens] : tokens;
  if (!Array.isArray(list)) fail(`endOfText must be a token id or a list of them, not ${show(tokens)}.`);
  const size = context.vocabularySize ?? Number.POSITIVE_INFINITY;
  for (const token of list) {
    if (!Number.isInteger(token) || token < 0 || token >= size) {
      fail(
        `endOfText must hold token ids${size < Infinity ? ` from 0 to ${size - 1}` : ""}, not ${show(token)}.`,
      );
    }
  }
  return [...new Set(list)];
}

function boolean(name: string, value: unknown): void {
  if (typeof value !== "boolean") fail(`${name} must be true or false, not ${show(value)}.`);
}

function integer(name: string, value: unknown, least: number): void {
  if (!Number.isSafeInteger(value) || (value as number) < least) {
    fail(`${name} must be an integer from ${least}, not ${show(value)}.`);
  }
}

function positive(name: string, value: unknown, hint = ""): void {
  if (typeof value !== "number" || !Number.isFinite(value) || value <= 0) {
    fail(`${name} must be a number greater than 0, not ${show(value)}${hint}.`);
  }
}

function fraction(name: string, value: unknown): void {
  if (typeof value !== "number" || !(value >= 0 && value <= 1)) {
    fail(`${name} must be a number from 0 to 1, not ${show(value)}.`);
  }
}

function show(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

function fail(message: string): never {
  throw new SparseLensError(`Generation options: ${message}`);
}
