import { documentSequences, type SequenceRange } from "../corpus/sequences.js";
import { occupiedTokens } from "../engine/batch.js";
import { SparseLensError } from "../errors.js";
import { Random } from "../random.js";
import type { TrainingConfig } from "./config.js";
import type { TrainSequence } from "./train-program.js";

/** The order of the data. A step's sequences, of `batch_size` times `block_size` places, depend on the seed and its number alone. */
export interface Batches {
  /** The sequences of step number `step`, from 1. */
  sequences(step: number): TrainSequence[];
  /** Tokens that the first `steps` steps read. */
  tokensOf(steps: number): number;
}

/**
 * @param tokens the training split
 * @param endOfText the token behind each document
 * @throws SparseLensError when there is too little to train on
 */
export function makeBatches(config: TrainingConfig, tokens: Uint16Array, endOfText: number): Batches {
  const { batch_size, seed, model, sequences } = config;
  const { block_size } = model;
  return sequences === "documents"
    ? new DocumentBatches(
        tokens,
        documentSequences(tokens, endOfText, block_size),
        batch_size * block_size,
        seed,
      )
    : new PackedBatches(tokens, block_size, batch_size, seed);
}

/**
 * Each epoch cuts the tokens into windows of block_size, from an offset of its own, and goes through them in random
 * order: most begin in the middle of a document, and hold the beginning of another.
 */
class PackedBatches implements Batches {
  readonly #tokens: Uint16Array;
  readonly #blockSize: number;
  readonly #batchSize: number;
  readonly #seed: number;
  /** Windows of an epoch. */
  readonly #windows: number;
  #epoch = -1;
  #starts: Uint32Array = new Uint32Array(0);

  /** @throws SparseLensError when there is less than one window */
  constructor(tokens: Uint16Array, blockSize: number, batchSize: number, seed: number) {
    this.#tokens = tokens;
    this.#blockSize = blockSize;
    this.#batchSize = batchSize;
    this.#seed = seed;
    // One token behind the last window is its last target; one window is left for the offset.
    this.#windows = Math.max(1, Math.floor((tokens.length - 1) / blockSize) - 1);
    if (tokens.length <= blockSize) {
      throw new SparseLensError(
        `The training split has ${tokens.length} tokens; a sequence takes ${blockSize + 1}. Train on more text, or with a smaller block_size.`,
      );
    }
  }

  sequences(step: number): TrainSequence[] {
    return Array.from({ length: this.#batchSize }, (_, i) => this.#window((step - 1) * this.#batchSize + i));
  }

  tokensOf(steps: number): number {
    return steps * this.#batchSize * this.#blockSize;
  }

  #window(index: number): TrainSequence {
    const epoch = Math.floor(index / this.#windows);
    if (epoch !== this.#epoch) this.#begin(epoch);
    return sequenceOf(this.#tokens, { start: this.#starts[index % this.#windows], length: this.#blockSize });
  }

  #begin(epoch: number): void {
    const random = epochRandom(this.#seed, epoch);
    const spare = this.#tokens.length - 1 - this.#windows * this.#blockSize;
    const offset = random.integer(Math.min(spare, this.#blockSize - 1) + 1);
    this.#starts = random.shuffle(
      Uint32Array.from({ length: this.#windows }, (_, i) => offset + i * this.#blockSize),
    );
    this.#epoch = epoch;
  }
}

/**
 * Each epoch goes through the documents in random order; a step takes as many as fill its places, the gaps behind documents
 * included (an odd panel of 32 more would cost a thread an eighth of its time), and of the last one its beginning: the rest of
 * that document waits for another epoch.
 */
class DocumentBatches implements Batches {
  readonly #tokens: Uint16Array;
  readonly #documents: readonly SequenceRange[];
  readonly #size: number;
  readonly #seed: number;
  #epoch = -1;
  #order: Uint32Array = new Uint32Array(0);
  /** Of the epoch: where each of its steps begins in the order, and the tokens up to its end. */
  #steps: { readonly first: number; readonly tokens: number }[] = [];
  /** Of the epochs before: steps, tokens. */
  #before = { steps: 0, tokens: 0 };

  /** @param size places of a step */
  constructor(tokens: Uint16Array, documents: readonly SequenceRange[], size: number, seed: number) {
    this.#tokens = tokens;
    this.#documents = documents;
    this.#size = size;
    this.#seed = seed;
    const available = documents.reduce((sum, { length }) => sum + occupiedTokens(length), 0);
    if (available < size) {
      throw new SparseLensError(
        `The documents of the training split fill ${available} places; a step takes ${size}. Train on more text, or with a smaller batch_size or block_size.`,
      );
    }
  }

  sequences(step: number): TrainSequence[] {
    this.#find(step);
    const sequences: TrainSequence[] = [];
    let room = this.#size;
    for (let i = this.#steps[step - 1 - this.#before.steps].first; room > 0; i++) {
      const { start, length } = this.#documents[this.#order[i]];
      sequences.push(sequenceOf(this.#tokens, { start, length: Math.min(length, room) }));
      room -= occupiedTokens(length);
    }
    return sequences;
  }

  tokensOf(steps: number): number {
    if (steps === 0) return 0;
    this.#find(steps);
    return this.#before.tokens + this.#steps[steps - 1 - this.#before.steps].tokens;
  }

  /** Goes to the epoch of a step. */
  #find(step: number): void {
    if (this.#epoch < 0 || step <= this.#before.steps) this.#begin(0, { steps: 0, tokens: 0 });
    while (step > this.#before.steps + this.#steps.length) {
      const { steps, tokens } = this.#before;
      this.#begin(this.#epoch + 1, {
        steps: steps + this.#steps.length,
        tokens: tokens + this.#steps.at(-1)!.tokens,
      });
    }
  }

  #begin(epoch: number, before: { steps: number; tokens: number }): void {
    this.#epoch = epoch;
    this.#before = before;
    const order = Uint32Array.from(this.#documents, (_, i) => i);
    this.#order = epochRandom(this.#seed, epoch).shuffle(order);
    this.#steps = [];
    let [first, room, tokens] = [0, this.#size, 0];
    this.#order.forEach((document, i) => {
      const { length } = this.#documents[document];
      tokens += Math.min(length, room);
      room -= occupiedTokens(length);
      if (room > 0) return;
      this.#steps.push({ first, tokens });
      first = i + 1;
      room = this.#size;
    });
  }
}

function sequenceOf(tokens: Uint16Array, { start, length }: SequenceRange): TrainSequence {
  const end = start + length;
  return {
    tokens: tokens.slice(start, end),
    targets: Int32Array.from(tokens.subarray(start + 1, end + 1)),
  };
}

/** A stream for each epoch; seeds have 53 bits. */
function epochRandom(seed: number, epoch: number): Random {
  return new Random(Number(BigInt.asUintN(53, BigInt(seed) * 65_537n + BigInt(epoch + 1))));
}
