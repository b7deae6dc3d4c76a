import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));

/** All golden directories where they are, else the handful that is part of the repository. */
const shared = process.env.SPARSELENS_FIXTURES ?? root("../shared/fixtures");
const directory = existsSync(shared) ? shared : root("test/fixtures");

/** Paths of the golden fixture directories. */
export const fixtures: readonly string[] = readdirSync(directory)
  .filter((name) => /^\d\d_/.test(name))
  .sort()
  .map((name) => `${directory}/${name}`);

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

/** What the released inference code computed for one fixture. */
export class Golden {
  readonly interventions: readonly InterventionPlan[];
  readonly hooks: readonly string[];
  readonly #tensors: Record<string, Entry>;
  readonly #data: Buffer;

  constructor(path: string) {
    // Written by Python, whose JSON knows Infinity.
    const manifest = JSON.parse(readFileSync(`${path}/golden.json`, "utf8").replace(/\bInfinity\b/g, "null"));
    this.interventions = manifest.interventions;
    this.hooks = manifest.hooks;
    this.#tensors = manifest.tensors;
    this.#data = readFileSync(`${path}/golden.bin`);
  }

  names(prefix: string): string[] {
    return Object.keys(this.#tensors).filter((name) => name.startsWith(prefix));
  }

  shape(name: string): number[] {
    return this.#entry(name).shape;
  }

  numbers(name: string): number[] {
    const { dtype, offset, nbytes } = this.#entry(name);
    const bytes = new Uint8Array(this.#data.subarray(offset, offset + nbytes)).buffer;
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
