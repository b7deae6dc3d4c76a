import { z } from "zod";
import { ApiError } from "./api-error.js";

/** Tokens of one completion, and completions of one request, at most. */
export const MOST_TOKENS = 4_096;
export const MOST_CHOICES = 32;
const LEAST_TEMPERATURE = 1e-4;

const tokens = z.array(z.int().min(0)).min(1).max(100_000);
/** The same, and nothing, where clients write down what the default is. */
const idle = <T extends z.ZodType>(schema: T) =>
  schema.nullish().meta({ description: "Accepted where it has no effect." });

/** What `POST /v1/completions` takes: the parameters of the OpenAI API, of which some are only accepted at rest. */
export const completionRequest = z
  .strictObject({
    model: z.string().optional().meta({ description: "As `/v1/models` lists it. Default: the first." }),
    prompt: z
      .union(
        [
          z.string(),
          z.array(z.string()).min(1).max(MOST_CHOICES),
          tokens,
          z.array(tokens).min(1).max(MOST_CHOICES),
        ],
        `must be a text, a list of token ids, or a list of up to ${MOST_CHOICES} texts or lists of token ids`,
      )
      .meta({ description: "Text or tokens, or several of them." }),
    max_tokens: z
      .int()
      .min(0)
      .max(MOST_TOKENS)
      .nullish()
      .meta({ description: "Most tokens of a completion. 16 unless given; 0 with `echo` only." }),
    temperature: z
      .number()
      .min(0)
      .max(100)
      // So small that logits divided by it are infinite.
      .refine(
        (value) => value === 0 || value >= LEAST_TEMPERATURE,
        `must be 0, or at least ${LEAST_TEMPERATURE}`,
      )
      .nullish()
      .meta({ description: "1 unless given; 0: the most probable token each time." }),
    top_p: z.number().min(0).max(1).nullish().meta({ description: "1 unless given." }),
    seed: z
      .int()
      .min(0)
      .max(2 ** 32 - 1)
      .nullish()
      .meta({ description: "The same seed gives the same completions; drawn anew unless given." }),
    n: z
      .int()
      .min(1)
      .max(MOST_CHOICES)
      .nullish()
      .meta({ description: "Completions of each prompt. 1 unless given." }),
    stop: z
      .union([z.string().min(1).max(256), z.array(z.string().min(1).max(256)).max(16)])
      .nullish()
      .meta({ description: "The completion ends before the first of these texts." }),
    logprobs: z.int().min(0).max(20).nullish().meta({
      description:
        "Log probabilities (natural, of the model's distribution at temperature 1) of the tokens, and of so many of the most probable ones in their places. Prompt and completion must fit the model's block_size then.",
    }),
    echo: z
      .boolean()
      .nullish()
      .meta({ description: "The prompt is part of the text, and of the log probabilities." }),
    stream: z.boolean().nullish().meta({ description: "Server-sent events, the last of which is `[DONE]`." }),
    stream_options: z.strictObject({ include_usage: z.boolean().nullish() }).nullish(),
    user: z.string().max(1_000).nullish().meta({ description: "Ignored." }),
    best_of: idle(z.literal(1)),
    frequency_penalty: idle(z.literal(0)),
    presence_penalty: idle(z.literal(0)),
    logit_bias: idle(z.strictObject({})),
    suffix: idle(z.literal("")),
  })
  .meta({ id: "CompletionRequest" });

const logprobs = z.object({
  tokens: z.array(z.string()).meta({ description: "`bytes:\\xe2` where a token is no whole text." }),
  token_logprobs: z.array(z.number().nullable()),
  top_logprobs: z.array(z.record(z.string(), z.number()).nullable()),
  text_offset: z.array(z.int()).meta({ description: "Where in the choice's text each token begins." }),
});

const choice = z.object({
  index: z.int(),
  text: z.string().meta({ description: "Empty when the model came without a tokenizer." }),
  token_ids: z
    .array(z.int())
    .meta({ description: "The tokens of this completion, those of a stop text among them." }),
  logprobs: logprobs.nullable(),
  finish_reason: z
    .enum(["stop", "length"])
    .nullable()
    .meta({ description: "stop: a stop text, or the end of the text. null: more follows." }),
});

const usage = z.object({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int() });

/** What it answers; when streaming, what each event holds. */
export const completionResponse = z
  .object({
    id: z.string(),
    object: z.literal("text_completion"),
    created: z.int().meta({ description: "Seconds since 1970." }),
    model: z.string(),
    choices: z.array(choice),
    usage: usage.nullish(),
  })
  .meta({ id: "CompletionResponse" });

export type CompletionRequest = z.infer<typeof completionRequest>;
export type CompletionResponse = z.infer<typeof completionResponse>;
export type Choice = z.infer<typeof choice>;
export type Logprobs = z.infer<typeof logprobs>;
export type Usage = z.infer<typeof usage>;

/** A request with every value present. */
export interface CompletionSettings {
  readonly prompts: readonly (string | readonly number[])[];
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number;
  readonly n: number;
  readonly stop: readonly string[];
  readonly logprobs: number | null;
  readonly echo: boolean;
}

/** @throws ApiError naming what does not go together */
export function completionSettings(request: CompletionRequest): CompletionSettings {
  const { prompt, stop, n, max_tokens, temperature, top_p, seed, logprobs, echo } = request;
  const one = typeof prompt === "string" || typeof prompt[0] === "number";
  const prompts = (one ? [prompt] : prompt) as (string | number[])[];
  const settings = {
    ...{ prompts, maxTokens: max_tokens ?? 16, temperature: temperature ?? 1, topP: top_p ?? 1, n: n ?? 1 },
    seed: seed ?? Math.floor(Math.random() * 2 ** 32),
    stop: typeof stop === "string" ? [stop] : (stop ?? []),
    ...{ logprobs: logprobs ?? null, echo: echo ?? false },
  };
  if (prompts.length * settings.n > MOST_CHOICES) {
    throw new ApiError(400, `${prompts.length} prompts times n is more than ${MOST_CHOICES}.`, "n");
  }
  if (settings.maxTokens === 0 && !settings.echo) {
    throw new ApiError(400, "max_tokens must be at least 1, unless echo is true.", "max_tokens");
  }
  if (request.stream_options && !request.stream) {
    throw new ApiError(400, "stream_options needs stream: true.", "stream_options");
  }
  return settings;
}
