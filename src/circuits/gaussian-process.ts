/** What a Gaussian process says of a point. */
export interface Prediction {
  readonly mean: number;
  readonly deviation: number;
}

const LENGTHS = [0.5, 1, 2, 4];
const NOISES = [0.01, 0.05, 0.2, 0.5];

/**
 * Regression by a Gaussian process with a squared exponential kernel and noise, of values that are standardised first.
 * Length scale and noise are those of a small grid that make the data most probable (Rasmussen and Williams, 2.2, 5.4).
 */
export class GaussianProcess {
  /** Of the standardised values, by the data's logarithm of probability. */
  readonly #evidence: number;
  readonly #factor: readonly number[][];
  readonly #weights: readonly number[];

  private constructor(
    private readonly points: readonly (readonly number[])[],
    private readonly values: readonly number[],
    private readonly settings: {
      readonly mean: number;
      readonly scale: number;
      readonly length: number;
      readonly noise: number;
    },
  ) {
    const { mean, scale, length, noise } = settings;
    this.#factor = cholesky(
      points.map((one, i) =>
        points.map((other, j) => kernel(one, other, length) + (i === j ? noise + 1e-9 : 0)),
      ),
    );
    const half = solveLower(
      this.#factor,
      values.map((value) => (value - mean) / scale),
    );
    this.#weights = solveUpper(this.#factor, half);
    const determinant = this.#factor.reduce((sum, row, i) => sum + Math.log(row[i]), 0);
    this.#evidence = -half.reduce((sum, value) => sum + value * value, 0) / 2 - determinant;
  }

  /** @param points at least one, all of one length */
  static fit(points: readonly (readonly number[])[], values: readonly number[]): GaussianProcess {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    const scale = Math.sqrt(variance) || 1;
    return LENGTHS.flatMap((length) =>
      NOISES.map((noise) => new GaussianProcess(points, values, { mean, scale, length, noise })),
    ).reduce((best, other) => (other.#evidence > best.#evidence ? other : best));
  }

  /** The same process had it seen, at a point, what it expects there. */
  believe(point: readonly number[]): GaussianProcess {
    const values = [...this.values, this.predict(point).mean];
    return new GaussianProcess([...this.points, point], values, this.settings);
  }

  /** Of the function itself, without the noise. */
  predict(point: readonly number[]): Prediction {
    const { mean, scale, length } = this.settings;
    const covariances = this.points.map((other) => kernel(point, other, length));
    const expected = covariances.reduce((sum, covariance, i) => sum + covariance * this.#weights[i], 0);
    const explained = solveLower(this.#factor, covariances).reduce((sum, value) => sum + value * value, 0);
    return {
      mean: mean + scale * expected,
      deviation: scale * Math.sqrt(Math.max(1e-12, 1 - explained)),
    };
  }
}

function kernel(a: readonly number[], b: readonly number[], length: number): number {
  const distance = a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0);
  return Math.exp(-distance / (2 * length * length * a.length));
}

/** The lower triangle L of a positive definite matrix L Lᵀ. */
function cholesky(matrix: readonly (readonly number[])[]): number[][] {
  const factor = matrix.map((row) => new Array<number>(row.length).fill(0));
  for (let i = 0; i < matrix.length; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i][j];
      for (let k = 0; k < j; k++) sum -= factor[i][k] * factor[j][k];
      factor[i][j] = i === j ? Math.sqrt(sum) : sum / factor[j][j];
    }
  }
  return factor;
}

/** x of L x = b. */
function solveLower(factor: readonly (readonly number[])[], b: readonly number[]): number[] {
  const x: number[] = [];
  for (let i = 0; i < b.length; i++) {
    let sum = b[i];
    for (let k = 0; k < i; k++) sum -= factor[i][k] * x[k];
    x.push(sum / factor[i][i]);
  }
  return x;
}

/** x of Lᵀ x = b. */
function solveUpper(factor: readonly (readonly number[])[], b: readonly number[]): number[] {
  const x = new Array<number>(b.length);
  for (let i = b.length - 1; i >= 0; i--) {
    let sum = b[i];
    for (let k = i + 1; k < b.length; k++) sum -= factor[k][i] * x[k];
    x[i] = sum / factor[i][i];
  }
  return x;
}
