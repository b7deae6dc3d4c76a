import { Random } from "../random.js";
import { GaussianProcess, type Prediction } from "./gaussian-process.js";
import type { Point } from "./search-space.js";

/** A trial and what came of it. */
export interface Trial {
  readonly point: Point;
  /** The less the better. */
  readonly objective: number;
  /** What it took, in any unit, greater than 0. */
  readonly cost: number;
}

export interface SearchOptions {
  readonly dimensions: number;
  /** Trials drawn at random around the centre, the centre itself first, before there is a model. */
  readonly initialTrials: number;
  /** Trials proposed at a time: none of them knows of the others' outcomes. */
  readonly batch: number;
  readonly seed: number;
}

/** Candidates that are weighed for each proposal, and how far around the front they are drawn. */
const CANDIDATES = 256;
const REACH = 0.5;
/** What counts as the most that a trial may cost: a little more than any has. */
const STRETCH = 1.5;

/**
 * The next trials, from all before: after a random start those that promise most for what they cost. In the spirit of
 * CARBS (Fetterman et al., arXiv 2306.08055): candidates are drawn around the front of trials that nothing cheaper beats, Gaussian
 * processes model objective and log cost, and a candidate is judged by its expected improvement over the best trial within
 * a budget for one trial, which is drawn anew for each proposal.
 *
 * The same trials give the same proposals; how long they took to evaluate, and in which order they ended, does not count.
 */
export function proposeTrials(trials: readonly Trial[], options: SearchOptions): number[][] {
  const { dimensions, initialTrials, batch, seed } = options;
  const proposals: number[][] = [];
  const front = paretoFront(trials);
  let models = trials.length > 0 ? modelsOf(trials) : null;
  while (proposals.length < batch) {
    const done = trials.length + proposals.length;
    const random = new Random(seed + 1_000_003 * done);
    if (!models || done < initialTrials) {
      proposals.push(Array.from({ length: dimensions }, () => (done === 0 ? 0 : random.normal())));
      continue;
    }
    const point = mostPromising(models, trials, front, random);
    proposals.push(point);
    // What the next proposal believes of this one is what is expected of it.
    models = { objective: models.objective.believe(point), cost: models.cost };
  }
  return proposals;
}

interface Models {
  readonly objective: GaussianProcess;
  /** Of the logarithm. */
  readonly cost: GaussianProcess;
}

function modelsOf(trials: readonly Trial[]): Models {
  const points = trials.map(({ point }) => point);
  const objectives = trials.map(({ objective }) => objective);
  const costs = trials.map(({ cost }) => Math.log(cost));
  return { objective: GaussianProcess.fit(points, objectives), cost: GaussianProcess.fit(points, costs) };
}

function mostPromising(
  { objective, cost }: Models,
  trials: readonly Trial[],
  front: readonly Trial[],
  random: Random,
): number[] {
  const costs = trials.map((trial) => Math.log(trial.cost));
  const [cheapest, dearest] = [Math.min(...costs), Math.max(...costs) + Math.log(STRETCH)];
  const limit = cheapest + (dearest - cheapest) * Math.sqrt(random.next());
  const affordable = front.filter((trial) => Math.log(trial.cost) <= limit);
  const bar = affordable.at(-1)!.objective;
  let best: { point: number[]; value: number } | undefined;
  for (let i = 0; i < CANDIDATES; i++) {
    const around = random.choice(front).point;
    const point = around.map((x) => x + REACH * random.normal());
    const expected = cost.predict(point).mean;
    // Beyond the limit a candidate counts the less the further it is.
    const penalty = Math.exp(-Math.max(0, expected - limit) * 4);
    const value = penalty * expectedImprovement(objective.predict(point), bar);
    if (!best || value > best.value) best = { point, value };
  }
  return best!.point;
}

/** The trials that no other beats at the same or a lower cost, from the cheapest up. */
export function paretoFront(trials: readonly Trial[]): Trial[] {
  const front: Trial[] = [];
  for (const trial of [...trials].sort((a, b) => a.cost - b.cost || a.objective - b.objective)) {
    if (front.length === 0 || trial.objective < front[front.length - 1].objective) front.push(trial);
  }
  return front;
}

/** By how much a normal distribution lies below a bar, in expectation. */
export function expectedImprovement({ mean, deviation }: Prediction, bar: number): number {
  const z = (bar - mean) / deviation;
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  return deviation * (z * normalDistribution(z) + density);
}

/** Φ(z), by Abramowitz and Stegun 7.1.26: to 1.5e-7. */
function normalDistribution(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const polynomial =
    ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  const tail = 0.5 * polynomial * Math.exp(-x * x);
  return z > 0 ? 1 - tail : tail;
}
