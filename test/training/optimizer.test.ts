import { describe, expect, test } from "vitest";
import { Random } from "../../src/random.js";
import { parseTrainingConfig, type TrainingConfig, trainingSteps } from "../../src/training/config.js";
import { type ParameterPlan, planParameters } from "../../src/training/parameters.js";
import { planStep, type StepPlan } from "../../src/training/schedule.js";
import type { TrainingSession, TrainResult } from "../../src/training/train-program.js";
import { project } from "../support/projection.js";
import { createThread, finish, gradientsOf, sequencesOf, startSession } from "../support/training.js";

type Tensors = ReadonlyMap<string, Float32Array>;

/** Widths that are no multiples of 32, and past it. */
const tiny = {
  ...{ vocab_size: 37, n_layer: 1, d_model: 36, d_head: 9, d_mlp: 40, block_size: 12, batch_size: 2 },
  ...{ afrac: 0.5, tokens: 24 * 6, learning_rate: 0.01, density: 0.2, minimum_nonzeros: 2 },
};

const configOf = (keys: Record<string, unknown>) => parseTrainingConfig({ ...tiny, ...keys }, "test");

/** Weights of rows and columns of very different sizes, so that floors have something to spare. */
function drawWeights(config: TrainingConfig, random: Random, size = 0.1): Map<string, Float32Array> {
  return new Map(
    planParameters(config).map(({ name, shape, isTrained }) => {
      const columns = shape.at(-1)!;
      const count = shape.reduce((product, length) => product * length, 1);
      const mean = /ln_\w+\.weight/.test(name) ? 1 : 0;
      const fade = (i: number) => size * 10 ** -((i % 3) + (Math.floor(i / columns) % 3));
      const draw = (_: unknown, i: number) => (isTrained ? mean + fade(i) * random.normal() : 0);
      return [name, Float32Array.from({ length: count }, draw)];
    }),
  );
}

function drawSequences({ model, batch_size }: TrainingConfig, random: Random) {
  const rows = () =>
    Array.from({ length: batch_size }, () =>
      Array.from({ length: model.block_size }, () => random.integer(model.vocab_size)),
    );
  return sequencesOf(rows(), rows());
}

interface Taken {
  readonly plan: StepPlan;
  readonly gradient_rms: number;
  /** Of all weights, at the weights before the step. */
  readonly gradients: Tensors;
  /** Weights and moments. */
  readonly before: Tensors;
  readonly after: Tensors;
  /** The session's estimate before and after the step. */
  readonly ratios: readonly [number, number];
}

const stateOf = (session: TrainingSession) => session.state({ type: "training-state", parts: "all" });

/** Takes the steps of a run, and keeps what each of them saw and did. */
function* takeSteps(session: TrainingSession, config: TrainingConfig, random: Random): Generator<Taken> {
  for (let step = 1; step <= trainingSteps(config); step++) {
    const plan = planStep(config, step);
    const sequences = drawSequences(config, random);
    const before = stateOf(session);
    const { tensors: gradients } = gradientsOf(session, config, sequences);
    const program = session.train({ type: "train", steps: [{ plan, sequences }] });
    const { steps } = finish(program as Generator<unknown, TrainResult, never>);
    const after = stateOf(session);
    yield {
      ...{ plan, gradients, before: before.tensors, after: after.tensors },
      gradient_rms: steps[0].gradient_rms,
      ratios: [before.ratio, after.ratio],
    };
  }
}

/** AdamW by its formula, in float64; where the support stays, zeros do, and their moments do not move. */
function adamw(
  { name, hasDecay }: ParameterPlan,
  { plan, before, gradients }: Taken,
  config: TrainingConfig,
  scale: number,
  keepsSupport: boolean,
) {
  const { beta1, beta2, epsilon, weight_decay } = config;
  const { step, learning_rate } = plan;
  const [w, m, v] = ["", "adam_m/", "adam_v/"].map((prefix) => Array.from(before.get(prefix + name)!));
  gradients.get(name)!.forEach((entry, i) => {
    if (keepsSupport && w[i] === 0) return;
    const g = scale * entry;
    m[i] = beta1 * m[i] + (1 - beta1) * g;
    v[i] = beta2 * v[i] + (1 - beta2) * g * g;
    const update = m[i] / (1 - beta1 ** step) / (Math.sqrt(v[i] / (1 - beta2 ** step)) + epsilon);
    w[i] -= learning_rate * (update + (hasDecay ? weight_decay * w[i] : 0));
  });
  return { w, m, v };
}

