import { SparseLensError } from "../errors.js";
import { AFRAC_LOCTYPES, absTopK, type ModelConfig, parseConfig } from "../model/config.js";
import { describe, inputWidth } from "../model/description.js";

/**
 * Everything that a run of training depends on beside its corpus: the paper's recipe (sections 2.1, A.1 and A.2), every
 * ablation of its appendix A that is a switch, and how often the run looks at itself. Files hold these keys and those of
 * the architecture (the released `beeg_config.json`'s names) side by side, in one flat object.
 */
export interface TrainingConfig {
  readonly model: ModelConfig;
  /** Of the initial weights and of the order of the data. */
  readonly seed: number;
  /** Training tokens in total; of `documents` the places that they fill, each a multiple of eight. */
  readonly tokens: number;
  /** Sequences of `block_size` tokens in a step; of documents, as many as fill their places. */
  readonly batch_size: number;

  /** Peak learning rate, at the final L0. */
  readonly learning_rate: number;
  /** Fraction of training over which the learning rate rises from 0. */
  readonly warmup: number;
  /** Whether the learning rate falls linearly to 0 at the end of training. */
  readonly decay: "linear" | "none";
  /** Multiply the learning rate by √(final L0 / current L0). */
  readonly sharkfin: boolean;
  readonly beta1: number;
  readonly beta2: number;
  /** AdamW's ε; its effect depends on the gradient's scale. */
  readonly epsilon: number;
  /** On matrices only. */
  readonly weight_decay: number;
  /**
   * What happens to a gradient whose root mean square, over all that is trained but a learned bigram table, is not 1
   * (`clip`: is above 1).
   */
  readonly gradient: "normalize" | "clip" | "none";

  /** Final fraction of nonzero weights in each matrix, embedding and bias; 1 trains a dense model. */
  readonly density: number;
  /** Fractions of training between which the density falls linearly from 1; equal: all at once. */
  readonly anneal_start: number;
  readonly anneal_end: number;
  /** `abrupt`: embeddings and biases stay dense until the middle of training (the paper's Figure 21). */
  readonly embedding_anneal: "gradual" | "abrupt";
  readonly sparse_embeddings: boolean;
  readonly sparse_biases: boolean;
  /** j: fewest nonzeros that the projection leaves a row of `c_attn` and `c_fc` and a column of a `c_proj`; 0: none. */
  readonly minimum_nonzeros: number;
  /** `exact`: top-k of the dense weights after every step. `periodic`: see `regrow_every`. */
  readonly projection: "exact" | "periodic";
  /** With `periodic`: gradients of all weights every so many steps, of the nonzero ones only in between. */
  readonly regrow_every: number;

  /**
   * `packed`: windows of block_size, cut from the text without regard to documents. `documents`: each sequence is one
   * document, from its start.
   */
  readonly sequences: "packed" | "documents";
  /** `counted`: from the training tokens, then frozen. */
  readonly bigram: "none" | "counted" | "learned";
  /** `none`: `wpe` is zero and stays so. `sinusoidal`: sines and cosines, frozen, as the released code has them. */
  readonly positions: "none" | "learned" | "sinusoidal";
  /** Factor on the standard deviation of the initial weights. */
  readonly initial_scale: number;

  /** Steps between evaluations; 0: only at the end. */
  readonly eval_every: number;
  /** Validation tokens of an evaluation. */
  readonly eval_tokens: number;
  /** Pairs of prompts of each task in an evaluation; 0: no tasks. */
  readonly eval_tasks: number;
  /** Steps between samples; 0: only at the end. */
  readonly sample_every: number;
  /** Steps between checkpoints; 0: only at the end, or when the run is interrupted. */
  readonly checkpoint_every: number;
  /** How many of the newest checkpoints are kept. */
  readonly keep_checkpoints: number;
  /** Stop when the loss stays far above what a guess without context would have. */
  readonly stop_on_divergence: boolean;
}

interface Rule {
  readonly fallback: unknown;
  /** For messages and documentation: `a number from 0 to 1`. */
  readonly allowed: string;
  accepts(value: unknown): boolean;
}

interface Bounds {
  readonly from?: number;
  readonly above?: number;
  readonly to?: number;
  readonly below?: number;
}

