import { SparseLensError } from "../errors.js";
import { Random } from "../random.js";
import type { GenerationSettings } from "./options.js";

export type SamplingSettings = Pick<
  GenerationSettings,
  "doSample" | "temperature" | "topK" | "topP" | "minP" | "repetitionPenalty" | "seed"
>;

/** The tokens that may come next with their probabilities, which sum to 1. */
export interface Distribution {
  /** Ascending. */
  readonly tokens: Uint32Array;
  readonly probabilities: Float64Array;
}

/**
 * Chooses tokens from logits with the semantics of `generate` in `transformers`: repetition penalty, then, when sampling,
 * temperature, top-k, top-p and min-p in this order, then a draw in proportion to the probabilities; else the largest
 * logit, of several the one of the lowest id.
 *
 * Logits are scaled in float32 as there; probabilities are computed and summed in float64. Of tokens that are equally
 * probable, top-p drops those of lower id first, as a stable sort does there.
 *
 * One instance serves one continuation: it holds the state of the random numbers and the tokens seen.
 */
export class Sampler {
  private readonly random: Random;
  /** Tokens that the repetition penalty concerns. */
  private readonly seen: Set<number>;
  // Allocated with the first logits, and used for all that follow.
  private scores = new Float32Array(0);
  /** Survivors of the filters; ascending by id, except while top-p has them in a heap. */
  private survivors = new Uint32Array(0);
  private weights = new Float64Array(0);
  private largest = new Float32Array(0);

  /** @param prompt The tokens before the first one to choose: the repetition penalty counts them. */
  constructor(
    private readonly settings: SamplingSettings,
    prompt: Iterable<number> = [],
  ) {
    this.random = new Random(settings.seed);
    this.seen = new Set(prompt);
  }

  /**
   * Chooses the next token.
   * @param logits One per token of the vocabulary; not changed.
   * @throws SparseLensError when the logits hold NaN, or leave no token to choose.
   */
  next(logits: Float32Array): number {
    this.prepare(logits);
    const best = this.argmax();
    const token = this.settings.doSample ? this.draw(this.filter(best)) : best;
    this.seen.add(token);
    return token;
  }

  /**
   * What {@link next} would draw from; a single token without `doSample`. Leaves the state as it is.
   * @throws SparseLensError as {@link next} does.
   */
  distribution(logits: Float32Array): Distribution {
    this.prepare(logits);
    const best = this.argmax();
    if (!this.settings.doSample) return { tokens: Uint32Array.of(best), probabilities: Float64Array.of(1) };
    const count = this.filter(best);
    const total = this.weigh(count);
    return {
      tokens: this.survivors.slice(0, count),
      probabilities: this.weights.slice(0, count).map((weight) => weight / total),
    };
  }

  /** Copies the logits to the scores with the repetition penalty, and, when sampling, the temperature. */
  private prepare(logits: Float32Array): void {
    if (logits.length !== this.scores.length) this.reserve(logits.length);
    const { scores, settings } = this;
    scores.set(logits);
    if (settings.repetitionPenalty !== 1) {
      const penalty = Math.fround(settings.repetitionPenalty);
      for (const token of this.seen) {
        if (!(token < scores.length)) {
          throw new SparseLensError(
            `The prompt's token ${token} is not among the model's ${scores.length} tokens.`,
          );
        }
        scores[token] = scores[token] < 0 ? scores[token] * penalty : scores[token] / penalty;
      }
    }
    if (settings.doSample && settings.temperature !== 1) {
      const temperature = Math.fround(settings.temperature);
      for (let token = 0; token < scores.length; token++) scores[token] /= temperature;
    }
  }

  private reserve(vocabularySize: number): void {
    this.scores = new Float32Array(vocabularySize);
    if (!this.settings.doSample) return;
    this.survivors = new Uint32Array(vocabularySize);
    this.weights = new Float64Array(vocabularySize);
    this.largest = new Float32Array(Math.min(this.settings.topK, vocabularySize));
  }

  private argmax(): number {
    const { scores } = this;
    let best = -1;
    let bestScore = Number.NEGATIVE_INFINITY;
    for (let token = 0; token < scores.length; token++) {
      const score = scores[token];
      if (score > bestScore) {
        best = token;
        bestScore = score;
      } else if (Number.isNaN(score)) {
        throw new SparseLensError(
          `The logit of token ${token} is NaN. The model's weights or an intervention are at fault.`,
        );
      }
    }
    if (best < 0 || (this.settings.doSample && bestScore === Number.POSITIVE_INFINITY)) {
      throw new SparseLensError(
        `No token can be chosen: ${best < 0 ? "all logits are -Infinity" : `the logit of token ${best} is Infinity`}.`,
      );
    }
    return best;
  }