function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  name: string,
) {
  const largest = Math.max(...Array.from(expected, Math.abs));
  const wrong = Array.from(actual).findIndex(
    (value, i) => !(Math.abs(value - expected[i]) <= tolerance * largest),
  );
  if (wrong >= 0) throw new Error(`${name}: value ${wrong} is ${actual[wrong]}, not ${expected[wrong]}`);
}

const sumOfSquares = (values: ArrayLike<number>) =>
  Array.from(values).reduce((sum, value) => sum + value * value, 0);

const nonzeros = (values: ArrayLike<number>) =>
  Array.from(values).reduce((count, value) => count + Number(value !== 0), 0);

const support = (values: ArrayLike<number>) => Array.from(values, (value) => value !== 0);

/** Nonzeros of each row or column. */
function lines(values: Float32Array, { shape }: ParameterPlan, side: "row" | "column"): number[] {
  const counts = new Array(shape[side === "row" ? 0 : 1]).fill(0);
  values.forEach((value, i) => {
    if (value !== 0) counts[side === "row" ? Math.floor(i / shape[1]) : i % shape[1]]++;
  });
  return counts;
}

function keptOf({ anneal, shape }: ParameterPlan, density: StepPlan["density"]): number {
  const count = shape.reduce((product, length) => product * length, 1);
  return anneal && density[anneal] < 1 ? Math.floor(density[anneal] * count) : count;
}

/** What the gradient's root mean square is taken over. */
const isMeasured = ({ name }: ParameterPlan) => name !== "bigram_table";

/**
 * Whether steps between regrowths update a matrix' nonzeros alone: no table, sparser than 0.2, and than the activations
 * that it reads.
 */
function isRestricted(
  { name, isMatrix, anneal }: ParameterPlan,
  density: StepPlan["density"],
  afrac: number | null,
): boolean {
  if (!isMatrix || /wte|wpe/.test(name)) return false;
  const readsSparse = afrac !== null && /(c_attn|c_fc|mlp\.c_proj)\.weight$/.test(name);
  return (anneal ? density[anneal] : 1) < Math.min(0.2, readsSparse ? afrac : 1);
}

interface Case {
  name: string;
  keys: Record<string, unknown>;
  /** Of the weights. */
  size?: number;
  /** What the gradients are multiplied with. */
  scale(rms: number): number;
}

const cases: Case[] = [
  { name: "normalised gradients", keys: {}, scale: (rms) => 1 / rms },
  { name: "clipped gradients", keys: { gradient: "clip" }, size: 1, scale: (rms) => Math.min(1, 1 / rms) },
  {
    name: "gradients as they are; dense embeddings and biases",
    keys: { gradient: "none", epsilon: 1e-4, sparse_embeddings: false, sparse_biases: false },
    scale: () => 1,
  },
  {
    name: "LayerNorm, tied, learned bigram table and positions",
    keys: { rms_norm: false, tied_unembed: true, bigram: "learned", positions: "learned", beta1: 0.5 },
    scale: (rms) => 1 / rms,
  },
  {
    name: "abrupt embeddings, no floors, no AbsTopK",
    keys: { embedding_anneal: "abrupt", minimum_nonzeros: 0, afrac: null, anneal_end: 1 },
    scale: (rms) => 1 / rms,
  },
  {
    name: "sparse from the start",
    keys: { anneal_end: 0, density: 0.11, minimum_nonzeros: 3, weight_decay: 3, beta2: 0.5 },
    scale: (rms) => 1 / rms,
  },
  { name: "dense", keys: { density: 1, minimum_nonzeros: 0 }, scale: (rms) => 1 / rms },
];

