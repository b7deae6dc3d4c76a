import type { ContentfulStatusCode } from "hono/utils/http-status";
import { z } from "zod";

/** A refusal with its status, in the shape that clients of the OpenAI API read. */
export class ApiError extends Error {
  constructor(
    readonly status: ContentfulStatusCode,
    message: string,
    /** The field of the request that is wrong. */
    readonly param: string | null = null,
  ) {
    super(message);
  }
}

export const errorBody = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.enum(["invalid_request_error", "rate_limit_error", "server_error"]),
      param: z.string().nullable().meta({ description: "The field of the request that is wrong." }),
      code: z.string().nullable(),
    }),
  })
  .meta({ id: "Error" });

export function bodyOf({ status, message, param }: ApiError): z.infer<typeof errorBody> {
  const type = status === 429 ? "rate_limit_error" : status >= 500 ? "server_error" : "invalid_request_error";
  return { error: { message, type, param, code: null } };
}
