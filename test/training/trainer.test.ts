import { expect, test } from "vitest";
import {
  parseTrainingConfig,
  SparseLensError,
  Trainer,
  type TrainerOptions,
  type TrainingState,
} from "../../dist/node/index.js";

const tiny = {
  ...{ vocab_size: 50, n_layer: 2, d_model: 36, d_head: 9, d_mlp: 70, block_size: 20, batch_size: 3 },
  ...{ tokens: 60 * 20, density: 0.15, learning_rate: 0.01 },
};

const configOf = (keys: Record<string, unknown> = {}) => parseTrainingConfig({ ...tiny, ...keys }, "test");

/** Something to learn, and some noise. */
const corpus = Uint16Array.from({ length: 500 }, (_, i) => (i % 7 === 0 ? (i * i) % 50 : (i * 3) % 50));

async function train<T>(options: Partial<TrainerOptions>, use: (trainer: Trainer) => Promise<T>): Promise<T> {
  const trainer = await Trainer.start({
    config: configOf(),
    tokens: corpus,
    endOfText: 0,
    threads: 1,
    ...options,
  });
  try {
    return await use(trainer);
  } finally {
    await trainer.dispose();
  }
}

/** Losses of the steps, and all that there is behind them. */
function run(options: Partial<TrainerOptions>, ...parts: number[]) {
  return train(options, async (trainer) => {
    const metrics = [];
    for (const steps of parts) metrics.push(...(await trainer.run(steps)));
    const losses = metrics.map(({ loss, gradient_rms }) => [loss, gradient_rms]);
    return { metrics, losses, state: await trainer.state() };
  });
}

function expectSameBits(actual: TrainingState, expected: TrainingState): void {
  expect(actual.step).toBe(expected.step);
  expect(actual.numbers).toEqual(expected.numbers);
  expect([...actual.tensors.keys()]).toEqual([...expected.tensors.keys()]);
  for (const [name, tensor] of expected.tensors) {
    const bits = (data: Float32Array) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    expect(bits(actual.tensors.get(name)!).equals(bits(tensor)), name).toBe(true);
  }
}

const variants = [
  { name: "exact", keys: {} },
  {
    name: "exact, LayerNorm, tied, learned bigram table and positions",
    keys: {
      ...{ rms_norm: false, tied_unembed: true, bigram: "learned", positions: "learned" },
    },
  },
  { name: "periodic", keys: { projection: "periodic", regrow_every: 6 } },
  {
    name: "periodic, concatenated positions, clipped",
    keys: {
      ...{ projection: "periodic", regrow_every: 4, anneal_end: 0.2, gradient: "clip" },
      ...{ positions: "learned", d_pos_emb: 5, embedding_anneal: "abrupt" },
    },
  },
];

test.each(variants)(
  "$name: the same bits with any number of threads, in one go or resumed",
  async ({ keys }) => {
    const config = configOf(keys);
    const whole = await run({ config }, 20);
    expect(whole.losses).toHaveLength(20);
    expect(whole.state.step).toBe(20);
    for (const threads of [2, 3]) {
      const shared = await run({ config, threads }, 20);
      expect(shared.losses).toEqual(whole.losses);
      expectSameBits(shared.state, whole.state);
    }
    // Behind a step in which a periodic projection regrows, and between two.
    for (const stop of [6, 13]) {
      const first = await run({ config }, stop - 1, 1);
      const rest = await run({ config, state: first.state }, 100);
      expect([...first.losses, ...rest.losses]).toEqual(whole.losses);
      expectSameBits(rest.state, whole.state);
    }
  },
);

test("plain kernels learn the same", async () => {
  const [fast, plain] = [await run({ kernels: "simd" }, 5), await run({ kernels: "plain" }, 5)];
  plain.losses.forEach(([loss], i) => {
    expect(loss).toBeCloseTo(fast.losses[i][0], 4);
  });
});