describe.each(cases)("AdamW and projection: $name", ({ keys, size, scale }) => {
  test("step by step", async () => {
    const config = configOf({ sharkfin: false, decay: "none", warmup: 0, ...keys });
    const random = new Random(3);
    const plans = planParameters(config);
    const session = startSession(await createThread("simd"), config, drawWeights(config, random, size));
    let spared = 0;
    const scales: number[] = [];
    for (const taken of takeSteps(session, config, random)) {
      const { plan, gradients, before, after, gradient_rms } = taken;
      const trained = plans.filter(({ isTrained }) => isTrained);
      expect([...gradients.keys()]).toEqual(trained.map(({ name }) => name));
      const measured = trained.filter(isMeasured);
      const total = measured.reduce((sum, { name }) => sum + sumOfSquares(gradients.get(name)!), 0);
      const count = measured.reduce((sum, { name }) => sum + gradients.get(name)!.length, 0);
      const rms = Math.sqrt(total / count);
      expect(gradient_rms / rms).toBeCloseTo(1, 6);
      scales.push(scale(rms));

      for (const parameter of plans) {
        const { name, shape, isTrained, floor } = parameter;
        const weights = after.get(name)!;
        if (!isTrained) {
          expect(weights).toEqual(before.get(name));
          expect(after.has(`adam_m/${name}`)).toBe(false);
          continue;
        }
        const { w, m, v } = adamw(parameter, taken, config, scale(rms), false);
        expectClose(after.get(`adam_m/${name}`)!, m, 1e-6, `adam_m/${name}`);
        expectClose(after.get(`adam_v/${name}`)!, v, 2e-6, `adam_v/${name}`);
        const kept = keptOf(parameter, plan.density);
        const projected = project(w.map(Math.fround), shape.at(-1)!, kept, floor);
        expectClose(weights, projected, 1e-6, name);
        expect(support(weights), name).toEqual(support(projected));
        expect(nonzeros(weights), name).toBe(kept);
        if (!floor) continue;
        expect(Math.min(...lines(weights, parameter, floor.side)), name).toBeGreaterThanOrEqual(
          floor.minimum,
        );
        const free = Float32Array.from(project(w.map(Math.fround), shape[1], kept, null));
        spared += lines(free, parameter, floor.side).filter((left) => left < floor.minimum).length;
      }
    }
    if (config.gradient === "clip") expect(new Set(scales.map((factor) => factor < 1)).size).toBe(2);
    // The floors had something to do.
    expect(spared > 0).toBe(plans.some(({ floor }) => floor !== null));
  });
});

test("what is never sparse", () => {
  const config = configOf({ rms_norm: false, bigram: "learned", positions: "learned" });
  const dense = planParameters(config).filter(({ anneal }) => anneal === null);
  const norms = ["h.0.ln_1", "h.0.ln_2", "ln_f"].flatMap((name) => [
    ...[`transformer.${name}.weight`, `transformer.${name}.bias`],
  ]);
  expect(dense.map(({ name }) => name).sort()).toEqual(
    ["bigram_table", "transformer.h.0.attn.attn_imp.sink_logit", ...norms].sort(),
  );
});

