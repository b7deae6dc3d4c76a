import { occupiedTokens } from "../engine/batch.js";
import { BinarizedOperations } from "../engine/binarized.js";
import {
  type AblatedWeights,
  MaskedOperations,
  type MaskedOptions,
  type ValueMask,
} from "../engine/masked.js";
import { Arena } from "../engine/memory.js";
import type { Thread } from "../engine/thread.js";
import { backward, backwardValues } from "../model/backward.js";
import { inputWidth } from "../model/description.js";
import { type ForwardValues, forward, forwardValues, keptValues } from "../model/forward.js";
import type { NodeLocation } from "../model/node-index.js";
import { reserveSelected, type SelectedWeights } from "../model/selected-weights.js";
import { reserveTransposed, type TransposedWeights } from "../model/transposed.js";
import { findMatrix, reserveEdits, type WeightEdit } from "../model/weight-edits.js";
import type { ModelWeights } from "../model/weights.js";
import { Random } from "../random.js";
import { scoreCandidates } from "../tasks/score.js";
import { type BinarizedGradient, BinarizedMemory, type BinarizedNodes } from "./binarized-memory.js";
import { MaskOptimizer, type MaskTrainingSettings } from "./mask-optimizer.js";

/** A prompt, and the right and the wrong token behind it. */
export interface MaskedPrompt {
  readonly tokens: readonly number[];
  readonly candidates: readonly [number, number];
}

interface MaskedCall {
  readonly prompts: readonly MaskedPrompt[];
  readonly locations: readonly NodeLocation[];
  /** `[nodes]`: what takes the place of nodes that are masked. */
  readonly constants: Float32Array;
  /** Nodes that become steps of two values; their masks are 1. */
  readonly binarized?: BinarizedNodes;
}

/** What the masked model says behind each prompt. */
export interface EvaluateMasksCall extends MaskedCall {
  readonly type: "evaluate-masks";
  /** `[nodes]` each: how much of each node stays. */
  readonly masks: readonly Float32Array[];
  /** For each of the masks the weights that are ablated as well; absent: none. */
  readonly edits?: readonly (readonly WeightEdit[])[];
}

export interface EvaluateMasksResult {
  /** For each of the masks `[prompts, 2]`: the logits of the right and of the wrong candidate. */
  readonly candidateLogits: readonly Float32Array<ArrayBuffer>[];
}

/** Weights of one matrix, of which each might be ablated. */
export interface AblatableWeights extends Pick<AblatedWeights, "rows" | "columns" | "constants"> {
  /** In the state dict. */
  readonly name: string;
}

/** The gradient of the task loss by masks. */
export interface MaskGradientCall extends MaskedCall {
  readonly type: "mask-gradient";
  /** `[nodes]` */
  readonly masks: Float32Array;
  readonly ablatable?: readonly AblatableWeights[];
}

export interface MaskGradientResult {
  /** `[prompts, 2]` */
  readonly candidateLogits: readonly Float32Array<ArrayBuffer>[];
  /** `[nodes]` */
  readonly maskGradient: Float32Array<ArrayBuffer>;
  /** Of what is binarised; absent: nothing is. */
  readonly binarizedGradient?: BinarizedGradient;
  /** For each matrix whose weights might be ablated, and each weight, Σ over tokens of gradient · (input − constant). */
  readonly weightGradients?: readonly Float32Array<ArrayBuffer>[];
}

/** Trains masks on batches of pairs: prompts 2p and 2p + 1. */
export interface TrainMasksCall extends MaskedCall {
  readonly type: "train-masks";
  readonly settings: MaskTrainingSettings;
}

export interface TrainMasksResult {
  /** `[nodes]` */
  readonly tau: Float64Array<ArrayBuffer>;
  /** Of each step: task loss of its batch, and nodes kept, before the step. */
  readonly maskSteps: readonly { readonly loss: number; readonly nodes: number }[];
}

export type MaskCall = EvaluateMasksCall | MaskGradientCall | TrainMasksCall;
export type MaskCallResult = EvaluateMasksResult | MaskGradientResult | TrainMasksResult;

/** Steps between two looks at whether the caller still wants them, and two words about how far they are. */
const STEPS_OF_A_TURN = 8;

/** Bytes of values that one pass may take: about what caches hold. Never by the number of threads. */
const PASS_BYTES = 24 * 2 ** 20;
/** Tokens of one pass that are worth dividing among threads, even where caches do not hold them. */
const LEAST_TOKENS = 256;

/** The programs of masks, on one thread. What they need beside the model is made when it is first asked for. */
export class MaskPrograms {
  /** Behind what stays in memory. */
  end: number;
  readonly #thread: Thread;
  readonly #model: ModelWeights;
  #transposed: TransposedWeights | null = null;

  constructor(thread: Thread, model: ModelWeights, end: number) {
    this.#thread = thread;
    this.#model = model;
    this.end = end;
  }