  /** Fills `survivors` with the tokens that pass top-k, top-p and min-p; returns their number. */
  private filter(best: number): number {
    const { scores, survivors, settings } = this;
    const floor = settings.topK > 0 ? this.kthLargest() : Number.NEGATIVE_INFINITY;
    let count = 0;
    for (let token = 0; token < scores.length; token++) {
      // Tokens without any probability are none of the survivors.
      if (scores[token] >= floor && scores[token] > Number.NEGATIVE_INFINITY) survivors[count++] = token;
    }
    if (settings.topP < 1) count = this.keepTopP(count, scores[best]);
    if (settings.minP > 0) {
      const kept = count;
      count = 0;
      for (let index = 0; index < kept; index++) {
        const token = survivors[index];
        if (Math.exp(scores[token] - scores[best]) >= settings.minP) survivors[count++] = token;
      }
    }
    return count;
  }

  /** The k-th largest score, found with a heap of the k largest so far, the least of them on top. */
  private kthLargest(): number {
    const { scores, largest } = this;
    const size = largest.length;
    for (let index = 0; index < size; index++) largest[index] = scores[index];
    for (let index = (size >> 1) - 1; index >= 0; index--) this.siftLargest(index);
    for (let token = size; token < scores.length; token++) {
      if (scores[token] > largest[0]) {
        largest[0] = scores[token];
        this.siftLargest(0);
      }
    }
    return largest[0];
  }

  private siftLargest(from: number): void {
    const { largest } = this;
    const value = largest[from];
    let index = from;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= largest.length) break;
      if (child + 1 < largest.length && largest[child + 1] < largest[child]) child++;
      if (largest[child] >= value) break;
      largest[index] = largest[child];
      index = child;
    }
    largest[index] = value;
  }

  /**
   * Keeps the most probable of the first `count` survivors: as few as leave at most 1 - topP of the probability to the
   * others. Takes them from a heap one by one, so that a peaked distribution over a large vocabulary is not sorted.
   */
  private keepTopP(count: number, bestScore: number): number {
    const { scores, survivors, settings } = this;
    let rest = 0;
    for (let index = 0; index < count; index++) rest += Math.exp(scores[survivors[index]] - bestScore);
    const allowed = rest * (1 - settings.topP);
    for (let index = (count >> 1) - 1; index >= 0; index--) this.siftSurvivors(index, count);
    let size = count;
    do {
      const top = survivors[0];
      rest -= Math.exp(scores[top] - bestScore);
      size--;
      survivors[0] = survivors[size];
      survivors[size] = top;
      this.siftSurvivors(0, size);
    } while (size > 0 && rest > allowed);
    // The kept ones lie behind the heap.
    survivors.copyWithin(0, size, count);
    survivors.subarray(0, count - size).sort();
    return count - size;
  }

  private siftSurvivors(from: number, size: number): void {
    const { survivors } = this;
    const token = survivors[from];
    let index = from;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= size) break;
      if (child + 1 < size && this.precedes(survivors[child + 1], survivors[child])) child++;
      if (!this.precedes(survivors[child], token)) break;
      survivors[index] = survivors[child];
      index = child;
    }
    survivors[index] = token;
  }

  /** Whether top-p keeps token `a` before token `b`. */
  private precedes(a: number, b: number): boolean {
    const { scores } = this;
    return scores[a] > scores[b] || (scores[a] === scores[b] && a > b);
  }

  /** Fills `weights` with numbers in proportion to the survivors' probabilities; returns their sum. */
  private weigh(count: number): number {
    const { scores, survivors, weights } = this;
    let best = Number.NEGATIVE_INFINITY;
    for (let index = 0; index < count; index++) best = Math.max(best, scores[survivors[index]]);
    let total = 0;
    for (let index = 0; index < count; index++) {
      weights[index] = Math.exp(scores[survivors[index]] - best);
      total += weights[index];
    }
    return total;
  }

  private draw(count: number): number {
    const { survivors, weights } = this;
    const target = this.random.next() * this.weigh(count);
    let sum = 0;
    let drawn = -1;
    for (let index = 0; index < count; index++) {
      if (weights[index] === 0) continue;
      sum += weights[index];
      drawn = index;
      if (target < sum) break;
    }
    return survivors[drawn];
  }
}
