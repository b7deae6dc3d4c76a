import type { BatchResult } from "./engine/batch.js";
import type { HookRequest } from "./engine/operations.js";
import { SparseLensError } from "./errors.js";
import { type GenerationOptions, normalizeGenerationOptions } from "./generation/options.js";
import { TextStream } from "./generation/text-stream.js";
import type { ResolvedSource } from "./io/source.js";
import type { ModelConfig } from "./model/config.js";
import { describe, type ModelDescription } from "./model/description.js";
import { type HookFunction, type HookPattern, type Interventions, planHooks } from "./model/hooks.js";
import { type ModelWeights, productMatrices } from "./model/weights.js";
import type { GenerateResult } from "./runtime/generate-program.js";
import type { Measurement } from "./runtime/measure-program.js";
import type { Call, LoadedModel, ResultOf } from "./runtime/protocol.js";
import type { CallHandlers, ThreadPool } from "./runtime/thread-pool.js";
import type { Tensor } from "./tensor.js";
import type { Tokenizer } from "./tokenizer/tokenizer.js";

/** Token ids: an array, or a typed array of integers. */
export type Tokens = ArrayLike<number>;

export interface HookOptions {
  /** Hook points whose values are returned: `/mlp\.post_act/`, `"4.attn.*"`. */
  readonly record?: HookPattern;
  /** Hook points whose values are replaced: `{ "4.attn.resid_delta": { channels: [1079], value: 0 } }`. */
  readonly interventions?: Interventions;
  readonly signal?: AbortSignal;
}

export interface ForwardOptions extends HookOptions {
  /** Which positions' logits are returned. Default: all. */
  readonly logits?: "all" | "last" | "none";
  /** The next token at each position, -1 where none counts: returns losses. */
  readonly targets?: Tokens | readonly Tokens[];
}

const FORWARD_OPTIONS = ["record", "interventions", "signal", "logits", "targets"];

/** Each `T` is a Tensor, or an array of them, one per sequence, when a batch was given. */
export interface ForwardOutput<T> {
  /** `[tokens, vocab]`, `[1, vocab]` for "last", `[0, vocab]` for "none" */
  readonly logits: T;
  /** Hook point → `[tokens, width]`, in the order in which they happen. */
  readonly activations: Map<string, T>;
  /** `[tokens]`: cross-entropy in nats at each position that has a target, 0 elsewhere. Only with targets. */
  readonly losses?: T;
  /** Mean cross-entropy over all targets, in nats. Only with targets. */
  readonly loss?: number;
}

export interface GenerateOptions extends GenerationOptions, HookOptions {}

export interface GenerateOutput {
  /** The new text, without special tokens. */
  readonly text: string;
  /** The new tokens. */
  readonly tokens: number[];
  readonly promptTokens: number[];
  readonly finishReason: GenerateResult["finishReason"];
  /** Hook point → `[positions, width]`, a row for every position that was computed. */
  readonly activations: Map<string, Tensor>;
  readonly timing: {
    /** Milliseconds from the start to the first new token. */
    readonly promptMilliseconds: number;
    /** Milliseconds from the first new token to the last. */
    readonly decodeMilliseconds: number;
    /** New tokens after the first, per second. */
    readonly tokensPerSecond: number;
  };
}

/** A loaded model. It computes in its own threads; calls queue, first in, first out. */
export class Model {
  readonly config: ModelConfig;
  readonly description: ModelDescription;
  /** null when the model came without one: prompts are token ids then. */
  readonly tokenizer: Tokenizer | null;
  /** Where it was loaded from. */
  readonly source: string;
  /** How a bare name was understood, in one sentence. */
  readonly note?: string;
  readonly #weights: ModelWeights;
  readonly #pool: ThreadPool;

  /** Use loadModel. */
  constructor(
    pool: ThreadPool,
    model: LoadedModel,
    tokenizer: Tokenizer | null,
    { description, note }: Pick<ResolvedSource, "description" | "note">,
  ) {
    this.#pool = pool;
    this.#weights = model.weights;
    this.config = model.weights.config;
    this.description = describe(this.config);
    this.tokenizer = tokenizer;
    this.source = description;
    this.note = note;
  }

