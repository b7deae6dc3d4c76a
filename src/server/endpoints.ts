import { z } from "zod";
import { completionRequest, completionResponse } from "./completion-request.js";
import {
  channelConnections,
  channelParameters,
  channelQuery,
  neuronConnections,
  neuronParameters,
  neuronQuery,
} from "./neurons.js";
import type { Endpoint } from "./openapi.js";

const modelList = z
  .object({
    object: z.literal("list"),
    data: z.array(
      z.object({
        ...{ id: z.string(), object: z.literal("model"), created: z.int(), owned_by: z.string() },
        ...{ n_layer: z.int(), d_model: z.int(), d_mlp: z.int(), n_head: z.int() },
        ...{ block_size: z.int(), vocab_size: z.int() },
      }),
    ),
  })
  .meta({ id: "ModelList" });

const refusals = {
  400: "Something of the request is wrong: `param` names it.",
  403: "A page of another site asked, or the server was asked by another name than its own.",
  404: "There is no such model.",
  429: "Too many requests wait already.",
  503: "It took too long.",
};

export const ENDPOINTS: readonly Endpoint[] = [
  {
    ...{ method: "get", path: "/v1/models", summary: "The models that are served" },
    response: modelList,
    refusals: { 403: refusals[403] },
  },
  {
    ...{ method: "post", path: "/v1/completions", summary: "Continue prompts" },
    description: "In the shape of the OpenAI API. With `stream`, each event holds a part of the answer.",
    ...{ body: completionRequest, response: completionResponse, isStreamed: true },
    refusals: { ...refusals, 413: "The request is too large.", 415: "The request is not JSON." },
  },
  {
    ...{
      method: "get",
      path: "/neuron/{layer}/{neuron}",
      summary: "What an MLP neuron feeds, and what feeds it",
    },
    description: "Through channels of the residual stream, by weight alone.",
    ...{ parameters: neuronParameters, query: neuronQuery, response: neuronConnections, refusals },
  },
  {
    ...{ method: "get", path: "/channel/{channel}", summary: "Which MLP neurons read and write a channel" },
    description: "A channel of the residual stream; the largest |weight| of each layer first.",
    ...{ parameters: channelParameters, query: channelQuery, response: channelConnections, refusals },
  },
];
