export interface Bisection {
  /** How many are kept. */
  readonly k: number;
  readonly loss: number;
  /** Whether the loss reaches the target; if not, k is all there are. */
  readonly reached: boolean;
}

/**
 * The smallest k from 0 to `limit` whose loss is at most the target, if loss falls with k. It need not: what is found
 * reaches the target, and one less does not.
 */
export async function bisect(
  limit: number,
  target: number,
  lossOf: (k: number) => Promise<number>,
): Promise<Bisection> {
  const all = await lossOf(limit);
  if (!(all <= target)) return { k: limit, loss: all, reached: false };
  let best = { k: limit, loss: all };
  let below = -1;
  while (best.k - below > 1) {
    const k = below < 0 ? 0 : (best.k + below) >> 1;
    const loss = await lossOf(k);
    if (loss <= target) best = { k, loss };
    else below = k;
  }
  return { ...best, reached: true };
}

/** Numbers from the one with the largest score down; of equal scores the lower number comes first. */
export function ranked(scores: ArrayLike<number>): number[] {
  return Array.from(scores, (_, i) => i).sort((a, b) => scores[b] - scores[a] || a - b);
}