  get threads(): number {
    return this.#pool.count;
  }

  /** The kernels in use: `plain`, `simd` or `fma`. */
  get kernels(): string {
    return this.#pool.kernels;
  }

  /** Bytes of the engine's memory: weights and the largest call so far. */
  get memoryBytes(): number {
    return this.#pool.memoryBytes;
  }

  /**
   * Nonzeros that a token's products may touch: those of the linear layers and the unembedding.
   */
  get nonzeros(): number {
    return productMatrices(this.#weights).reduce((sum, { nonzeros }) => sum + nonzeros, 0);
  }

  /**
   * Logits, activations and losses of one sequence of tokens, or of several at once.
   * @throws SparseLensError for tokens, hook points or targets that do not exist
   */
  forward(tokens: Tokens, options?: ForwardOptions): Promise<ForwardOutput<Tensor>>;
  forward(tokens: readonly Tokens[], options?: ForwardOptions): Promise<ForwardOutput<Tensor[]>>;
  async forward(
    tokens: Tokens | readonly Tokens[],
    options: ForwardOptions = {},
  ): Promise<ForwardOutput<Tensor> | ForwardOutput<Tensor[]>> {
    const isBatch = typeof tokens[0] === "object";
    const listed = (given: Tokens | readonly Tokens[]) =>
      ((isBatch ? given : [given]) as readonly Tokens[]).map((sequence) => Array.from(sequence ?? []));
    const sequences = listed(tokens);
    const given = options.targets && listed(options.targets);
    for (const [index, sequence] of sequences.entries()) {
      this.#checkTokens(sequence, isBatch ? `sequence ${index}` : "the sequence");
      if (sequence.length > this.config.block_size) {
        throw new SparseLensError(
          `${isBatch ? `Sequence ${index}` : "The sequence"} has ${sequence.length} tokens; the model's block_size is ${this.config.block_size}.`,
        );
      }
    }
    const { logits: kept = "all" } = options;
    if (!["all", "last", "none"].includes(kept)) {
      throw new SparseLensError(`logits: must be "all", "last" or "none", not ${JSON.stringify(kept)}.`);
    }
    const unknown = Object.keys(options).filter((name) => !FORWARD_OPTIONS.includes(name));
    if (unknown.length > 0) {
      throw new SparseLensError(
        `Unknown option ${unknown.join(", ")}; known are ${FORWARD_OPTIONS.join(", ")}.`,
      );
    }
    if (given) this.#checkTargets(sequences, given);
    const { plan, functions } = planHooks(this.description.hookPoints, options.record, options.interventions);
    const result = (await this.#pool.call(
      {
        type: "forward",
        sequences: sequences.map((sequence, i) => ({ tokens: sequence, targets: given?.[i] })),
        logits: kept,
        hooks: plan,
      },
      { signal: options.signal, onHook: (request) => applyFunctions(request, functions) },
    )) as BatchResult;

    const pick = (tensors: Tensor[]) => (isBatch ? tensors : tensors[0]) as Tensor & Tensor[];
    const rows = (values: Float32Array[], width: number) =>
      values.map((data) => ({ data, shape: [data.length / width, width] }));
    const output = {
      logits: pick(rows(result.logits, this.config.vocab_size)),
      activations: new Map(
        [...result.activations].map(([point, values]) => [
          point,
          pick(rows(values, plan.find((hook) => hook.point === point)!.width)),
        ]),
      ),
    };
    if (!given) return output;
    const counted = given.flat().filter((target) => target >= 0).length;
    const total = result.losses.reduce(
      (sum, losses) => sum + losses.reduce((part, loss) => part + loss, 0),
      0,
    );
    return {
      ...output,
      losses: pick(result.losses.map((data) => ({ data, shape: [data.length] }))),
      loss: total / counted,
    };
  }

