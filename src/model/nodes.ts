import { SparseLensError } from "../errors.js";
import type { ChannelIntervention, Interventions } from "./hooks.js";

/** Nodes as they are written in text: some channels of a hook point, or all of them. */
export interface NodeExpression {
  /** A hook point, or a glob of several. */
  readonly point: string;
  /** Ascending; absent: all. */
  readonly channels?: readonly number[];
}

/** Wider than any hook point: a longer range is a mistake, not a list to be made. */
const MOST_CHANNELS = 2 ** 20;

/**
 * Reads `4.attn.resid_delta:1079`, `0.mlp.post_act:3,17,40-50` (both ends included), `0.mlp.post_act` or
 * `*.mlp.post_act`. Whether such points and channels exist is for the model to say.
 * @throws SparseLensError quoting what cannot be read
 */
export function parseNode(text: string): NodeExpression {
  const fail = (problem: string): never => {
    throw new SparseLensError(
      `${JSON.stringify(text)} is not a node: ${problem}. Write a hook point, with channels or without, such as 4.attn.resid_delta:1079, 0.mlp.post_act:3,17,40-50 or *.mlp.post_act.`,
    );
  };
  const colon = text.indexOf(":");
  const point = colon < 0 ? text : text.slice(0, colon);
  if (!/^[\w.*]+$/.test(point)) fail(`${JSON.stringify(point)} is not the name of a hook point`);
  if (colon < 0) return { point };

  const channels = new Set<number>();
  for (const item of text.slice(colon + 1).split(",")) {
    const range = /^(\d+)(?:-(\d+))?$/.exec(item);
    if (!range) return fail(`${JSON.stringify(item)} is neither a channel nor a range of channels`);
    const first = Number(range[1]);
    const last = range[2] === undefined ? first : Number(range[2]);
    if (last < first) fail(`the range ${item} ends before it begins`);
    if (last >= MOST_CHANNELS) fail(`no hook point has a channel ${last}`);
    for (let channel = first; channel <= last; channel++) channels.add(channel);
  }
  return { point, channels: [...channels].sort((a, b) => a - b) };
}

/**
 * Reads ablations: nodes, optionally followed by the constant that takes their place (`0.mlp.post_act:3=0.5`); zero
 * unless given. Those of one hook point (or glob) apply in order, where its name first occurs.
 * @throws SparseLensError quoting what cannot be read
 */
export function parseAblations(texts: readonly string[]): Interventions {
  const interventions = new Map<string, ChannelIntervention[]>();
  for (const text of texts) {
    const equals = text.indexOf("=");
    const { point, channels } = parseNode(equals < 0 ? text : text.slice(0, equals));
    const value = equals < 0 ? 0 : parseConstant(text, text.slice(equals + 1));
    interventions.set(point, [...(interventions.get(point) ?? []), { channels, value }]);
  }
  return Object.fromEntries(interventions);
}

function parseConstant(text: string, constant: string): number {
  const value = Number(constant);
  if (!/^[-+.\deE]+$/.test(constant) || !Number.isFinite(value)) {
    throw new SparseLensError(
      `${JSON.stringify(text)}: ${JSON.stringify(constant)} is not a number. After = comes the constant that takes the nodes' place.`,
    );
  }
  return value;
}
