interface Entry {
  readonly dtype: "F32" | "F64" | "I32";
  readonly shape: number[];
  readonly offset: number;
  readonly nbytes: number;
}

export interface InterventionPlan {
  readonly name: string;
  readonly seq: number;
  readonly ops: readonly { hook: string; kind: "zero" | "mean"; channels: number[] }[];
}

/** What the released inference code computed for one fixture. Runs in a browser too. */
export class Golden {
  readonly interventions: readonly InterventionPlan[];
  readonly hooks: readonly string[];
  readonly #tensors: Record<string, Entry>;
  readonly #data: Uint8Array;

  /**
   * @param json text of `golden.json`
   * @param data content of `golden.bin`
   */
  constructor(json: string, data: Uint8Array) {
    // Written by Python, whose JSON knows Infinity.
    const manifest = JSON.parse(json.replace(/\bInfinity\b/g, "null"));
    this.interventions = manifest.interventions;
    this.hooks = manifest.hooks;
    this.#tensors = manifest.tensors;
    this.#data = data;
  }

  names(prefix: string): string[] {
    return Object.keys(this.#tensors).filter((name) => name.startsWith(prefix));
  }

  shape(name: string): number[] {
    return this.#entry(name).shape;
  }

  numbers(name: string): number[] {
    const { dtype, offset, nbytes } = this.#entry(name);
    const bytes = this.#data.slice(offset, offset + nbytes).buffer;
    if (dtype === "F32") return [...new Float32Array(bytes)];
    return dtype === "F64" ? [...new Float64Array(bytes)] : [...new Int32Array(bytes)];
  }

  /** Rows of a matrix. */
  rows(name: string): number[][] {
    const values = this.numbers(name);
    const width = this.shape(name)[1];
    return Array.from({ length: values.length / width }, (_, i) => values.slice(i * width, (i + 1) * width));
  }

  #entry(name: string): Entry {
    const entry = this.#tensors[name];
    if (!entry) throw new Error(`no golden tensor ${name}`);
    return entry;
  }
}

/** Largest absolute difference; NaN counts as infinite. */
export function distance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length)
    throw new Error(`${actual.length} values, expected ${expected.length}`);
  let largest = 0;
  for (let i = 0; i < actual.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]);
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
  }
  return largest;
}