  /**
   * Continues a prompt. Greedy unless `doSample`; semantics of transformers' `generate`.
   * @param prompt text, or token ids
   */
  async generate(prompt: string | Tokens, options: GenerateOptions = {}): Promise<GenerateOutput> {
    const stream = this.#start(prompt, options);
    let step = await stream.next();
    while (!step.done) step = await stream.next();
    return step.value;
  }

  /** The same, piece by piece as the text appears. Ending the loop early ends the generation. */
  async *stream(
    prompt: string | Tokens,
    options: GenerateOptions = {},
  ): AsyncGenerator<string, GenerateOutput, void> {
    return yield* this.#start(prompt, options);
  }

  /** Runs a program on the engine's threads: what circuits are made of. */
  run<C extends Call>(call: C, handlers: CallHandlers = {}): Promise<ResultOf<C>> {
    return this.#pool.call(call, handlers) as Promise<ResultOf<C>>;
  }

  /** The memory's bandwidth, what a token touches of it, and where time went: for benchmarks. */
  async measure(): Promise<Measurement> {
    return (await this.#pool.call({ type: "measure" }, {})) as Measurement;
  }

  /** Ends the threads and frees the memory. Calls that wait are rejected. */
  dispose(): Promise<void> {
    return this.#pool.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  async *#start(
    prompt: string | Tokens,
    options: GenerateOptions,
  ): AsyncGenerator<string, GenerateOutput, void> {
    const promptTokens = this.#promptTokens(prompt);
    const settings = normalizeGenerationOptions(options, {
      endOfText: this.tokenizer?.endOfText,
      vocabularySize: this.config.vocab_size,
    });
    const { plan, functions } = planHooks(this.description.hookPoints, options.record, options.interventions);
    if (settings.stop.length > 0 && !this.tokenizer) {
      throw new SparseLensError("stop: stop strings need a tokenizer, and this model came without one.");
    }
    const text =
      this.tokenizer &&
      new TextStream(this.tokenizer, settings.stop, {
        context: this.tokenizer.decode(promptTokens),
        skipSpecialTokens: true,
      });
    const controller = new AbortController();
    const finisher = new AbortController();
    const abort = () => controller.abort(options.signal?.reason);
    options.signal?.addEventListener("abort", abort);
    if (options.signal?.aborted) abort();

    const pieces: string[] = [];
    const tokens: number[] = [];
    const all: string[] = [];
    let stopped = false;
    let wake = () => {};
    const finished = this.#pool
      .call(
        { type: "generate", prompt: promptTokens, settings, hooks: plan },
        {
          signal: controller.signal,
          finishSignal: finisher.signal,
          onHook: (request) => applyFunctions(request, functions),
          onToken: (token) => {
            if (stopped) return;
            tokens.push(token);
            if (!text) return wake();
            const piece = text.push(token);
            if (piece) pieces.push(piece);
            if (text.stopped) {
              stopped = true;
              finisher.abort();
            }
            wake();
          },
        },
      )
      .then((result) => result as GenerateResult);
    let outcome: GenerateResult | undefined;
    let failure: { error: unknown } | undefined;
    finished.then(
      (result) => {
        outcome = result;
        wake();
      },
      (error) => {
        failure = { error };
        wake();
      },
    );
    try {
      while (outcome === undefined && !failure) {
        if (pieces.length === 0) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        yield* drain();
      }
      if (failure) throw failure.error;
      const rest = text?.flush();
      if (rest) pieces.push(rest);
      yield* drain();
    } finally {
      // The consumer may have left early.
      if (outcome === undefined && !failure) {
        stopped = true;
        controller.abort();
        await finished.catch(() => {});
      }
      options.signal?.removeEventListener("abort", abort);
    }
    const { promptMilliseconds, decodeMilliseconds } = outcome!;
    return {
      text: all.join(""),
      tokens,
      promptTokens,
      finishReason: stopped ? "stop" : outcome!.finishReason,
      activations: new Map(
        [...outcome!.activations].map(([point, rows]) => {
          const { width } = plan.find((hook) => hook.point === point)!;
          // One entry for each new token; the threads ran ahead of the one that completed a stop string.
          return [point, concatenate(rows.slice(0, tokens.length), width)];
        }),
      ),
      timing: {
        promptMilliseconds,
        decodeMilliseconds,
        tokensPerSecond:
          outcome!.tokens.length > 1 ? ((outcome!.tokens.length - 1) * 1000) / decodeMilliseconds : 0,
      },
    };

    function* drain() {
      while (pieces.length > 0) {
        const piece = pieces.shift()!;
        all.push(piece);
        yield piece;
      }
    }
  }

  #promptTokens(prompt: string | Tokens): number[] {
    if (typeof prompt !== "string") {
      const tokens = Array.from(prompt);
      this.#checkTokens(tokens, "the prompt");
      return tokens;
    }
    if (!this.tokenizer) {
      throw new SparseLensError(
        `${this.source} came without a tokenizer: give the prompt as token ids, or put a tokenizer.json (or encoder.json and vocab.bpe) beside the weights.`,
      );
    }
    const tokens = [...this.tokenizer.encode(prompt)];
    this.#checkTokens(tokens, "the prompt");
    return tokens;
  }

