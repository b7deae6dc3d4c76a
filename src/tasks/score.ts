import type { TaskBatch } from "./batch.js";

export interface SideScore {
  /** Share of prompts after which the right candidate has the larger logit. */
  readonly accuracy: number;
  /** Cross-entropy over the two candidates, in nats. Chance is ln 2. */
  readonly loss: number;
}

export interface TaskScore extends SideScore {
  /** Of the first and of the second prompts of the pairs. */
  readonly sides: readonly [SideScore, SideScore];
  /** Number of pairs. */
  readonly pairs: number;
}

/**
 * How well a model does a task: cross-entropy over the two candidates, averaged over both prompts.
 * @param logits `[2N, vocab]`: the logits at the last position of each prompt of the batch
 */
export function scoreTask(logits: ArrayLike<number>, { candidates, lengths }: TaskBatch): TaskScore {
  const vocabulary = logits.length / lengths.length;
  const chosen = new Float64Array(candidates.length);
  for (let i = 0; i < chosen.length; i++) chosen[i] = logits[(i >> 1) * vocabulary + candidates[i]];
  return scoreCandidates(chosen);
}

/**
 * The same, from the candidates' logits alone.
 * @param logits `[2N, 2]`: for each prompt that of the right candidate, then that of the wrong one
 */
export function scoreCandidates(logits: ArrayLike<number>): TaskScore {
  const pairs = logits.length / 4;
  const side = (which: 0 | 1): SideScore => {
    let right = 0;
    let loss = 0;
    for (let pair = 0; pair < pairs; pair++) {
      const at = 4 * pair + 2 * which;
      const margin = logits[at] - logits[at + 1];
      if (margin > 0) right++;
      // log(1 + e^-margin), without overflow.
      loss += Math.max(0, -margin) + Math.log1p(Math.exp(-Math.abs(margin)));
    }
    return { accuracy: right / pairs, loss: loss / pairs };
  };
  const sides = [side(0), side(1)] as const;
  return {
    accuracy: (sides[0].accuracy + sides[1].accuracy) / 2,
    loss: (sides[0].loss + sides[1].loss) / 2,
    sides,
    pairs,
  };
}