test("another seed is another model and another order of the data", async () => {
  const [a, b] = [
    await run({ config: configOf({ seed: 1 }) }, 2),
    await run({ config: configOf({ seed: 2 }) }, 2),
  ];
  expect(a.losses[0]).not.toEqual(b.losses[0]);
  expect(a.state.tensors.get("lm_head.weight")).not.toEqual(b.state.tensors.get("lm_head.weight"));
});

test("a repeated pattern is learned, from ln(V) to next to nothing", async () => {
  const tokens = Uint16Array.from({ length: 2000 }, (_, i) => (i * 7 + 3) % 16);
  const config = configOf({
    ...{ vocab_size: 16, n_layer: 1, tokens: 60 * 80, bigram: "none" },
    ...{ density: 0.25 },
  });
  const { metrics } = await run({ config, tokens }, 80);
  expect(metrics[0].loss).toBeCloseTo(Math.log(16), 1);
  expect(metrics.at(-1)!.loss).toBeLessThan(0.1);
  expect(metrics.at(-1)!.density).toBe(0.25);
});

test("metrics say what each step did", async () => {
  const { metrics } = await run({}, 2, 1);
  expect(metrics.map(({ step }) => step)).toEqual([1, 2, 3]);
  for (const { tokens, milliseconds, gradient_rms, learning_rate, density } of metrics) {
    expect(tokens).toBe(60);
    expect(milliseconds).toBeGreaterThan(0);
    expect(gradient_rms).toBeGreaterThan(0);
    expect(learning_rate).toBeGreaterThan(0);
    expect(density).toBeLessThan(1);
  }
});

test("weights: those of the model, with as many nonzeros as the schedule says", async () => {
  const { weights, state } = await train({}, async (trainer) => {
    await trainer.run(20);
    return { weights: await trainer.weights(), state: await trainer.state() };
  });
  for (const [name, { data }] of weights) expect(data, name).toEqual(state.tensors.get(name));
  const { data, shape } = weights.get("transformer.h.0.attn.c_attn.weight")!;
  expect(shape).toEqual([108, 36]);
  expect(data.filter((value) => value !== 0)).toHaveLength(Math.floor(0.15 * 108 * 36));
  expect(weights.get("bigram_table")!.shape).toEqual([50, 50]);
});

test("aborted: whole steps, and the trainer goes on as if nothing had been", async () => {
  const config = configOf({ tokens: 60 * 150 });
  const whole = await run({ config }, 150);
  await train({ config, threads: 2 }, async (trainer) => {
    const controller = new AbortController();
    const running = trainer.run(150, { signal: controller.signal });
    setTimeout(() => controller.abort(), 20);
    const done = await running;
    expect(trainer.step).toBe(done.length);
    expect(done.length).toBeLessThan(150);
    expect(await trainer.run(1, { signal: controller.signal })).toEqual([]);
    const rest = await trainer.run(150);
    expect([...done, ...rest].map(({ loss }) => loss)).toEqual(whole.losses.map(([loss]) => loss));
    expectSameBits(await trainer.state(), whole.state);
    expect(await trainer.run(1)).toEqual([]);
  });
});

test("divergence is an error that says at which step", async () => {
  const config = configOf({ learning_rate: 1e30, gradient: "none", sharkfin: false, warmup: 0 });
  await expect(run({ config, threads: 2 }, 20)).rejects.toThrow(SparseLensError);
  await expect(run({ config, threads: 2 }, 20)).rejects.toThrow(/step \d+ is (NaN|not finite).*diverged/);
});

test("a state or corpus that does not fit is an error", async () => {
  const { state } = await run({}, 1);
  await expect(run({ state, config: configOf({ d_mlp: 71 }) })).rejects.toThrow(/mlp\.c_fc.* \[71/);
  await expect(run({ tokens: corpus.slice(0, 20) })).rejects.toThrow(/20 tokens.*21/);
});
