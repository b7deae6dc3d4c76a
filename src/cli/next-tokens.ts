import type { Tensor } from "../tensor.js";

export interface NextToken {
  readonly token: number;
  readonly logit: number;
  readonly probability: number;
}

/** The most probable tokens after the last position, the most probable first. */
export function mostProbable({ data, shape }: Tensor, count: number): NextToken[] {
  const logits = data.subarray(data.length - shape[1]);
  const largest = logits.reduce((most, logit) => Math.max(most, logit), Number.NEGATIVE_INFINITY);
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
  return Array.from(logits, (logit, token) => ({
    ...{ token, logit, probability: Math.exp(logit - largest) / total },
  }))
    .sort((a, b) => b.logit - a.logit || a.token - b.token)
    .slice(0, count);
}
