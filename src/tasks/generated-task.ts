import { Random } from "../random.js";
import { hashText } from "./hash.js";
import { Sketch } from "./sketch.js";
import { type Pair, type PairOptions, SPLITS, type Split, type Task, TEMPLATE_SETS } from "./task.js";

export interface TaskDefinition {
  readonly name: string;
  readonly description: string;
  /** Default: true. */
  readonly endsAlike?: boolean;
  /** One pair, around what the sketch is given. */
  draw(sketch: Sketch): Pair;
}

// A task of which this many pairs in a row were known already has no others.
const EXHAUSTED = 5000;

export function generatedTask({ name, description, endsAlike = true, draw }: TaskDefinition): Task {
  return {
    ...{ name, description, endsAlike, templates: TEMPLATE_SETS },
    *pairs({ split, templates = "standard", seed }: PairOptions) {
      const random = new Random(seed);
      const known = new Set<string>();
      for (let misses = 0; misses < EXHAUSTED; misses++) {
        const pair = draw(new Sketch(random, templates));
        if (pair.prompts.some((prompt) => splitOf(prompt) !== split || known.has(prompt))) continue;
        for (const prompt of pair.prompts) known.add(prompt);
        misses = 0;
        yield pair;
      }
    },
  };
}

/** A prompt belongs to one split, whatever it is paired with; a pair whose prompts belong to two is not used. */
export function splitOf(prompt: string): Split {
  return SPLITS[hashText(prompt) % SPLITS.length];
}