  *run(call: MaskCall) {
    if (call.type !== "evaluate-masks") this.#transpose();
    if (call.type === "train-masks") return yield* this.#train(call);
    const arena = new Arena(this.end, this.#thread.memory.floatBytes);
    const memory = this.#reserve(arena, call);
    if (call.type === "mask-gradient") {
      const sums = call.ablatable?.map(({ rows }) => arena.floats(rows.length));
      const selected = this.#select(arena, this.#model, memory, this.#transposed);
      memory.write("masks", call.masks);
      selected.write();
      yield { type: "pass" } as const;
      const floats = (i: number) => this.#thread.memory.floats(sums![i], call.ablatable![i].rows.length);
      if (this.#thread.index === 0) for (const i of sums?.keys() ?? []) floats(i).fill(0);
      this.#thread.barrier();
      const ablated = call.ablatable?.map(
        ({ name, ...weights }, i) =>
          [findMatrix(selected.model.layers, name).matrix, { ...weights, sums: sums![i] }] as const,
      );
      const logits = yield* this.#gradient(arena.end, selected, call.prompts, memory, new Map(ablated));
      return {
        ...{ candidateLogits: [logits], maskGradient: memory.read("gradients") },
        binarizedGradient: memory.binarized?.gradient(),
        weightGradients: call.ablatable?.map((_, i) => floats(i).slice()),
      };
    }
    const candidateLogits: Float32Array<ArrayBuffer>[] = [];
    for (const [i, masks] of call.masks.entries()) {
      memory.write("masks", masks);
      yield { type: "pass" } as const;
      const editing = new Arena(arena.end, this.#thread.memory.floatBytes);
      const edited = reserveEdits(this.#thread, editing, this.#model, call.edits?.[i] ?? []);
      const selected = this.#select(editing, edited.model, memory, null);
      edited.write();
      selected.write();
      candidateLogits.push(yield* this.#evaluate(editing.end, selected.model, call.prompts, memory));
      if (this.#thread.index === 0) yield { type: "step", done: i + 1, total: call.masks.length } as const;
    }
    return { candidateLogits };
  }

  *#train(call: TrainMasksCall) {
    const thread = this.#thread;
    const { prompts, settings } = call;
    const arena = new Arena(this.end, thread.memory.floatBytes);
    const memory = this.#reserve(arena, call);
    const selected = this.#select(arena, this.#model, memory, this.#transposed);
    const random = new Random(settings.seed);
    // Every thread draws the same; thread 0 alone optimises.
    const optimizer = new MaskOptimizer(memory.nodes, settings, random);
    const batches = new PairBatches(prompts.length / 2, settings.batch_pairs, random);
    const masks = new Float32Array(memory.nodes);
    const maskSteps: { loss: number; nodes: number }[] = [];
    for (let step = 0; step < settings.steps; step++) {
      if (step % STEPS_OF_A_TURN === 0) {
        yield { type: "pass" } as const;
        if (thread.index === 0) yield { type: "step", done: step, total: settings.steps } as const;
      }
      const batch = batches.next().flatMap((pair) => [prompts[2 * pair], prompts[2 * pair + 1]]);
      optimizer.writeMasks(masks);
      memory.write("masks", masks);
      selected.write();
      const logits = yield* this.#gradient(arena.end, selected, batch, memory);
      if (thread.index > 0) continue;
      maskSteps.push({ loss: scoreCandidates(logits).loss, nodes: optimizer.kept });
      optimizer.update(memory.read("gradients"));
    }
    return { tau: optimizer.tau as Float64Array<ArrayBuffer>, maskSteps };
  }

  *#evaluate(start: number, model: ModelWeights, prompts: readonly MaskedPrompt[], memory: MaskMemory) {
    const logits = new Float32Array(2 * prompts.length);
    for (const pass of this.#cut(prompts, 1)) {
      const arena = new Arena(start, this.#thread.memory.floatBytes);
      const ops = this.#operations(arena, pass, memory, null);
      const values = forwardValues(this.#model.config, ops);
      yield* this.#forward(model, arena, ops, values, logits, pass[0].index);
      this.#thread.barrier();
    }
    return logits;
  }

  *#gradient(
    start: number,
    { model, transposed }: SelectedWeights,
    prompts: readonly MaskedPrompt[],
    memory: MaskMemory,
    ablated?: NonNullable<MaskedOptions["backward"]>["ablated"],
  ) {
    const { config } = this.#model;
    const logits = new Float32Array(2 * prompts.length);
    memory.clear("gradients");
    for (const pass of this.#cut(prompts, 3 * config.n_layer)) {
      const arena = new Arena(start, this.#thread.memory.floatBytes);
      const ops = this.#operations(arena, pass, memory, {
        ...{ transposed: transposed!, scale: 1 / prompts.length, ablated },
      });
      const values = keptValues(config, ops);
      const gradients = backwardValues(config, ops);
      yield* this.#forward(model, arena, ops, values, logits, pass[0].index);
      backward(model, values, gradients, ops);
      this.#thread.barrier();
    }
    return logits;
  }

  *#forward(
    model: ModelWeights,
    arena: Arena,
    ops: MaskedOperations,
    values: ForwardValues,
    logits: Float32Array,
    first: number,
  ) {
    this.#thread.commit(arena);
    yield* forward(model, values, ops);
    this.#thread.barrier();
    logits.set(ops.candidateLogits(), 2 * first);
  }

  #operations(
    arena: Arena,
    sequences: readonly (MaskedPrompt & { readonly index: number })[],
    { masks, binarized }: MaskMemory,
    backward: MaskedOptions["backward"],
  ): MaskedOperations {
    const { config } = this.#model;
    const d_heads = config.n_head * config.d_head;
    const options: MaskedOptions = {
      ...{ sequences, masks, backward, headWidth: config.d_head },
      widest: Math.max(inputWidth(config), 3 * d_heads, config.d_mlp),
    };
    return binarized
      ? new BinarizedOperations(this.#thread, arena, { ...options, ...binarized.table })
      : new MaskedOperations(this.#thread, arena, options);
  }

  /** Consecutive prompts whose values, `copies` of those of a layer, fit into a pass; at least one. */
  #cut(prompts: readonly MaskedPrompt[], copies: number) {
    const { config } = this.#model;
    const width =
      3 * config.d_model + 2 * inputWidth(config) + 4 * config.n_head * config.d_head + config.d_mlp;
    const limit = Math.max(LEAST_TOKENS, PASS_BYTES / (4 * width * copies));
    const passes: (MaskedPrompt & { index: number })[][] = [];
    let tokens = 0;
    prompts.forEach((prompt, index) => {
      const more = occupiedTokens(prompt.tokens.length);
      tokens += more;
      if (passes.length === 0 || tokens > limit) {
        passes.push([]);
        tokens = more;
      }
      passes[passes.length - 1].push({ ...prompt, index });
    });
    return passes;
  }

  #select(
    arena: Arena,
    model: ModelWeights,
    { masks }: MaskMemory,
    transposed: TransposedWeights | null,
  ): SelectedWeights {
    const selected = reserveSelected(this.#thread, arena, model, masks, transposed);
    this.#thread.commit(arena);
    return selected;
  }

  #reserve(arena: Arena, { locations, constants, binarized }: MaskedCall): MaskMemory {
    const memory = new MaskMemory(this.#thread, arena, locations, binarized);
    this.#thread.commit(arena);
    memory.write("constants", constants);
    memory.binarized?.write();
    return memory;
  }

  #transpose(): void {
    if (this.#transposed) return;
    const arena = new Arena(this.end, this.#thread.memory.floatBytes);
    const { transposed, write } = reserveTransposed(this.#thread, arena, this.#model);
    this.#thread.commit(arena);
    write();
    this.#transposed = transposed;
    this.end = arena.end;
  }
}

type MaskArray = "masks" | "constants" | "gradients";

/** Masks, constants and gradients of all nodes in the engine's memory, a stretch for each location. */
class MaskMemory {
  readonly nodes: number;
  readonly masks: ReadonlyMap<string, ValueMask>;
  readonly binarized: BinarizedMemory | null;

  constructor(
    private readonly thread: Thread,
    arena: Arena,
    private readonly locations: readonly NodeLocation[],
    binarized?: BinarizedNodes,
  ) {
    this.binarized = binarized ? new BinarizedMemory(thread, arena, locations, binarized) : null;
    this.nodes = locations.reduce((sum, { width }) => sum + width, 0);
    this.masks = new Map(
      locations.map(({ name, width }) => [
        name,
        { width, masks: arena.floats(width), constants: arena.floats(width), gradients: arena.floats(width) },
      ]),
    );
  }

  /** On every thread alike. */
  write(array: MaskArray, values: Float32Array): void {
    // Nobody reads any more what was there.
    this.thread.barrier();
    if (this.thread.index === 0) {
      this.#each(array, (floats, offset) => floats.set(values.subarray(offset, offset + floats.length)));
    }
    this.thread.barrier();
  }

  clear(array: MaskArray): void {
    this.thread.barrier();
    if (this.thread.index === 0) this.#each(array, (floats) => floats.fill(0));
    this.thread.barrier();
  }

  /** After a barrier. */
  read(array: MaskArray): Float32Array<ArrayBuffer> {
    const values = new Float32Array(this.nodes);
    this.#each(array, (floats, offset) => values.set(floats, offset));
    return values;
  }

  #each(array: MaskArray, visit: (floats: Float32Array | Float64Array, offset: number) => void): void {
    for (const { name, width, offset } of this.locations) {
      visit(this.thread.memory.floats(this.masks.get(name)![array], width), offset);
    }
  }
}

/** Pairs in random order, all of them once before any comes again. */
class PairBatches {
  #left: number[] = [];

  constructor(
    private readonly pairs: number,
    private readonly size: number,
    private readonly random: Random,
  ) {}

  next(): number[] {
    const batch: number[] = [];
    while (batch.length < Math.min(this.size, this.pairs)) {
      if (this.#left.length === 0) {
        this.#left = this.random.shuffle(Array.from({ length: this.pairs }, (_, pair) => pair));
      }
      batch.push(this.#left.pop()!);
    }
    return batch;
  }
}