function number(fallback: number, { from, above, to, below }: Bounds = {}): Rule {
  const limits = [
    from === undefined ? "" : ` from ${from}`,
    above === undefined ? "" : ` above ${above}`,
    to === undefined ? "" : ` to ${to}`,
    below === undefined ? "" : `, below ${below}`,
  ];
  return {
    fallback,
    allowed: `a number${limits.join("")}`,
    accepts: (value) =>
      typeof value === "number" &&
      Number.isFinite(value) &&
      value >= (from ?? value) &&
      value > (above ?? Number.NEGATIVE_INFINITY) &&
      value <= (to ?? value) &&
      value < (below ?? Number.POSITIVE_INFINITY),
  };
}

function integer(fallback: number | undefined, from: number): Rule {
  return {
    fallback,
    allowed: `an integer from ${from}`,
    accepts: (value) => Number.isSafeInteger(value) && (value as number) >= from,
  };
}

function flag(fallback: boolean): Rule {
  return { fallback, allowed: "true or false", accepts: (value) => typeof value === "boolean" };
}

function choice(...options: [string, ...string[]]): Rule {
  const quoted = options.map((option) => `"${option}"`);
  const allowed =
    quoted.length === 2 ? quoted.join(" or ") : `${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`;
  return {
    fallback: options[0],
    allowed,
    accepts: (value) => options.includes(value as string),
  };
}

function nullable(rule: Rule, fallback: unknown = null): Rule {
  return {
    fallback,
    allowed: `null or ${rule.allowed}`,
    accepts: (value) => value === null || rule.accepts(value),
  };
}

const loctypes: Rule = {
  fallback: AFRAC_LOCTYPES.filter((name) => !name.startsWith("resid")).join(),
  allowed: `a list with commas of ${AFRAC_LOCTYPES.join(", ")}`,
  accepts: (value) =>
    typeof value === "string" &&
    value.split(",").every((name) => (AFRAC_LOCTYPES as readonly string[]).includes(name)),
};

/** Keys of the architecture. Those without a value here follow from others. */
const modelRules = {
  n_layer: integer(3, 1),
  d_model: integer(192, 1),
  d_head: integer(16, 1),
  /** d_model / d_head */
  n_head: integer(undefined, 1),
  /** 4 · d_model */
  d_mlp: integer(undefined, 1),
  block_size: integer(256, 1),
  /** That of the corpus' tokenizer. */
  vocab_size: integer(undefined, 1),
  tokenizer_name: nullable({
    fallback: null,
    allowed: "a name",
    accepts: (value) => typeof value === "string",
  }),
  bias: flag(true),
  rms_norm: flag(true),
  ln_bias: flag(true),
  activation_type: choice("gelu", "relu"),
  residual_activation_type: choice("identity", "relu"),
  afrac: nullable(number(0.25, { above: 0, to: 1 }), 0.25),
  afrac_loctypes: loctypes,
  tied_unembed: flag(false),
  d_pos_emb: nullable(integer(undefined, 1)),
  sink: flag(true),
} satisfies Record<string, Rule>;

const recipeRules = {
  seed: integer(0, 0),
  tokens: integer(16_000_000, 1),
  batch_size: integer(8, 1),
  learning_rate: number(0.04, { above: 0 }),
  warmup: number(0.01, { from: 0, to: 1 }),
  decay: choice("linear", "none"),
  sharkfin: flag(true),
  beta1: number(0.9, { from: 0, below: 1 }),
  beta2: number(0.95, { from: 0, below: 1 }),
  epsilon: number(0.1, { above: 0 }),
  weight_decay: number(0.1, { from: 0 }),
  gradient: choice("normalize", "clip", "none"),
  density: number(1 / 32, { above: 0, to: 1 }),
  anneal_start: number(0, { from: 0, to: 1 }),
  anneal_end: number(0.5, { from: 0, to: 1 }),
  embedding_anneal: choice("gradual", "abrupt"),
  sparse_embeddings: flag(true),
  sparse_biases: flag(true),
  minimum_nonzeros: integer(2, 0),
  projection: choice("exact", "periodic"),
  regrow_every: integer(8, 1),
  sequences: choice("packed", "documents"),
  bigram: choice("counted", "learned", "none"),
  positions: choice("none", "learned", "sinusoidal"),
  initial_scale: number(1, { above: 0 }),
} satisfies Partial<Record<keyof TrainingConfig, Rule>>;

