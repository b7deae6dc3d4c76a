import { TextStream } from "../generation/text-stream.js";
import type { Tensor } from "../tensor.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import type { Logprobs } from "./completion-request.js";

/** A token with its log probability among all, and the most probable in its place. Nothing precedes the first of a prompt. */
interface Scored {
  readonly token: number;
  readonly logprob: number | null;
  readonly top: readonly { readonly token: number; readonly logprob: number }[] | null;
}

/**
 * Log probabilities of tokens.
 * @param logits `[tokens − 1, vocab]`: of what follows each but the last; null where there is only one
 * @param from the first token that is asked for
 * @param count of the most probable ones
 */
export function scoreTokens(
  tokens: readonly number[],
  logits: Tensor | null,
  from: number,
  count: number,
): Scored[] {
  return tokens.slice(from).map((token, i) => {
    const position = from + i - 1;
    if (position < 0 || !logits) return { token, logprob: null, top: null };
    const width = logits.shape[1];
    const row = logits.data.subarray(position * width, (position + 1) * width);
    const largest = row.reduce((a, b) => Math.max(a, b));
    const total = largest + Math.log(row.reduce((sum, value) => sum + Math.exp(value - largest), 0));
    const best = mostProbable(row, count);
    // The token itself is always among them.
    const top = (best.includes(token) ? best : [...best, token]).map((one) => ({
      token: one,
      logprob: row[one] - total,
    }));
    return { token, logprob: row[token] - total, top };
  });
}

function mostProbable(row: Float32Array, count: number): number[] {
  const best: number[] = [];
  if (count === 0) return best;
  for (let i = 0; i < row.length; i++) {
    if (best.length === count && row[i] <= row[best[count - 1]]) continue;
    let at = best.length;
    while (at > 0 && row[best[at - 1]] < row[i]) at--;
    best.splice(at, 0, i);
    if (best.length > count) best.pop();
  }
  return best;
}

/**
 * In the shape of the API: tokens as texts. Those that begin behind the end of `text` (a stop text) are left out.
 * @param prompt how many of them are the prompt's: of others, the text leaves out special ones
 */
export function describeScores(
  scored: readonly Scored[],
  tokenizer: Tokenizer,
  text: string,
  prompt: number,
): Logprobs {
  const result: Logprobs = { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] };
  const stream = new TextStream(tokenizer);
  let offset = 0;
  for (const [i, { token, logprob, top }] of scored.entries()) {
    const isHidden = i >= prompt && tokenizer.isSpecial(token);
    if (offset >= text.length && !isHidden) break;
    result.tokens.push(textOf(token, tokenizer));
    result.token_logprobs.push(logprob);
    result.top_logprobs.push(
      top && Object.fromEntries(top.map((one) => [textOf(one.token, tokenizer), one.logprob])),
    );
    result.text_offset.push(offset);
    if (!isHidden) offset += stream.push(token).length;
  }
  return result;
}

/** A token's text; its bytes where they are no whole characters. */
function textOf(token: number, tokenizer: Tokenizer): string {
  const bytes = tokenizer.tokenBytes(token);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return `bytes:${Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")}`;
  }
}
