import { SparseLensError } from "../errors.js";
import type { HookPoint } from "../model/description.js";
import { type HookFunction, type Interventions, matchHookPoints } from "../model/hooks.js";
import { parseNode } from "../model/nodes.js";
import type { Tensor } from "../tensor.js";

/** Where the two prompts of a pair exchange values. */
export const EXCHANGE_POSITIONS = ["all", "differing", "last"] as const;
/**
 * `all`: at every position of prompts of the same length, of others from where they end alike; `differing`: at tokens in
 * which prompts of the same length differ; `last`: at the last token.
 */
export type ExchangePositions = (typeof EXCHANGE_POSITIONS)[number];

/** Channels by hook point. */
export type Channels = ReadonlyMap<string, readonly number[]>;

/**
 * Channels take the values that they have in the other prompt of the pair: prompts 2p and 2p + 1.
 * @param activations of the same prompts, at these hook points
 */
export function exchange(
  channels: Channels,
  sequences: readonly Int32Array[],
  activations: ReadonlyMap<string, readonly Tensor[]>,
  at: ExchangePositions = "all",
): Interventions {
  const positions = sequences.map((sequence, i) => exchanged(sequence, sequences[i ^ 1], at));
  return Object.fromEntries(
    [...channels].map(([point, list]) => {
      const replace: HookFunction = ({ data, shape: [, width] }, { sequence }) => {
        const other = activations.get(point)![sequence ^ 1].data;
        const shift = sequences[sequence ^ 1].length - sequences[sequence].length;
        for (const row of positions[sequence]) {
          for (const channel of list) data[row * width + channel] = other[(row + shift) * width + channel];
        }
        return undefined;
      };
      return [point, replace];
    }),
  );
}

function exchanged(tokens: Int32Array, other: Int32Array, at: ExchangePositions): number[] {
  if (at === "last") return [tokens.length - 1];
  const rows = Array.from(tokens, (_, row) => row);
  if (at === "all") return rows.slice(firstExchanged(tokens, other));
  return tokens.length === other.length ? rows.filter((row) => tokens[row] !== other[row]) : [];
}

/** Position from which on two prompts correspond: 0 where they have equally many tokens, else that of their common end. */
export function firstExchanged(tokens: Int32Array, other: Int32Array): number {
  if (tokens.length === other.length) return 0;
  let common = 0;
  while (
    common < Math.min(tokens.length, other.length) &&
    tokens[tokens.length - 1 - common] === other[other.length - 1 - common]
  ) {
    common++;
  }
  return tokens.length - common;
}

/**
 * Nodes as people write them (`0.attn.resid_delta:7`, `1.attn.y:16-31`, `*.mlp.post_act`): also at hook points that are
 * no locations of nodes.
 * @throws SparseLensError for what cannot be read or the model does not have
 */
export function channelsOf(texts: readonly string[], points: readonly HookPoint[]): Channels {
  const channels = new Map<string, Set<number>>();
  for (const text of texts) {
    const node = parseNode(text);
    for (const { name, width } of matchHookPoints(node.point, points)) {
      const wanted = node.channels ?? Array.from({ length: width }, (_, channel) => channel);
      const beyond = wanted.find((channel) => channel >= width);
      if (beyond !== undefined) {
        throw new SparseLensError(`${text}: ${name} has the channels 0 to ${width - 1}, and no ${beyond}.`);
      }
      channels.set(name, new Set([...(channels.get(name) ?? []), ...wanted]));
    }
  }
  return new Map([...channels].map(([point, set]) => [point, [...set].sort((a, b) => a - b)]));
}
