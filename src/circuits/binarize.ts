import { Random } from "../random.js";
import { firstPairs, promptOf, type TaskBatch, takePairs } from "../tasks/batch.js";
import { scoreCandidates } from "../tasks/score.js";
import type { BinarizedNodes } from "./binarized-memory.js";
import type { MaskedModel } from "./masked-model.js";

export interface BinarizationSettings {
  readonly steps: number;
  /** Pairs in a step. */
  readonly batchPairs: number;
  /** Of Adam, in ranges of each node's activations; it falls linearly to 0. */
  readonly learningRate: number;
  /** Pairs on which thresholds are tried. */
  readonly trialPairs: number;
  readonly seed: number;
}

export const BINARIZATION_DEFAULTS: BinarizationSettings = {
  ...{ steps: 100, batchPairs: 32, learningRate: 0.005, trialPairs: 16, seed: 0 },
};

export interface Binarization {
  /** Steps as they were first set. */
  readonly initial: BinarizedNodes;
  /** After training. */
  readonly trained: BinarizedNodes;
}

/** Thresholds that are tried, in the range of a node's activations. */
const THRESHOLDS = [1 / 4, 1 / 2, 3 / 4];
/** How soft steps are at first, in ranges of activations, and how that falls with progress. */
const SOFTNESS = 1 / 8;
const SHARPENING = 5;

/**
 * Makes every node of a circuit a step of two values (paper, appendix C). Of three thresholds that node's is taken which,
 * binarised alone, costs the least, with the means of the activations on its two sides; then values and thresholds are
 * trained on the task, while activations give way to steps (mix = progress) that get ever sharper (temperature = range / 8 ·
 * (1 − progress)^5).
 * @param nodes ascending
 */
export async function binarize(
  masked: MaskedModel,
  train: TaskBatch,
  nodes: readonly number[],
  settings: BinarizationSettings,
  { signal, onStep }: { signal?: AbortSignal; onStep?: (done: number, total: number) => void } = {},
): Promise<Binarization> {
  const masks = masked.masksOf(nodes);
  const sample = firstPairs(train, settings.trialPairs);
  const observed = await observe(masked, sample, nodes, signal);
  const total = nodes.length + settings.steps;
  const steps: Step[] = [];
  for (const [i, values] of observed.entries()) {
    signal?.throwIfAborted();
    onStep?.(i, total);
    const candidates = candidateSteps(values);
    const losses: number[] = [];
    for (const step of candidates.length > 1 ? candidates : []) {
      const binarized = hard(asNodes([nodes[i]], [step]));
      const [logits] = await masked.evaluate(sample, [masks], { binarized, signal });
      losses.push(scoreCandidates(logits).loss);
    }
    steps.push(candidates[losses.indexOf(Math.min(...losses))] ?? candidates[0]);
  }
  const initial = hard(asNodes(nodes, steps));
  const ranges = observed.map((values) => range(values)[1] - range(values)[0]);
  const trained = await trainSteps(masked, train, masks, initial, ranges, settings, (done) => {
    onStep?.(nodes.length + done, total);
    signal?.throwIfAborted();
  });
  return { initial, trained };
}

interface Step {
  readonly left: number;
  readonly right: number;
  readonly threshold: number;
}

/** The activations of each node at every token, in the model run as the circuit. */
async function observe(
  { model, index, constants }: MaskedModel,
  batch: TaskBatch,
  nodes: readonly number[],
  signal?: AbortSignal,
): Promise<number[][]> {
  const isNode = new Set(nodes);
  const others = Array.from({ length: index.count }, (_, node) => node).filter((node) => !isNode.has(node));
  const channels = Object.fromEntries(
    [...index.byLocation(others)].map(([{ name, offset }, list]) => [
      name,
      { channels: list, values: list.map((channel) => constants[offset + channel]) },
    ]),
  );
  const prompts = Array.from({ length: 2 * batch.count }, (_, i) => promptOf(batch, i));
  const byLocation = index.byLocation(nodes);
  const record = [...byLocation.keys()].map(({ name }) => name);
  if (record.length === 0) return [];
  const { activations } = await model.forward(prompts, {
    ...{ ablation: { channels }, record, logits: "none", signal },
  });
  return [...byLocation].flatMap(([{ name, width }, list]) =>
    list.map((channel) =>
      activations
        .get(name)!
        .flatMap(({ data }) =>
          Array.from({ length: data.length / width }, (_, token) => data[token * width + channel]),
        ),
    ),
  );
}

