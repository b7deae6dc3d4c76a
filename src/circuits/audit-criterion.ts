/** One criterion of an audit: what it asks, what was measured, and whether it held. */
export interface AuditCriterion<Name extends string = string, Measures = unknown> {
  readonly name: Name;
  /** null: it was not decided, since something could not be measured. */
  readonly held: boolean | null;
  /** The number that decides, and what it is compared with; one line. */
  readonly summary: string;
  readonly measures: Measures;
}

/** A criterion of which nothing could be measured. @param why in a few words */
export function notMeasured<Name extends string>(name: Name, why: string): AuditCriterion<Name, null> {
  return { name, held: null, summary: why, measures: null };
}

/** Numbers in ascending order, by their quantiles. */
export interface Distribution {
  readonly count: number;
  readonly mean: number;
  readonly minimum: number;
  readonly quartile: number;
  readonly median: number;
  readonly upperQuartile: number;
  readonly maximum: number;
}

/** @param values at least one; quantiles between two of them are interpolated */
export function distributionOf(values: readonly number[]): Distribution {
  const sorted = [...values].sort((a, b) => a - b);
  const quantile = (q: number) => {
    const at = q * (sorted.length - 1);
    const below = Math.floor(at);
    return sorted[below] + (at - below) * (sorted[Math.ceil(at)] - sorted[below]);
  };
  return {
    count: sorted.length,
    mean: sorted.reduce((sum, value) => sum + value, 0) / sorted.length,
    ...{ minimum: quantile(0), quartile: quantile(0.25), median: quantile(0.5) },
    ...{ upperQuartile: quantile(0.75), maximum: quantile(1) },
  };
}

/** Nats, as summaries state them. */
export function nats(loss: number): string {
  return `${loss.toFixed(4)} nat`;
}
