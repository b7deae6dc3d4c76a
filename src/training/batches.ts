import { SparseLensError } from "../errors.js";
import { Random } from "../random.js";
import type { TrainSequence } from "./train-program.js";

/**
 * The order of the data: each epoch cuts the tokens into windows of block_size, from an offset of its own, and goes
 * through them in random order. A step's sequences depend on the seed and its number alone.
 */
export class Batches {
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

  /** The sequences of step number `step`, from 1. */
  sequences(step: number): TrainSequence[] {
    return Array.from({ length: this.#batchSize }, (_, i) => this.#window((step - 1) * this.#batchSize + i));
  }

  #window(index: number): TrainSequence {
    const epoch = Math.floor(index / this.#windows);
    if (epoch !== this.#epoch) this.#begin(epoch);
    const start = this.#starts[index % this.#windows];
    const end = start + this.#blockSize;
    return {
      tokens: this.#tokens.slice(start, end),
      targets: Int32Array.from(this.#tokens.subarray(start + 1, end + 1)),
    };
  }

  #begin(epoch: number): void {
    // A stream for each epoch; seeds have 53 bits.
    const random = new Random(Number(BigInt.asUintN(53, BigInt(this.#seed) * 65_537n + BigInt(epoch + 1))));
    const spare = this.#tokens.length - 1 - this.#windows * this.#blockSize;
    const offset = random.integer(Math.min(spare, this.#blockSize - 1) + 1);
    this.#starts = random.shuffle(
      Uint32Array.from({ length: this.#windows }, (_, i) => offset + i * this.#blockSize),
    );
    this.#epoch = epoch;
  }
}
