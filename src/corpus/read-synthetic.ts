import { Random } from "../random.js";
import type { Reading } from "./documents.js";
import { generateProgram } from "./synthetic/index.js";

/** Synthetic Python programs. Each has a seed of its own, so that the first ones are the same whatever the count. */
export async function* readSynthetic(count: number, seed: number): AsyncGenerator<Reading> {
  const seeds = new Random(seed);
  for (let index = 0; index < count; index++) {
    yield { text: generateProgram(new Random(Math.floor(seeds.next() * 2 ** 53))) };
  }
}
