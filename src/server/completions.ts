import type { GenerateOptions, Model } from "../model.js";
import { ApiError } from "./api-error.js";
import type { Choice, CompletionSettings, Usage } from "./completion-request.js";
import { describeScores, scoreTokens } from "./logprobs.js";
import { StopStrings } from "./stop-strings.js";

/** A request with its prompts as tokens. */
export interface PreparedCompletion extends CompletionSettings {
  readonly tokens: readonly (readonly number[])[];
}

/**
 * Everything that can be wrong with a request, found before any work is done.
 * @throws ApiError saying what this model cannot do
 */
export function prepareCompletion(model: Model, settings: CompletionSettings): PreparedCompletion {
  const { tokenizer, config } = model;
  if (!tokenizer && settings.stop.length > 0)
    throw new ApiError(400, "stop needs a tokenizer, and this model came without one.", "stop");
  if (!tokenizer && settings.logprobs !== null)
    throw new ApiError(400, "logprobs needs a tokenizer, and this model came without one.", "logprobs");
  const tokens = settings.prompts.map((prompt, i) => {
    const which = settings.prompts.length > 1 ? `Prompt ${i}` : "The prompt";
    if (typeof prompt === "string" && !tokenizer) {
      throw new ApiError(400, "This model came without a tokenizer: give the prompt as token ids.", "prompt");
    }
    const ids = typeof prompt === "string" ? tokenizer!.encode(prompt) : prompt;
    if (ids.length === 0)
      throw new ApiError(400, `${which} is empty: this model needs at least one token.`, "prompt");
    const bad = ids.findIndex((id) => id >= config.vocab_size);
    if (bad >= 0) {
      throw new ApiError(
        400,
        `${which} has token ${ids[bad]}; the vocabulary is 0 to ${config.vocab_size - 1}.`,
        "prompt",
      );
    }
    // The last token of a completion is never read.
    const longest = ids.length + settings.maxTokens - 1;
    if (settings.logprobs !== null && longest > config.block_size) {
      throw new ApiError(
        400,
        `logprobs: ${which.toLowerCase()} of ${ids.length} tokens and max_tokens ${settings.maxTokens} do not fit the model's block_size of ${config.block_size}.`,
        "logprobs",
      );
    }
    return ids;
  });
  return { ...settings, tokens };
}

/** Completions one after the other, as they come; the result is what they took. */
export async function* complete(
  model: Model,
  request: PreparedCompletion,
  signal: AbortSignal,
): AsyncGenerator<Choice, Usage, void> {
  let completion_tokens = 0;
  for (const [i, tokens] of request.tokens.entries()) {
    for (let j = 0; j < request.n; j++) {
      const index = i * request.n + j;
      const given = request.prompts[i];
      const prompt = typeof given === "string" ? given : (model.tokenizer?.decode(tokens) ?? "");
      const steps =
        request.logprobs === null
          ? completeOne(model, request, { index, prompt, tokens }, signal)
          : completeWithLogprobs(model, request, { index, prompt, tokens }, signal);
      completion_tokens += yield* steps;
    }
  }
  const prompt_tokens = request.tokens.reduce((sum, { length }) => sum + length, 0);
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}

interface OneCompletion {
  /** Among all choices. */
  readonly index: number;
  readonly prompt: string;
  readonly tokens: readonly number[];
}

/** The result is the number of new tokens. */
async function* completeOne(
  model: Model,
  request: PreparedCompletion,
  { index, prompt, tokens }: OneCompletion,
  signal: AbortSignal,
): AsyncGenerator<Choice, number, void> {
  const piece = (text: string): Choice => ({
    index,
    text,
    token_ids: [],
    logprobs: null,
    finish_reason: null,
  });
  if (request.echo && prompt !== "") yield piece(prompt);
  if (request.maxTokens === 0) {
    yield { ...piece(""), finish_reason: "length" };
    return 0;
  }
  const cut = new StopStrings(request.stop, prompt);
  const stream = model.stream(tokens, { ...generationOptions(request, index), signal });
  try {
    let step = await stream.next();
    for (; !step.done; step = await stream.next()) {
      const text = cut.push(step.value);
      if (text !== "") yield piece(text);
    }
    const { tokens: token_ids, finishReason } = step.value;
    const finish_reason = finishReason === "stop" || finishReason === "end-of-text" ? "stop" : "length";
    yield { ...piece(cut.flush()), token_ids, finish_reason };
    return token_ids.length;
  } finally {
    // Who left before the end is not computed for.
    await stream.return(undefined as never);
  }
}

/** All at once: what the tokens' probabilities were is computed when they are all there. */
async function* completeWithLogprobs(
  model: Model,
  request: PreparedCompletion,
  one: OneCompletion,
  signal: AbortSignal,
): AsyncGenerator<Choice, number, void> {
  let text = "";
  let last: Choice | undefined;
  const steps = completeOne(model, request, one, signal);
  let step = await steps.next();
  for (; !step.done; step = await steps.next()) {
    text += step.value.text;
    last = step.value;
  }
  const all = [...one.tokens, ...last!.token_ids];
  // What follows the last token is not asked for; a single token of a prompt follows nothing.
  const logits = all.length > 1 ? (await model.forward(all.slice(0, -1), { signal })).logits : null;
  const scored = scoreTokens(all, logits, request.echo ? 0 : one.tokens.length, request.logprobs!);
  const logprobs = describeScores(scored, model.tokenizer!, text, request.echo ? one.tokens.length : 0);
  yield { ...last!, text, logprobs };
  return step.value;
}

function generationOptions(request: PreparedCompletion, index: number): GenerateOptions {
  const { maxTokens, temperature, topP, seed, stop } = request;
  const sampling = { temperature, topK: 0, topP, seed: seed + index };
  return { maxNewTokens: maxTokens, stop, doSample: temperature > 0, ...(temperature > 0 && sampling) };
}
