import { randomUUID } from "node:crypto";
import type { Model } from "../model.js";
import { ApiError, bodyOf } from "./api-error.js";
import type { Choice, CompletionResponse } from "./completion-request.js";
import { complete, type PreparedCompletion } from "./completions.js";

export interface CompletionAnswer {
  /** Of the model. */
  readonly id: string;
  readonly model: Model;
  readonly request: PreparedCompletion;
  /** Its reason is an ApiError. */
  readonly signal: AbortSignal;
}

/** The answer as one object. */
export async function wholeCompletion(answer: CompletionAnswer): Promise<CompletionResponse> {
  const choices: Choice[] = [];
  const parts = complete(answer.model, answer.request, answer.signal);
  let part = await parts.next();
  for (; !part.done; part = await parts.next()) {
    const { index, text, ...last } = part.value;
    choices[index] = { index, text: (choices[index]?.text ?? "") + text, ...last };
  }
  return { ...envelope(answer), choices, usage: part.value };
}

/**
 * The same as server-sent events, made as fast as they are read.
 * @param onEnd called once, when there is nothing more to do for it: also when its reader left
 */
export function streamCompletion(
  answer: CompletionAnswer,
  withUsage: boolean,
  { onFault, onEnd }: { readonly onFault: (error: unknown) => void; readonly onEnd: () => void },
): ReadableStream<Uint8Array> {
  const { signal } = answer;
  const shape = envelope(answer);
  const parts = complete(answer.model, answer.request, signal);
  const encoder = new TextEncoder();
  const event = (data: object) => encoder.encode(`data: ${JSON.stringify(data)}\n\n`);
  let ended = false;
  const end = () => {
    if (ended) return;
    ended = true;
    signal.removeEventListener("abort", giveUp);
    // A generation that still runs ends before the next one's turn.
    parts
      .return(undefined as never)
      .catch(() => {})
      .then(onEnd);
  };
  let controller: ReadableStreamDefaultController<Uint8Array>;
  // A reader that takes nothing must not keep others waiting longer than anyone may.
  const giveUp = () => {
    if (ended) return;
    controller.enqueue(event(bodyOf(signal.reason)));
    controller.close();
    end();
  };
  return new ReadableStream<Uint8Array>({
    start(given) {
      controller = given;
      signal.addEventListener("abort", giveUp);
      if (signal.aborted) giveUp();
    },
    async pull() {
      try {
        const part = await parts.next();
        if (ended) return;
        if (!part.done) {
          const usage = withUsage ? { usage: null } : {};
          controller.enqueue(event({ ...shape, choices: [part.value], ...usage }));
          return;
        }
        if (withUsage) controller.enqueue(event({ ...shape, choices: [], usage: part.value }));
        controller.enqueue(encoder.encode("data: [DONE]\n\n"));
        controller.close();
        end();
      } catch (error) {
        if (ended) return;
        onFault(error);
        controller.enqueue(event(bodyOf(new ApiError(500, "This server failed; it has printed why."))));
        controller.close();
        end();
      }
    },
    cancel: end,
  });
}

function envelope({ id }: CompletionAnswer): Omit<CompletionResponse, "choices"> {
  return {
    id: `cmpl-${randomUUID()}`,
    object: "text_completion",
    created: Math.floor(Date.now() / 1000),
    model: id,
  };
}