function range(values: readonly number[]): [number, number] {
  return values.reduce(
    ([least, most], value) => [Math.min(least, value), Math.max(most, value)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
}

function candidateSteps(values: readonly number[]): Step[] {
  const [least, most] = range(values);
  if (least === most) return [{ left: least, right: least, threshold: least }];
  const mean = (some: readonly number[]) => some.reduce((sum, value) => sum + value, 0) / some.length;
  return THRESHOLDS.map((at) => {
    const threshold = least + at * (most - least);
    return {
      threshold,
      left: mean(values.filter((value) => value <= threshold)),
      right: mean(values.filter((value) => value > threshold)),
    };
  });
}

function asNodes(
  nodes: readonly number[],
  steps: readonly Step[],
): Omit<BinarizedNodes, "temperature" | "mix"> {
  const column = (key: keyof Step) => Float32Array.from(steps, (step) => step[key]);
  return { nodes, left: column("left"), right: column("right"), threshold: column("threshold") };
}

/** Nothing but two values. */
function hard(nodes: Omit<BinarizedNodes, "temperature" | "mix">): BinarizedNodes {
  return { ...nodes, temperature: new Float32Array(nodes.nodes.length), mix: 1 };
}

const TRAINED = ["left", "right", "threshold"] as const;
const [BETA1, BETA2, EPSILON] = [0.9, 0.99, 1e-8];

/** Adam, on parameters in units of the ranges of their nodes. */
async function trainSteps(
  masked: MaskedModel,
  train: TaskBatch,
  masks: Float32Array,
  initial: BinarizedNodes,
  ranges: readonly number[],
  { steps, batchPairs, learningRate, seed }: BinarizationSettings,
  onStep: (done: number) => void,
): Promise<BinarizedNodes> {
  const random = new Random(seed);
  const [left, right, threshold] = TRAINED.map((name) => initial[name].slice());
  const values = { left, right, threshold };
  const moments = TRAINED.map(() => ({
    first: new Float64Array(ranges.length),
    second: new Float64Array(ranges.length),
  }));
  const pairs = Array.from({ length: train.count }, (_, pair) => pair);
  for (let step = 0; step < steps; step++) {
    onStep(step);
    const progress = step / steps;
    const binarized = {
      ...{ nodes: initial.nodes, ...values, mix: progress },
      temperature: Float32Array.from(ranges, (width) => SOFTNESS * width * (1 - progress) ** SHARPENING),
    };
    const batch = takePairs(train, random.shuffle([...pairs]).slice(0, batchPairs));
    const gradient = await masked.binarizedGradient(batch, masks, binarized);
    const rate = learningRate * (1 - progress);
    TRAINED.forEach((name, parameter) => {
      const { first, second } = moments[parameter];
      for (const [i, width] of ranges.entries()) {
        const slope = gradient[name][i] * width;
        first[i] = BETA1 * first[i] + (1 - BETA1) * slope;
        second[i] = BETA2 * second[i] + (1 - BETA2) * slope * slope;
        const [mean, square] = [first[i] / (1 - BETA1 ** (step + 1)), second[i] / (1 - BETA2 ** (step + 1))];
        values[name][i] -= width * rate * (mean / (Math.sqrt(square) + EPSILON));
      }
    });
  }
  return hard({ nodes: initial.nodes, ...values });
}