describe.each([
  // In how many of the 11 steps nonzeros alone move, and in how many matrices.
  { name: "sparse from the start", restricted: [8, 5], keys: { anneal_end: 0 } },
  {
    name: "tied, learned positions and bigram table",
    restricted: [8, 4],
    keys: { anneal_end: 0, tied_unembed: true, positions: "learned", bigram: "learned" },
  },
  // After the sixth step it is sparse enough.
  { name: "dense at first", restricted: [3, 5], keys: { anneal_end: 0.5 } },
  { name: "dense at first, no AbsTopK", restricted: [3, 5], keys: { anneal_end: 0.5, afrac: null } },
  // Only attention's output and the unembedding read what is denser.
  { name: "sparser activations than weights", restricted: [8, 2], keys: { anneal_end: 0, afrac: 0.12 } },
  { name: "never sparse enough", restricted: [0, 0], keys: { anneal_end: 0, density: 0.2 } },
])("periodic projection: $name", ({ keys, restricted }) => {
  test("between regrowths only nonzeros move, by the gradients that they have among all", async () => {
    const config = configOf({
      ...{ density: 0.15, projection: "periodic", regrow_every: 4, tokens: 24 * 11 },
      ...keys,
    });
    const random = new Random(5);
    const plans = planParameters(config).filter(({ isTrained }) => isTrained);
    let { density } = planStep(config, 0);
    const weights = drawWeights(config, random);
    for (const parameter of plans) {
      const { name, shape, floor } = parameter;
      const kept = keptOf(parameter, density);
      weights.set(name, Float32Array.from(project(weights.get(name)!, shape.at(-1)!, kept, floor)));
    }
    const session = startSession(await createThread("simd"), config, weights, density);
    const counts = { full: 0, partial: 0, restricted: 0, matrices: 0 };
    for (const taken of takeSteps(session, config, random)) {
      const { plan, gradients, before, after, ratios, gradient_rms } = taken;
      // By the density that the step before left.
      const stored = plans.filter((one) => isRestricted(one, density, config.model.afrac));
      const measured = plans.filter(isMeasured);
      const count = measured.reduce((sum, { name }) => sum + gradients.get(name)!.length, 0);
      const ofNonzeros = ({ name }: ParameterPlan) =>
        gradients.get(name)!.filter((_, i) => before.get(name)![i] !== 0);
      const squares = (parameters: ParameterPlan[], entries: (one: ParameterPlan) => ArrayLike<number>) =>
        parameters.reduce((sum, parameter) => sum + sumOfSquares(entries(parameter)), 0);
      const whole = squares(measured, ({ name }) => gradients.get(name)!);
      const known = squares(stored, ofNonzeros);
      const others = whole - squares(stored, ({ name }) => gradients.get(name)!);
      const isPartial = plan.gradients === "nonzero";
      counts[isPartial ? "partial" : "full"]++;
      const estimated = isPartial ? others + ratios[0] * known : whole;
      expect(gradient_rms / Math.sqrt(estimated / count)).toBeCloseTo(1, 5);
      if (isPartial || stored.length === 0) expect(ratios[1]).toBe(ratios[0]);
      else expect(ratios[1] / ((whole - others) / known)).toBeCloseTo(1, 5);
      if (isPartial && stored.length > 0) {
        counts.restricted++;
        counts.matrices = stored.length;
      }
      for (const parameter of plans) {
        const { name, shape, floor } = parameter;
        const staysPut = isPartial && stored.includes(parameter);
        const { w, m, v } = adamw(parameter, taken, config, 1 / gradient_rms, staysPut);
        const projected = staysPut
          ? w
          : project(w.map(Math.fround), shape.at(-1)!, keptOf(parameter, plan.density), floor);
        expectClose(after.get(name)!, projected, 2e-6, name);
        expect(support(after.get(name)!), name).toEqual(support(projected));
        if (staysPut) expect(support(after.get(name)!), name).toEqual(support(before.get(name)!));
        expectClose(after.get(`adam_m/${name}`)!, m, 2e-6, `adam_m/${name}`);
        expectClose(after.get(`adam_v/${name}`)!, v, 4e-6, `adam_v/${name}`);
      }
      density = plan.density;
    }
    const [steps, matrices] = restricted;
    expect(counts).toEqual({ full: 3, partial: 8, restricted: steps, matrices });
  });
});

test("periodic projection: weights that land on zero stay in the support", async () => {
  // Decay takes all of a weight, and an infinite ε leaves nothing of the step.
  const config = configOf({
    ...{ density: 0.15, anneal_end: 0, projection: "periodic", decay: "none", warmup: 0, sharkfin: false },
    ...{ learning_rate: 1, weight_decay: 1, epsilon: 1e39, minimum_nonzeros: 0, tokens: 48 },
  });
  const random = new Random(6);
  const { density } = planStep(config, 1);
  const plans = planParameters(config);
  const weights = drawWeights(config, random);
  for (const parameter of plans.filter(({ isTrained }) => isTrained)) {
    const { name, shape } = parameter;
    const kept = project(weights.get(name)!, shape.at(-1)!, keptOf(parameter, density), null);
    weights.set(name, Float32Array.from(kept));
  }
  const session = startSession(await createThread("simd"), config, weights, density);
  const [{ plan, before, after }] = takeSteps(session, config, random);
  expect(plan.gradients).toBe("nonzero");
  for (const { name } of plans.filter((one) => isRestricted(one, density, config.model.afrac))) {
    expect(support(after.get(name)!), name).toEqual(support(before.get(name)!));
    expect(Math.max(...after.get(name)!.map(Math.abs)), name).toBeLessThan(1e-29);
  }
});
