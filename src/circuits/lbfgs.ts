export interface Minimum {
  readonly x: number[];
  readonly value: number;
}

/** Of the line search: what a step must gain (Armijo), and how often it is halved for it. */
const SUFFICIENT = 1e-4;
const HALVINGS = 30;

/**
 * L-BFGS with backtracking (Nocedal and Wright, algorithm 7.5), for a smooth function of a few variables.
 * @param evaluate value and gradient
 */
export function minimize(
  evaluate: (x: readonly number[]) => { readonly value: number; readonly gradient: readonly number[] },
  start: readonly number[],
  { steps = 16, memory = 8 } = {},
): Minimum {
  let x = [...start];
  let { value, gradient } = evaluate(x);
  const pairs: { s: number[]; y: number[]; rho: number }[] = [];
  for (let step = 0; step < steps; step++) {
    let direction = descent(gradient, pairs);
    let slope = dot(direction, gradient);
    if (!(slope < 0)) {
      pairs.length = 0;
      direction = gradient.map((g) => -g);
      slope = dot(direction, gradient);
    }
    if (!(slope < 0)) break;
    let size = pairs.length === 0 ? Math.min(1, 1 / norm(gradient)) : 1;
    let next: { x: number[]; value: number; gradient: readonly number[] } | undefined;
    for (let halving = 0; halving < HALVINGS && !next; halving++, size /= 2) {
      const candidate = x.map((xi, i) => xi + size * direction[i]);
      const result = evaluate(candidate);
      if (result.value <= value + SUFFICIENT * size * slope) next = { x: candidate, ...result };
    }
    if (!next) break;
    const s = next.x.map((xi, i) => xi - x[i]);
    const y = next.gradient.map((g, i) => g - gradient[i]);
    const curvature = dot(s, y);
    if (curvature > 1e-12) pairs.push({ s, y, rho: 1 / curvature });
    if (pairs.length > memory) pairs.shift();
    ({ x, value, gradient } = next);
  }
  return { x, value };
}

/** −H · gradient, with H the inverse Hessian that the pairs imply. */
function descent(
  gradient: readonly number[],
  pairs: readonly { s: readonly number[]; y: readonly number[]; rho: number }[],
): number[] {
  const q = [...gradient];
  const alphas = new Array<number>(pairs.length);
  for (let i = pairs.length - 1; i >= 0; i--) {
    const { s, y, rho } = pairs[i];
    alphas[i] = rho * dot(s, q);
    y.forEach((yj, j) => {
      q[j] -= alphas[i] * yj;
    });
  }
  const last = pairs.at(-1);
  const scale = last ? dot(last.s, last.y) / dot(last.y, last.y) : 1;
  for (let j = 0; j < q.length; j++) q[j] *= scale;
  pairs.forEach(({ s, y, rho }, i) => {
    const beta = rho * dot(y, q);
    s.forEach((sj, j) => {
      q[j] += (alphas[i] - beta) * sj;
    });
  });
  return q.map((value) => -value);
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i], 0);
}

function norm(a: readonly number[]): number {
  return Math.sqrt(dot(a, a));
}
