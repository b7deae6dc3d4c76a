import type { Calibration } from "./circuit.js";
import { minimize } from "./lbfgs.js";

/**
 * Fits scale and shift of the final logits to the task (paper, A.5: 16 steps of L-BFGS). Of two logits only the
 * difference matters, first answer minus second; it becomes scale · difference + shift.
 * @param candidateLogits `[2N, 2]`: prompts 2p are those after which the first answer is right
 */
export function fitCalibration(candidateLogits: ArrayLike<number>): Calibration {
  const prompts = candidateLogits.length / 2;
  const [scale, shift] = minimize(
    ([a, b]) => {
      let [value, byScale, byShift] = [0, 0, 0];
      for (let i = 0; i < prompts; i++) {
        const sign = i % 2 === 0 ? 1 : -1;
        const difference = sign * (candidateLogits[2 * i] - candidateLogits[2 * i + 1]);
        const margin = sign * (a * difference + b);
        value += softplus(-margin) / prompts;
        const byMargin = -1 / (1 + Math.exp(margin)) / prompts;
        byScale += byMargin * sign * difference;
        byShift += byMargin * sign;
      }
      return { value, gradient: [byScale, byShift] };
    },
    [1, 0],
    { steps: 16 },
  ).x;
  return { scale, shift };
}

/** The logits after calibration, `[2N, 2]`, the wrong one's being 0. */
export function calibrated(candidateLogits: ArrayLike<number>, { scale, shift }: Calibration): Float32Array {
  return Float32Array.from(candidateLogits, (logit, at) => {
    if (at % 2 === 1) return 0;
    const sign = at % 4 === 0 ? 1 : -1;
    return sign * (scale * sign * (logit - candidateLogits[at + 1]) + shift);
  });
}

/** log(1 + e^x), without overflow. */
function softplus(x: number): number {
  return Math.max(0, x) + Math.log1p(Math.exp(-Math.abs(x)));
}
