import type { NodeAblation } from "../model/ablation.js";
import type { Intervention, Interventions } from "../model/hooks.js";
import type { Model } from "../model.js";
import { promptOf, type TaskBatch } from "../tasks/batch.js";
import { scoreCandidates, type TaskScore } from "../tasks/score.js";
import type { Tensor } from "../tensor.js";
import { type Channels, type ExchangePositions, exchange } from "./exchange.js";

export interface InterveneOptions {
  readonly model: Model;
  readonly batch: TaskBatch;
  /** How the model is run before and after: as a circuit, say. */
  readonly ablation?: NodeAblation;
  /** What is replaced by constants. */
  readonly constants?: Interventions;
  /** What takes its value from the other prompt of the pair. */
  readonly exchanged?: { readonly channels: Channels; readonly at: ExchangePositions };
  readonly signal?: AbortSignal;
}

/** How a model does a task before or after an intervention. */
export interface IntervenedScore extends Pick<TaskScore, "loss" | "accuracy"> {
  /** Mean logit of the first answer minus that of the second, after the first and after the second prompts. */
  readonly margins: readonly [number, number];
}

export interface InterventionEffect {
  readonly pairs: number;
  readonly before: IntervenedScore;
  readonly after: IntervenedScore;
  /**
   * How much of the difference between the sides' margins is left: 1 where nothing changes, 0 where both sides are answered
   * alike, -1 where they have changed places.
   */
  readonly differenceLeft: number;
}

/** Prompts of one call, even: pairs stay together. */
const CHUNK = 64;

/** What an intervention does to a task: whether what is said of some nodes is true. */
export async function intervene(options: InterveneOptions): Promise<InterventionEffect> {
  const { model, batch, ablation, constants = {}, exchanged, signal } = options;
  const prompts = batch.lengths.length;
  const logits = { before: new Float32Array(2 * prompts), after: new Float32Array(2 * prompts) };
  for (let start = 0; start < prompts; start += CHUNK) {
    const sequences = Array.from({ length: Math.min(CHUNK, prompts - start) }, (_, i) =>
      promptOf(batch, start + i),
    );
    // Each call draws anew what is resampled, the same before and after.
    const drawn = ablation && { ...ablation, seed: (ablation.seed ?? 0) + start };
    const common = { ablation: drawn, logits: "last" as const, signal };
    const record = exchanged ? [...exchanged.channels.keys()] : undefined;
    const before = await model.forward(sequences, { ...common, record });
    const exchanges = exchanged && exchange(exchanged.channels, sequences, before.activations, exchanged.at);
    const after = await model.forward(sequences, {
      ...common,
      interventions: joined(constants, exchanges ?? {}),
    });
    pick(before.logits, batch, start, logits.before);
    pick(after.logits, batch, start, logits.after);
  }
  const [before, after] = [scoreOf(logits.before), scoreOf(logits.after)];
  const difference = ({ margins: [first, second] }: IntervenedScore) => first - second;
  return { pairs: batch.count, before, after, differenceLeft: difference(after) / difference(before) };
}

/** Constants first, at one and the same hook point. */
function joined(constants: Interventions, exchanges: Interventions): Interventions {
  const list = (one: Interventions[string] | undefined): readonly Intervention[] =>
    one === undefined ? [] : Array.isArray(one) ? (one as readonly Intervention[]) : [one as Intervention];
  const points = new Set([...Object.keys(constants), ...Object.keys(exchanges)]);
  return Object.fromEntries(
    [...points].map((point) => [point, [...list(constants[point]), ...list(exchanges[point])]]),
  );
}

function pick(all: readonly Tensor[], { candidates }: TaskBatch, start: number, into: Float32Array): void {
  all.forEach(({ data }, i) => {
    for (const side of [0, 1]) into[2 * (start + i) + side] = data[candidates[2 * (start + i) + side]];
  });
}

function scoreOf(logits: Float32Array): IntervenedScore {
  const { loss, accuracy } = scoreCandidates(logits);
  const margins: [number, number] = [0, 0];
  const prompts = logits.length / 2;
  for (let i = 0; i < prompts; i++) {
    const margin = logits[2 * i] - logits[2 * i + 1];
    margins[i % 2] += (i % 2 === 0 ? margin : -margin) / (prompts / 2);
  }
  return { loss, accuracy, margins };
}
