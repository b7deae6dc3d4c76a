import type { Pointer } from "../engine/kernels.js";
import type { Arena, EngineMemory } from "../engine/memory.js";
import type { NormWeights } from "../engine/operations.js";
import {
  blockedSize,
  readBlocks,
  reserveMatrix,
  type TrainedMatrix,
  writeBlocks,
} from "../engine/trained-weights.js";
import { padded } from "../engine/weights.js";
import type { Loctype, ModelConfig } from "../model/config.js";
import { type LayerWeights, type ModelWeights, normEpsilon } from "../model/weights.js";
import type { ParameterPlan } from "./parameters.js";

/** A parameter in the engine's memory. All arrays have `size` floats, a matrix in blocks of 32 columns. */
export interface TrainedParameter extends ParameterPlan {
  readonly size: number;
  /** Weights, without padding. */
  readonly count: number;
  readonly weights: Pointer;
  /** 0 where it is not trained, as the moments. */
  readonly gradient: Pointer;
  readonly first_moment: Pointer;
  readonly second_moment: Pointer;
  /** Both moments of a matrix' nonzeros alone, in the order of its compressed rows, while steps are of these; 0 for tables, whose never are. */
  readonly nonzeroMoments: readonly [Pointer, Pointer];
  readonly matrix: TrainedMatrix | null;
  /** Of a matrix: what AbsTopK leaves of the activations that it reads, and of its output's gradients. */
  readonly activeShare: { readonly input: number; readonly output: number };
}

export interface TrainingMemory {
  readonly model: ModelWeights;
  readonly parameters: readonly TrainedParameter[];
  /** Of parameters that are no matrices: weights → gradient. */
  readonly vectorGradients: ReadonlyMap<Pointer, Pointer>;
}

/** Room for a model in training. The same addresses on every thread. */
export function reserveTraining(
  arena: Arena,
  config: ModelConfig,
  plans: readonly ParameterPlan[],
): TrainingMemory {
  const parameters = new Map<string, TrainedParameter>();
  const vectorGradients = new Map<Pointer, Pointer>();
  const biasOf = (name: string) => parameters.get(name.replace(/weight$/, "bias"))?.weights ?? 0;
  // Biases first: a matrix knows its own.
  for (const plan of [...plans].sort((a, b) => Number(a.isMatrix) - Number(b.isMatrix))) {
    const { name, shape, isMatrix, isTrained } = plan;
    const count = shape.reduce((product, length) => product * length, 1);
    const size = isMatrix ? blockedSize(shape[0], shape[1]) : padded(count);
    const matrix = isMatrix
      ? reserveMatrix(arena, shape[0], shape[1], {
          bias: biasOf(name),
          isEmbedding: /wte|wpe/.test(name),
          isTied: config.tied_unembed && name === "transformer.wte.weight",
          trained: isTrained,
          sparseOutput: activeShare(config, name).output < 1,
        })
      : null;
    const optional = () => (isTrained ? arena.floats(size) : 0);
    const parameter: TrainedParameter = {
      ...plan,
      ...{ size, count, matrix },
      weights: matrix?.weights ?? arena.floats(size),
      gradient: matrix?.gradient ?? optional(),
      first_moment: optional(),
      second_moment: optional(),
      nonzeroMoments: matrix && !matrix.isEmbedding ? [optional(), optional()] : [0, 0],
      activeShare: activeShare(config, name),
    };
    parameters.set(name, parameter);
    if (!matrix && isTrained) vectorGradients.set(parameter.weights, parameter.gradient);
  }
  return {
    model: assemble(config, parameters),
    parameters: plans.map(({ name }) => parameters.get(name)!),
    vectorGradients,
  };
}

function assemble(config: ModelConfig, parameters: ReadonlyMap<string, TrainedParameter>): ModelWeights {
  const pointer = (name: string): Pointer => parameters.get(name)?.weights ?? 0;
  const matrix = (name: string): TrainedMatrix => parameters.get(name)!.matrix!;
  const norm = (name: string): NormWeights => ({
    kind: config.rms_norm ? "rms" : "layer",
    weight: pointer(`${name}.weight`),
    bias: pointer(`${name}.bias`),
    eps: normEpsilon(config),
  });
  const layers = Array.from({ length: config.n_layer }, (_, i): LayerWeights => {
    const h = `transformer.h.${i}`;
    return {
      ln_1: norm(`${h}.ln_1`),
      ln_2: norm(`${h}.ln_2`),
      ln_p1: config.d_pos_emb === null ? null : norm(`${h}.ln_p1`),
      ln_p2: config.d_pos_emb === null ? null : norm(`${h}.ln_p2`),
      c_attn: matrix(`${h}.attn.c_attn.weight`),
      attn_c_proj: matrix(`${h}.attn.c_proj.weight`),
      sink_logit: pointer(`${h}.attn.attn_imp.sink_logit`),
      c_fc: matrix(`${h}.mlp.c_fc.weight`),
      mlp_c_proj: matrix(`${h}.mlp.c_proj.weight`),
    };
  });
  const wte = matrix("transformer.wte.weight");
  const bias = pointer("final_logits_bias");
  return {
    ...{ config, wte, layers },
    wpe: matrix("transformer.wpe.weight"),
    ln_f: norm("transformer.ln_f"),
    lm_head: config.tied_unembed ? { ...wte, bias } : { ...matrix("lm_head.weight"), bias },
    bigram_table: pointer("bigram_table"),
  };
}

/** Where AbsTopK thins out what a matrix reads, and what its output's gradient is left with. */
const NEIGHBOURS: readonly (readonly [suffix: string, input: Loctype | null, output: Loctype | null])[] = [
  ["attn.c_attn.weight", "attn_in", "attn_q"],
  ["attn.c_proj.weight", null, "attn_out"],
  ["mlp.c_fc.weight", "mlp_in", "mlp_neuron"],
  ["mlp.c_proj.weight", "mlp_neuron", "mlp_out"],
];

function activeShare({ afrac, afrac_loctypes }: ModelConfig, name: string): TrainedParameter["activeShare"] {
  const [, input, output] = NEIGHBOURS.find(([suffix]) => name.endsWith(suffix)) ?? ["", null, null];
  const share = (loctype: Loctype | null) =>
    loctype !== null && afrac !== null && afrac_loctypes.has(loctype) ? afrac : 1;
  return { input: share(input), output: share(output) };
}

/** Copies a parameter's array out of the engine: its weights, its gradient or a moment. */
export function readParameter(
  memory: EngineMemory,
  { shape, isMatrix, size, count }: TrainedParameter,
  pointer: Pointer,
): Float32Array<ArrayBuffer> {
  if (!isMatrix) return memory.copyOut(pointer, count);
  return readBlocks(memory.floats(pointer, size), shape[0], shape[1]);
}

/** Copies row-major data, or zeros, into one of a parameter's arrays. */
export function writeParameter(
  memory: EngineMemory,
  { shape, isMatrix, size }: TrainedParameter,
  pointer: Pointer,
  data: ArrayLike<number> | null,
): void {
  const target = memory.floats(pointer, size);
  target.fill(0);
  if (data === null) return;
  if (isMatrix) writeBlocks(target, data, shape[0], shape[1]);
  else target.set(data);
}