const housekeepingRules = {
  eval_every: integer(500, 0),
  eval_tokens: integer(65_536, 1),
  eval_tasks: integer(50, 0),
  sample_every: integer(1000, 0),
  checkpoint_every: integer(500, 0),
  keep_checkpoints: integer(2, 1),
  stop_on_divergence: flag(true),
} satisfies Partial<Record<keyof TrainingConfig, Rule>>;

const trainingRules: Readonly<Record<Exclude<keyof TrainingConfig, "model">, Rule>> = {
  ...recipeRules,
  ...housekeepingRules,
};

const rules: Readonly<Record<string, Rule>> = { ...modelRules, ...trainingRules };

/** Every key that a file may hold: what is allowed, and the value that it has when no one says otherwise. */
export const CONFIG_KEYS: ReadonlyMap<string, { readonly allowed: string; readonly fallback: unknown }> =
  new Map(Object.entries(rules));

/** Keys that may change while a run goes on: they decide what it reports and keeps, not what it computes. */
export const HOUSEKEEPING_KEYS: ReadonlySet<string> = new Set(Object.keys(housekeepingRules));

/** Keys that the state of a run depends on: no run can go on with another value. */
export const FIXED_KEYS: ReadonlySet<string> = new Set([
  ...Object.keys(modelRules),
  ...["seed", "batch_size", "bigram", "positions", "initial_scale"],
]);

/** @throws SparseLensError naming key, value and what is allowed, for the first that is unknown or not allowed */
export function checkKeys(json: Record<string, unknown>, location: string): void {
  for (const [key, value] of Object.entries(json)) {
    if (!Object.hasOwn(rules, key)) {
      throw new SparseLensError(
        `${location}: "${key}" is no key of a training configuration; did you mean "${nearest(key, Object.keys(rules))}"?`,
      );
    }
    if (!rules[key].accepts(value)) {
      throw new SparseLensError(
        `${location}: "${key}" must be ${rules[key].allowed}, not ${JSON.stringify(value)}.`,
      );
    }
  }
}

/**
 * Reads a configuration from its flat form; a key that is missing takes its default.
 * @param location where it comes from, for messages
 * @throws SparseLensError naming the key, its value and what is allowed
 */
export function parseTrainingConfig(json: Record<string, unknown>, location: string): TrainingConfig {
  checkKeys(json, location);
  const fail = (problem: string): never => {
    throw new SparseLensError(`${location}: ${problem}`);
  };
  const values = (keys: object): Record<string, unknown> =>
    Object.fromEntries(
      Object.keys(keys).map((key) => [key, Object.hasOwn(json, key) ? json[key] : rules[key].fallback]),
    );
  const shape = values(modelRules);
  const training = values(trainingRules) as unknown as Omit<TrainingConfig, "model">;
  const { d_model, d_head } = shape as { d_model: number; d_head: number };
  if (shape.n_head === undefined && d_model % d_head !== 0) {
    fail(`"d_model" (${d_model}) must be a multiple of "d_head" (${d_head}) where "n_head" is not given.`);
  }
  if (shape.vocab_size === undefined) fail(`"vocab_size" is missing.`);
  if ((shape.vocab_size as number) > 65536) {
    fail(`"vocab_size" is ${shape.vocab_size}: a corpus keeps its tokens in 16 bits, for at most 65536.`);
  }
  const model = parseConfig(
    {
      ...shape,
      n_head: shape.n_head ?? d_model / d_head,
      d_mlp: shape.d_mlp ?? 4 * d_model,
      enable_bigram_table: training.bigram !== "none",
    },
    location,
  );
  const config = { ...training, model };
  if (config.anneal_end < config.anneal_start) {
    fail(`"anneal_end" (${config.anneal_end}) is before "anneal_start" (${config.anneal_start}).`);
  }
  if (trainingSteps(config) < 1) {
    fail(
      `"tokens" is ${config.tokens}, less than one step: "batch_size" (${config.batch_size}) times "block_size" (${model.block_size}) are ${config.batch_size * model.block_size}.`,
    );
  }
  if (model.d_pos_emb !== null && config.positions === "none") {
    fail(
      `"d_pos_emb" is ${model.d_pos_emb}, so "positions" must be "learned" or "sinusoidal", not "none" (which goes with a "d_pos_emb" of null).`,
    );
  }
  if (config.positions === "sinusoidal" && (model.d_pos_emb ?? 1) % 2 !== 0) {
    fail(
      `"positions" is "sinusoidal", so "d_pos_emb" must be an even number of channels, not ${model.d_pos_emb}.`,
    );
  }
  for (const loctype of model.afrac_loctypes) {
    const width = loctypeWidth(model, loctype);
    if (absTopK(model, loctype, width) === 0) {
      fail(`"afrac" is ${model.afrac}, which keeps none of the ${width} activations at ${loctype}.`);
    }
  }
  requireRoomForFloors(config, fail);
  return config;
}

