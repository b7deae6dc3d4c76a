import { z } from "zod";
import { errorBody } from "./api-error.js";

/** One thing that can be asked for, as the document describes it. */
export interface Endpoint {
  readonly method: "get" | "post";
  /** `/neuron/{layer}/{neuron}` */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: z.ZodObject;
  readonly query?: z.ZodObject;
  /** Schemas of bodies have an id. */
  readonly body?: z.ZodType;
  readonly response: z.ZodType;
  /** Whether the answer may come as server-sent events, each of which holds one. */
  readonly isStreamed?: boolean;
  /** Statuses of refusals, and when they come. */
  readonly refusals: Readonly<Record<number, string>>;
}

/** The OpenAPI 3.1 document: its schemas are made from those that requests are checked by. */
export function openApiDocument(endpoints: readonly Endpoint[], version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const endpoint of endpoints)
    paths[endpoint.path] = { ...paths[endpoint.path], [endpoint.method]: operation(endpoint) };
  const { schemas } = z.toJSONSchema(z.globalRegistry, { uri: uriOf, override });
  return {
    openapi: "3.1.0",
    info: {
      title: "SparseLens",
      version,
      description: "Completions of weight-sparse transformers, and what their weights connect.",
    },
    paths,
    components: {
      schemas: Object.fromEntries(
        Object.entries(schemas).map(([id, { $schema, $id, ...schema }]) => [id, schema]),
      ),
    },
  };
}

function operation({ summary, description, parameters, query, body, response, ...more }: Endpoint): object {
  const json = (schema: z.ZodType) => ({ "application/json": { schema: reference(schema) } });
  return {
    summary,
    description,
    parameters: [...parametersIn("path", parameters), ...parametersIn("query", query)],
    ...(body && { requestBody: { required: true, content: json(body) } }),
    responses: {
      200: {
        description: "What was asked for.",
        content: {
          ...json(response),
          ...(more.isStreamed && { "text/event-stream": { schema: reference(response) } }),
        },
      },
      ...Object.fromEntries(
        Object.entries(more.refusals).map(([status, when]) => [
          status,
          { description: when, content: json(errorBody) },
        ]),
      ),
    },
  };
}

function parametersIn(place: "path" | "query", schema: z.ZodObject | undefined): object[] {
  if (!schema) return [];
  const { properties = {} } = z.toJSONSchema(schema, { override });
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...rest } = property as Record<string, unknown>;
    return { name, in: place, required: place === "path", description, schema: rest };
  });
}

function reference(schema: z.ZodType): object {
  return { $ref: uriOf(schema.meta()!.id!) };
}

function uriOf(id: string): string {
  return `#/components/schemas/${id}`;
}

/** Every integer is a safe one: that needs no saying. */
function override({ jsonSchema }: { jsonSchema: { minimum?: number; maximum?: number } }): void {
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
}