  #checkTokens(tokens: readonly number[], what: string): void {
    if (tokens.length === 0)
      throw new SparseLensError(`${capitalize(what)} is empty: give at least one token.`);
    const { vocab_size } = this.config;
    const bad = tokens.findIndex((token) => !Number.isInteger(token) || token < 0 || token >= vocab_size);
    if (bad >= 0) {
      throw new SparseLensError(
        `Token ${tokens[bad]} at position ${bad} of ${what} is not in the vocabulary: 0 to ${vocab_size - 1}.`,
      );
    }
  }

  #checkTargets(sequences: readonly (readonly number[])[], targets: readonly (readonly number[])[]): void {
    const { vocab_size } = this.config;
    if (targets.length !== sequences.length) {
      throw new SparseLensError(`targets: ${sequences.length} sequences but targets for ${targets.length}.`);
    }
    sequences.forEach((sequence, i) => {
      const given = targets[i];
      if (given?.length !== sequence.length) {
        throw new SparseLensError(
          `targets: sequence ${i} has ${sequence.length} tokens but ${given?.length ?? "no"} targets.`,
        );
      }
      const bad = given.findIndex(
        (target) => !Number.isInteger(target) || target < -1 || target >= vocab_size,
      );
      if (bad >= 0) {
        throw new SparseLensError(
          `targets: ${given[bad]} at position ${bad} of sequence ${i} is neither a token (0 to ${vocab_size - 1}) nor -1.`,
        );
      }
    });
  }
}

async function applyFunctions(
  { id, point, values }: HookRequest,
  functions: readonly HookFunction[],
): Promise<Float32Array[]> {
  const replaced: Float32Array[] = [];
  for (const { sequence, position, data, width } of values) {
    const value: Tensor = { data, shape: [data.length / width, width] };
    const returned = (await functions[id](value, { point, sequence, position })) ?? value;
    const result = returned instanceof Float32Array ? returned : returned.data;
    if (!(result instanceof Float32Array) || result.length !== data.length) {
      throw new SparseLensError(
        `The intervention on ${point} must return a Float32Array or Tensor of ${data.length} values (${value.shape.join(" × ")}), not ${(result as Float32Array)?.length ?? typeof result}.`,
      );
    }
    replaced.push(result);
  }
  return replaced;
}

function concatenate(rows: readonly Float32Array[], width: number): Tensor {
  const data = new Float32Array(rows.reduce((sum, row) => sum + row.length, 0));
  let offset = 0;
  for (const row of rows) {
    data.set(row, offset);
    offset += row.length;
  }
  return { data, shape: [data.length / width, width] };
}

function capitalize(text: string): string {
  return text[0].toUpperCase() + text.slice(1);
}
