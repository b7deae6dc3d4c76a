import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { secureHeaders } from "hono/secure-headers";
import type { z } from "zod";
import { ApiError, bodyOf } from "./api-error.js";
import { streamCompletion, wholeCompletion } from "./completion-answer.js";
import { completionRequest, completionSettings } from "./completion-request.js";
import { prepareCompletion } from "./completions.js";
import { ENDPOINTS } from "./endpoints.js";
import { type GuardOptions, guard } from "./guard.js";
import {
  channelNeighbours,
  channelParameters,
  channelQuery,
  neuronParameters,
  neuronQuery,
  traceNeuron,
} from "./neurons.js";
import { openApiDocument } from "./openapi.js";
import { RequestTime } from "./request-time.js";
import type { ServedModel } from "./served-model.js";
import type { Site } from "./site.js";
import { staticFiles } from "./static-files.js";
import { untilAborted } from "./until-aborted.js";

export interface AppOptions extends GuardOptions {
  readonly site: Site;
  /** The first answers where a request names none. */
  readonly models: readonly ServedModel[];
  readonly version: string;
  /** Milliseconds that a request may take, waiting included. */
  readonly timeout: number;
  /** Aborted when the server closes. */
  readonly signal: AbortSignal;
  /** What a request failed by that is no fault of it. */
  readonly onFault: (error: unknown) => void;
}

/** Bytes of a request: a prompt longer than any model here reads. */
const MOST_BODY = 2 ** 18;

/** What pages may do: everything comes from here, and nothing goes elsewhere. */
const CONTENT_SECURITY_POLICY = {
  defaultSrc: ["'self'"],
  // Without it no WebAssembly is compiled.
  scriptSrc: ["'self'", "'wasm-unsafe-eval'"],
  // Charts bring style sheets of their own.
  styleSrc: ["'self'", "'unsafe-inline'"],
  // The icon.
  imgSrc: ["'self'", "data:"],
  objectSrc: ["'none'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'self'"],
};

/** The explorer's site and its API, as a function from requests to responses. */
export function createApp(options: AppOptions): Hono {
  const { site, models, version, timeout, onFault } = options;
  const app = new Hono();

  app.onError((error, c) => {
    const refusal = asRefusal(error);
    if (refusal.status === 500) onFault(error);
    if (refusal.status === 429) c.header("Retry-After", "1");
    // The rest of the request is not read.
    if (refusal.status === 413) c.header("Connection", "close");
    return c.json(bodyOf(refusal), refusal.status);
  });
  app.notFound((c) =>
    c.json(bodyOf(new ApiError(404, `There is no ${c.req.method} ${c.req.path}: see /openapi.json.`)), 404),
  );

  app.use(
    secureHeaders({
      contentSecurityPolicy: CONTENT_SECURITY_POLICY,
      // Together they isolate the pages, without which they had no shared memory, and so one thread only.
      crossOriginOpenerPolicy: "same-origin",
      crossOriginEmbedderPolicy: "require-corp",
      crossOriginResourcePolicy: "same-origin",
      strictTransportSecurity: false,
    }),
  );
  app.use(guard(options));

  const started = Math.floor(Date.now() / 1000);
  app.get("/openapi.json", (c) => c.json(openApiDocument(ENDPOINTS, version)));
  app.get("/v1/models", (c) => c.json({ object: "list", data: models.map(describe) }));

  app.post(
    "/v1/completions",
    bodyLimit({
      maxSize: MOST_BODY,
      onError: () => {
        throw new ApiError(413, `The request is larger than ${MOST_BODY} bytes.`);
      },
    }),
    async (c) => {
      if (!/^application\/json\s*(;|$)/i.test(c.req.header("content-type") ?? "")) {
        throw new ApiError(415, "The request's Content-Type must be application/json.");
      }
      const request = parse(completionRequest, asJson(await c.req.arrayBuffer()));
      const settings = completionSettings(request);
      const served = find(request.model ?? undefined);
      const time = timeOf(c.req.raw);
      const { signal } = time;
      let goesOn = false;
      try {
        time.afterwards(await served.completions.turn(signal));
        // It is loaded for those who come after, too.
        const model = await untilAborted(served.model(), signal);
        const answer = { id: served.id, model, request: prepareCompletion(model, settings), signal };
        if (!request.stream) return c.json(await wholeCompletion(answer));
        const withUsage = request.stream_options?.include_usage ?? false;
        goesOn = true;
        const stream = streamCompletion(answer, withUsage, { onFault, onEnd: () => time.end() });
        return c.body(stream, 200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
      } finally {
        if (!goesOn) time.end();
      }
    },
  );

  app.get("/neuron/:layer/:neuron", async (c) => {
    const at = parse(neuronParameters, c.req.param());
    const query = parse(neuronQuery, c.req.query());
    return c.json(
      await lookUp(c.req.raw, query.model, ({ graph }, signal) => traceNeuron(graph, at, query, signal)),
    );
  });
  app.get("/channel/:channel", async (c) => {
    const at = parse(channelParameters, c.req.param());
    const query = parse(channelQuery, c.req.query());
    return c.json(await lookUp(c.req.raw, query.model, ({ graph }) => channelNeighbours(graph, at, query)));
  });

  app.use(staticFiles(site));
  return app;

  function describe({ id, config }: ServedModel) {
    const { n_layer, d_model, d_mlp, n_head, block_size, vocab_size } = config;
    return {
      ...{ id, object: "model", created: started, owned_by: "sparselens" },
      ...{ n_layer, d_model, d_mlp, n_head, block_size, vocab_size },
    };
  }

  function find(id: string | undefined): ServedModel {
    const found = id === undefined ? models[0] : models.find((model) => model.id === id);
    if (found) return found;
    const ids = models.map((model) => model.id).join(", ");
    throw new ApiError(404, `There is no model ${JSON.stringify(id)} here: there is ${ids}.`, "model");
  }

  function timeOf({ signal }: Request): RequestTime {
    return new RequestTime([signal, options.signal], timeout);
  }

  async function lookUp<T>(
    request: Request,
    model: string | undefined,
    work: (served: ServedModel, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const served = find(model);
    const time = timeOf(request);
    try {
      return await served.lookups.run(time.signal, () => work(served, time.signal));
    } finally {
      time.end();
    }
  }
}

/** @throws ApiError naming the field that is wrong */
function parse<S extends z.ZodType>(schema: S, value: unknown): z.infer<S> {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const [{ path, message }] = error.issues;
  const where = path.length > 0 ? `${path.join(".")}: ` : "";
  throw new ApiError(400, where + message, path.length > 0 ? String(path[0]) : null);
}

function asJson(body: ArrayBuffer): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw new ApiError(400, "The request's body is not JSON in UTF-8.");
  }
}

/** What a request is at fault for is an ApiError. Anything else, such as a file that is gone, is no client's business. */
function asRefusal(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  // The client left while it was sending.
  if ((error as NodeJS.ErrnoException)?.code === "ECONNRESET")
    return new ApiError(400, "The request ended early.");
  return new ApiError(500, "This server failed; it has printed why.");
}
