import type { KernelChoice } from "../engine/kernels.js";
import { writeCheckpoint } from "../formats/convert.js";
import { loadModel } from "../load-model.js";
import type { Model } from "../model.js";
import { type SyntheticShape, syntheticCheckpoint } from "./synthetic.js";

export interface BenchOptions {
  readonly shape: SyntheticShape;
  readonly densities: readonly number[];
  readonly threads: readonly number[];
  readonly kernels: KernelChoice;
  /** Runs of each measurement, of which the median counts. */
  readonly repeats: number;
  /** An empty directory for the synthetic model. */
  readonly directory: string;
  readonly onStep?: (step: string) => void;
  readonly signal?: AbortSignal;
}

/** What one synthetic model does with one number of threads. Medians. */
export interface BenchResult {
  readonly density: number;
  readonly threads: number;
  readonly kernels: string;
  /** Nonzeros of the matrices that a token's products use. */
  readonly nonzeros: number;
  readonly loadMilliseconds: number;
  /** Bytes of the engine's memory after all measurements. */
  readonly memoryBytes: number;
  /** New tokens per second, one sequence, at a context of about so many tokens. */
  readonly decode: Readonly<Record<number, number>>;
  /** Tokens per second through one sequence of 256 tokens, to the last token's logits. */
  readonly prefill: number;
  /** Tokens per second through 8 sequences of 32 to 256 tokens, with all logits. */
  readonly batch: number;
  readonly floor: {
    /** Bytes per second at which these threads read memory. */
    readonly bandwidth: number;
    /** Bytes of weights that one token's products touch. */
    readonly bytesPerToken: number;
    /** bytesPerToken at that bandwidth. */
    readonly milliseconds: number;
    /** A decode step at context 32 and its sparse products, as multiples of that. */
    readonly decodeStep: number;
    readonly sparseProducts: number;
  };
  /** Milliseconds of a decode step at context 32 by kernel, on thread 0; measured apart, with timers around each. */
  readonly step: Readonly<Record<string, number>>;
}

export const CONTEXTS = [32, 256] as const;
const NEW_TOKENS = 32;
/** Runs that do not count: compilers optimise what has run for a while, and take a core for it. */
const WARM_UP = 10;
/** Kernels that multiply with a sparse matrix while decoding. */
const SPARSE_PRODUCTS = ["csc_accumulate", "csr_accumulate"];

/** Measures models of a given shape with random weights, through the public API. */
export async function* bench(options: BenchOptions): AsyncGenerator<BenchResult, void, void> {
  const { densities, threads, directory, onStep, signal } = options;
  // Room for a context of 256 in the middle of what is generated.
  const shape = { ...options.shape, block_size: Math.max(options.shape.block_size, 256 + NEW_TOKENS) };
  for (const density of densities) {
    onStep?.(`writing a model with ${(100 * density).toFixed(1)} % nonzeros`);
    const path = `${directory}/${density}`;
    await writeCheckpoint(syntheticCheckpoint({ ...shape, density }), path, "sparselens", { signal });
    for (const count of threads) {
      onStep?.(`${(100 * density).toFixed(1)} % nonzeros, ${count} thread${count > 1 ? "s" : ""}`);
      yield await measure(path, density, count, options);
    }
  }
}

async function measure(
  path: string,
  density: number,
  threads: number,
  options: BenchOptions,
): Promise<BenchResult> {
  const { kernels, repeats, signal } = options;
  const loads: number[] = [];
  let model: Model | undefined;
  for (let repeat = 0; repeat < Math.min(repeats, 5); repeat++) {
    await model?.dispose();
    const began = performance.now();
    model = await loadModel(path, { threads, kernels, signal });
    loads.push(performance.now() - began);
  }
  const loaded = model!;
  try {
    const decode: Record<number, number> = {};
    for (const context of CONTEXTS) decode[context] = await decodeRate(loaded, context, repeats, signal);
    const sequences = Array.from({ length: 8 }, (_, i) => tokensOf(loaded, 32 * (i + 1)));
    const prefill = await rate(repeats, 256, () =>
      loaded.forward(tokensOf(loaded, 256), { logits: "last", signal }),
    );
    const tokens = sequences.reduce((sum, sequence) => sum + sequence.length, 0);
    const batch = await rate(repeats, tokens, () => loaded.forward(sequences, { signal }));
    const { memoryBytes, nonzeros } = loaded;
    const { bandwidth, bytesPerToken } = await loaded.measure();
    const step = await profileStep(path, threads, options);
    const milliseconds = (bytesPerToken * 1000) / bandwidth;
    const products = SPARSE_PRODUCTS.reduce((sum, name) => sum + (step[name] ?? 0), 0);
    return {
      ...{
        density,
        threads,
        kernels: loaded.kernels,
        nonzeros,
        loadMilliseconds: median(loads),
        memoryBytes,
      },
      ...{ decode, prefill, batch, step },
      floor: {
        ...{ bandwidth, bytesPerToken, milliseconds },
        decodeStep: 1000 / decode[CONTEXTS[0]] / milliseconds,
        sparseProducts: products / milliseconds,
      },
    };
  } finally {
    await loaded.dispose();
  }
}

/** New tokens per second while the context grows from half the new tokens below `context` to half above. */
async function decodeRate(
  model: Model,
  context: number,
  repeats: number,
  signal?: AbortSignal,
): Promise<number> {
  const prompt = tokensOf(model, context - NEW_TOKENS / 2);
  const rates: number[] = [];
  for (let repeat = -WARM_UP; repeat < repeats; repeat++) {
    const { timing } = await model.generate(prompt, { maxNewTokens: NEW_TOKENS, endOfText: [], signal });
    if (repeat >= 0) rates.push(timing.tokensPerSecond);
  }
  return median(rates);
}

async function rate(repeats: number, tokens: number, work: () => Promise<unknown>): Promise<number> {
  await work();
  const times: number[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    const began = performance.now();
    await work();
    times.push(performance.now() - began);
  }
  return (tokens * 1000) / median(times);
}

async function profileStep(
  path: string,
  threads: number,
  { kernels, repeats, signal }: BenchOptions,
): Promise<Record<string, number>> {
  const model = await loadModel(path, { threads, kernels, signal, profile: true });
  try {
    const prompt = tokensOf(model, CONTEXTS[0] - NEW_TOKENS / 2);
    const generate = (maxNewTokens: number) =>
      model.generate(prompt, { maxNewTokens, endOfText: [], signal });
    const spent = async (maxNewTokens: number) => {
      await model.measure();
      for (let repeat = 0; repeat < repeats; repeat++) await generate(maxNewTokens);
      return (await model.measure()).kernelMilliseconds;
    };
    for (let run = 0; run < WARM_UP; run++) await generate(NEW_TOKENS);
    // The difference between one new token and many is the decode steps alone.
    const [one, many] = [await spent(1), await spent(1 + NEW_TOKENS)];
    const steps = repeats * NEW_TOKENS;
    return Object.fromEntries(
      Object.entries(many)
        .map(([name, milliseconds]) => [name, (milliseconds - one[name]) / steps] as const)
        .filter(([, milliseconds]) => milliseconds > 0.001)
        .sort(([, a], [, b]) => b - a),
    );
  } finally {
    await model.dispose();
  }
}

function tokensOf(model: Model, length: number): number[] {
  return Array.from({ length }, (_, position) => (position * 37 + 11) % model.config.vocab_size);
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
