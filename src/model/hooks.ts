import type { Arena } from "../engine/memory.js";
import type { HookActions, HookTable } from "../engine/operations.js";
import type { Thread } from "../engine/thread.js";
import { SparseLensError } from "../errors.js";
import type { Tensor } from "../tensor.js";
import type { HookPoint } from "./description.js";

/** A RegExp matches anywhere in a hook point's name; a string is exact, or a glob in which `*` stands for anything. */
export type HookPattern = string | RegExp | readonly (string | RegExp)[];

/** Where a value given to a HookFunction comes from. */
export interface HookContext {
  readonly point: string;
  /** Index of the sequence in the batch. */
  readonly sequence: number;
  /**
   * Position of the value's first row in its sequence: not 0 while generating from a cache, nor when the sequence has
   * outgrown the model and only its end is computed.
   */
  readonly position: number;
}

/**
 * Gets one sequence's value `[tokens, width]`, after AbsTopK; what it returns takes its place. Returning nothing keeps
 * the value, with whatever was written into its data.
 */
export type HookFunction = (
  value: Tensor,
  context: HookContext,
) => Tensor | Float32Array | undefined | Promise<Tensor | Float32Array | undefined>;

/** Sets channels to constants: an ablation, or an edit. */
export interface ChannelIntervention {
  /** Default: all. */
  readonly channels?: readonly number[];
  /** One constant, or one for each of `channels` (their means, say). */
  readonly value: number | ArrayLike<number>;
  /** Positions in the sequence; default: all. */
  readonly positions?: readonly number[];
}

export type Intervention = "zero" | ChannelIntervention | HookFunction;

/** Hook point, or a glob of several, → what to do there, in order. */
export type Interventions = Readonly<Record<string, Intervention | readonly Intervention[]>>;

/** What to do at one hook point: plain data, posted to the threads. */
export interface HookPlan {
  readonly point: string;
  readonly width: number;
  readonly record: boolean;
  readonly replacements: readonly (
    | {
        readonly kind: "channels";
        readonly channels: Uint32Array;
        readonly values: Float32Array;
        readonly positions: readonly number[] | null;
      }
    | { readonly kind: "function"; readonly id: number }
  )[];
}

/** @throws SparseLensError when a pattern matches no hook point */
export function matchHookPoints(pattern: HookPattern, points: readonly HookPoint[]): HookPoint[] {
  const patterns = typeof pattern === "string" || pattern instanceof RegExp ? [pattern] : pattern;
  const matched = new Set<HookPoint>();
  for (const one of patterns) {
    const expression =
      typeof one === "string" ? globToRegExp(one) : new RegExp(one.source, one.flags.replace(/[gy]/g, ""));
    const found = points.filter(({ name }) => expression.test(name));
    if (found.length === 0) {
      const names = points.slice(0, 11).map(({ name }) => name);
      throw new SparseLensError(
        `${one} matches no hook point. They are ${names.join(", ")}, the same for each layer, and final_resid.`,
      );
    }
    for (const point of found) matched.add(point);
  }
  return points.filter((point) => matched.has(point));
}

function globToRegExp(glob: string): RegExp {
  const literal = glob.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${literal.join(".*")}$`);
}

/**
 * Turns what the caller asked for into a plan without functions, and the functions by their number.
 * @throws SparseLensError naming the hook point: no such point or channel, or constants that do not fit
 */
export function planHooks(
  points: readonly HookPoint[],
  record: HookPattern | undefined,
  interventions: Interventions | undefined,
): { plan: HookPlan[]; functions: HookFunction[] } {
  const recorded = new Set(record === undefined ? [] : matchHookPoints(record, points));
  const functions: HookFunction[] = [];
  const replacements = new Map<HookPoint, HookPlan["replacements"][number][]>();
  for (const [pattern, given] of Object.entries(interventions ?? {})) {
    for (const point of matchHookPoints(pattern, points)) {
      const list = replacements.get(point) ?? [];
      replacements.set(point, list);
      for (const intervention of Array.isArray(given) ? given : [given]) {
        if (typeof intervention === "function") {
          functions.push(intervention);
          list.push({ kind: "function", id: functions.length - 1 });
        } else {
          const channels = intervention === "zero" ? { value: 0 } : (intervention as ChannelIntervention);
          list.push(planChannels(point, channels));
        }
      }
    }
  }
  const plan = points
    .filter((point) => recorded.has(point) || replacements.has(point))
    .map((point) => ({
      point: point.name,
      width: point.width,
      record: recorded.has(point),
      replacements: replacements.get(point) ?? [],
    }));
  return { plan, functions };
}

function planChannels({ name, width }: HookPoint, intervention: ChannelIntervention) {
  const { value } = intervention;
  const positions = intervention.positions === undefined ? null : Array.from(intervention.positions);
  const wrong = positions?.find((position) => !Number.isInteger(position) || position < 0);
  if (wrong !== undefined) {
    throw new SparseLensError(`${name}: position ${wrong} does not exist: positions are integers from 0.`);
  }
  const channels = intervention.channels ?? Array.from({ length: width }, (_, channel) => channel);
  for (const channel of channels) {
    if (!Number.isInteger(channel) || channel < 0 || channel >= width) {
      throw new SparseLensError(
        `${name}:${channel} does not exist: ${name} has the channels 0 to ${width - 1}.`,
      );
    }
  }
  if (typeof value !== "number" && value?.length !== channels.length) {
    throw new SparseLensError(
      `${name}: an intervention on ${channels.length} channels needs one value, or as many; got ${value?.length ?? String(value)}.`,
    );
  }
  const values = new Float32Array(channels.length);
  if (typeof value === "number") values.fill(value);
  else values.set(value);
  return { kind: "channels" as const, channels: Uint32Array.from(channels), values, positions };
}

/** A plan in the engine's memory. In two steps, since all memory of a call is claimed before it is written. */
export function reserveHooks(
  thread: Thread,
  arena: Arena,
  plan: readonly HookPlan[],
): { table: HookTable; write(): void } {
  const writes: (() => void)[] = [];
  const table = new Map<string, HookActions>();
  for (const { point, record, replacements } of plan) {
    const placed = replacements.map((replacement) => {
      if (replacement.kind === "function") return replacement;
      const count = replacement.channels.length;
      const channels = arena.bytes(4 * count);
      const values = arena.floats(count);
      writes.push(() => {
        new Uint32Array(thread.memory.bytes.buffer, channels, count).set(replacement.channels);
        thread.memory.floats(values, count).set(replacement.values);
      });
      return { kind: "channels" as const, channels, values, count, positions: replacement.positions };
    });
    table.set(point, { record, replacements: placed });
  }
  return {
    table,
    write() {
      if (thread.index === 0) for (const write of writes) write();
      thread.barrier();
    },
  };
}
