import type { AblatedChannels } from "../engine/ablated.js";
import type { Arena } from "../engine/memory.js";
import type { Thread } from "../engine/thread.js";
import { SparseLensError } from "../errors.js";
import { Random } from "../random.js";
import type { HookPoint } from "./description.js";
import type { HookPlan } from "./hooks.js";
import type { WeightEdit } from "./weight-edits.js";

/** Channels that are ablated on all tokens alike: a model as a circuit, or without it. */
export interface NodeAblation {
  /** By hook point. `values`: the constant in place of each channel; null: resampled. */
  readonly channels: Readonly<
    Record<string, { readonly channels: readonly number[]; readonly values: ArrayLike<number> | null }>
  >;
  /**
   * Where resampled values come from: each sequence takes those at the same positions of one of these, drawn at random
   * among those at least as long.
   */
  readonly resampleFrom?: readonly ArrayLike<number>[];
  /** Of that draw. */
  readonly seed?: number;
  /** Norms scale by what they would have without ablation, token for token. */
  readonly frozenNorms?: boolean;
  /** AbsTopK keeps what it would have without ablation, token for token; of those, what was zero there stays zero. */
  readonly frozenSupports?: boolean;
  /** Weights that are ablated. */
  readonly edits?: readonly WeightEdit[];
}

/** The same as plain data, posted to the threads. */
export interface AblationPlan {
  readonly points: readonly {
    readonly point: string;
    readonly channels: Uint32Array;
    /** null: resampled. */
    readonly values: Float32Array | null;
  }[];
  /** For each sequence the tokens whose activations are taken, as many as its own. */
  readonly sources: readonly (readonly number[])[] | null;
  readonly frozenNorms: boolean;
  readonly frozenSupports: boolean;
  readonly edits: readonly WeightEdit[];
}

/** @throws SparseLensError for points or channels that do not exist, or sources that are missing or too short */
export function planAblation(
  points: readonly HookPoint[],
  ablation: NodeAblation,
  sequences: readonly (readonly number[])[],
): AblationPlan {
  const widths = new Map(points.map(({ name, width }) => [name, width]));
  const plans = Object.entries(ablation.channels).map(([point, { channels, values }]) => {
    const width = widths.get(point);
    if (width === undefined) throw new SparseLensError(`ablation: there is no hook point ${point}.`);
    const wrong = channels.find((channel) => !Number.isInteger(channel) || channel < 0 || channel >= width);
    if (wrong !== undefined) {
      throw new SparseLensError(
        `ablation: ${point}:${wrong} does not exist: ${point} has the channels 0 to ${width - 1}.`,
      );
    }
    if (values && values.length !== channels.length) {
      throw new SparseLensError(
        `ablation: ${point} has ${channels.length} channels but ${values.length} values.`,
      );
    }
    return { point, channels: Uint32Array.from(channels), values: values && Float32Array.from(values) };
  });
  const isResampled = plans.some(({ values }) => values === null);
  const { resampleFrom, seed = 0, frozenNorms = false, frozenSupports = false, edits = [] } = ablation;
  return {
    points: plans.filter(({ channels }) => channels.length > 0),
    sources: isResampled ? drawSources(sequences, resampleFrom ?? [], seed) : null,
    ...{ frozenNorms, frozenSupports, edits },
  };
}

function drawSources(
  sequences: readonly (readonly number[])[],
  sources: readonly ArrayLike<number>[],
  seed: number,
): number[][] {
  const random = new Random(seed);
  return sequences.map(({ length }) => {
    const fitting = sources.filter((source) => source.length >= length);
    if (fitting.length === 0) {
      throw new SparseLensError(
        `ablation: a sequence of ${length} tokens cannot be resampled from ${sources.length} sequences of which none is as long. Give longer ones in resampleFrom, of a corpus for example.`,
      );
    }
    return Array.prototype.slice.call(random.choice(fitting), 0, length) as number[];
  });
}

/** Constants in place of channels, as hooks: what needs no second pass. */
export function ablationHooks(plan: AblationPlan, points: readonly HookPoint[]): HookPlan[] {
  return plan.points.map(({ point, channels, values }) => ({
    ...{ point, width: points.find(({ name }) => name === point)!.width, record: false },
    replacements: [{ kind: "channels" as const, channels, values: values!, positions: null }],
  }));
}

/** One plan after another, at each hook point. */
export function joinHooks(first: readonly HookPlan[], second: readonly HookPlan[]): HookPlan[] {
  const joined = new Map(first.map((hook) => [hook.point, hook]));
  for (const hook of second) {
    const before = joined.get(hook.point);
    const replacements = [...(before?.replacements ?? []), ...hook.replacements];
    joined.set(hook.point, { ...hook, record: hook.record || before?.record === true, replacements });
  }
  return [...joined.values()];
}

/** A plan in the engine's memory. In two steps, since all memory of a call is claimed before it is written. */
export function reserveAblation(
  thread: Thread,
  arena: Arena,
  { points }: AblationPlan,
): { table: ReadonlyMap<string, AblatedChannels>; write(): void } {
  const writes: (() => void)[] = [];
  const table = new Map(
    points.map(({ point, channels, values }) => {
      const count = channels.length;
      const placed = { channels: arena.bytes(4 * count), values: values ? arena.floats(count) : 0, count };
      writes.push(() => {
        new Uint32Array(thread.memory.bytes.buffer, placed.channels, count).set(channels);
        if (values) thread.memory.floats(placed.values, count).set(values);
      });
      return [point, placed] as const;
    }),
  );
  return {
    table,
    write() {
      if (thread.index === 0) for (const write of writes) write();
      thread.barrier();
    },
  };
}