function loctypeWidth(model: ModelConfig, loctype: string): number {
  if (loctype === "attn_in" || loctype === "mlp_in") return inputWidth(model);
  if (loctype === "mlp_neuron") return model.d_mlp;
  return /^attn_[qkv]$/.test(loctype) ? model.n_head * model.d_head : model.d_model;
}

/** The matrices with a floor of nonzeros, and whether it holds for their rows or their columns. */
const floors: readonly (readonly [suffix: string, side: "row" | "column"])[] = [
  ["attn.c_attn.weight", "row"],
  ["attn.c_proj.weight", "column"],
  ["mlp.c_fc.weight", "row"],
  ["mlp.c_proj.weight", "column"],
];

/**
 * Of a matrix with `minimum_nonzeros`: which side has them; undefined for one without.
 * @param name in the state dict
 */
export function floorOf(name: string): "row" | "column" | undefined {
  return floors.find(([suffix]) => name.endsWith(suffix))?.[1];
}

function requireRoomForFloors(config: TrainingConfig, fail: (problem: string) => never): void {
  const { density, minimum_nonzeros, model } = config;
  for (const { name, shape } of describe(model).parameters) {
    const side = floorOf(name);
    if (!side) continue;
    const [rows, columns] = shape;
    const lines = side === "row" ? rows : columns;
    const budget = Math.floor(density * rows * columns);
    if (minimum_nonzeros * lines > budget) {
      fail(
        `"minimum_nonzeros" is ${minimum_nonzeros}, which is ${minimum_nonzeros * lines} nonzeros for the ${lines} ${side}s of ${name} [${shape.join(", ")}], but a "density" of ${density} leaves it ${budget}. At most ${Math.floor(budget / lines)} would fit.`,
      );
    }
  }
}

/** Optimizer steps of a whole run. */
export function trainingSteps({ tokens, batch_size, model }: TrainingConfig): number {
  return Math.floor(tokens / (batch_size * model.block_size));
}

/** The flat form of a configuration, every key written out: what `parseTrainingConfig` reads. */
export function trainingConfigJson({ model, ...training }: TrainingConfig): Record<string, unknown> {
  const shape = Object.keys(modelRules).map((key) => [key, model[key as keyof typeof modelRules]]);
  return { ...Object.fromEntries(shape), afrac_loctypes: [...model.afrac_loctypes].join(), ...training };
}

/** The configuration of the trained model, under the released code's keys, for its `config.json`. */
export function modelConfigJson({
  model,
  bigram,
  density,
  positions,
}: TrainingConfig): Record<string, unknown> {
  return {
    ...model,
    afrac_loctypes: [...model.afrac_loctypes].join(),
    enable_bigram_table: bigram !== "none",
    learnable_bigram_table: bigram === "learned",
    sinusoidal_cat_pos_emb: positions === "sinusoidal",
    // The released loader knows attention with a sink in its flash form only.
    flash: true,
    dropout: 0,
    pfrac: density,
  };
}

/** The name that differs from `name` by the fewest letters inserted, removed or replaced. */
function nearest(name: string, names: readonly string[]): string {
  const distance = (other: string): number => {
    let row = Array.from({ length: other.length + 1 }, (_, i) => i);
    for (let i = 1; i <= name.length; i++) {
      const next = [i];
      for (let j = 1; j <= other.length; j++) {
        const replaced = row[j - 1] + (name[i - 1] === other[j - 1] ? 0 : 1);
        next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1));
      }
      row = next;
    }
    return row[other.length];
  };
  return names.reduce((best, other) => (distance(other) < distance(best) ? other : best));
}
