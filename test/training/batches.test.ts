import { expect, test } from "vitest";
import { occupiedTokens } from "../../src/engine/batch.js";
import { makeBatches } from "../../src/training/batches.js";
import { parseTrainingConfig } from "../../src/training/config.js";

const END = 49;
const keys = {
  vocab_size: 50,
  n_layer: 1,
  d_model: 32,
  block_size: 8,
  batch_size: 3,
  tokens: 2400,
  minimum_nonzeros: 0,
};
const configOf = (sequences: string, seed = 0) => parseTrainingConfig({ ...keys, sequences, seed }, "test");

/** Documents of 1 to 12 tokens; each token tells its document. */
const documents = Array.from({ length: 40 }, (_, i) => new Array<number>(1 + ((i * 7) % 12)).fill(i));
const tokens = Uint16Array.from(documents.flatMap((document) => [...document, END]));

test.each(["packed", "documents"])(
  "%s: full steps, with the next tokens as targets, by number alone",
  (kind) => {
    const batches = makeBatches(configOf(kind), tokens, END);
    const steps = Array.from({ length: 60 }, (_, i) => batches.sequences(i + 1));
    let read = 0;
    for (const [i, sequences] of steps.entries()) {
      const lengths = sequences.map((sequence) => sequence.tokens.length);
      expect(lengths.reduce((sum, length) => sum + occupiedTokens(length), 0)).toBe(24);
      if (kind === "packed") expect(lengths).toEqual([8, 8, 8]);
      read += lengths.reduce((sum, length) => sum + length, 0);
      expect(batches.tokensOf(i + 1)).toBe(read);
      for (const { tokens: inputs, targets } of sequences) {
        expect(inputs.length).toBeLessThanOrEqual(8);
        expect([...inputs.subarray(1)]).toEqual([...targets.subarray(0, -1)]);
      }
    }
    const again = makeBatches(configOf(kind), tokens, END);
    for (const step of [60, 1, 17]) {
      expect(again.sequences(step)).toEqual(steps[step - 1]);
      expect(again.tokensOf(step)).toBe(batches.tokensOf(step));
    }
    expect(again.tokensOf(0)).toBe(0);
    expect(makeBatches(configOf(kind, 1), tokens, END).sequences(1)).not.toEqual(steps[0]);
  },
);

test("documents: none is mixed with another, and an epoch repeats none", () => {
  const batches = makeBatches(configOf("documents"), tokens, END);
  const seen = new Array<number>(documents.length).fill(0);
  // Each sequence fills eight places: three make a step.
  const sequences = documents.reduce((sum, { length }) => sum + Math.ceil(length / 8), 0);
  for (let step = 1; step <= Math.floor(sequences / 3); step++) {
    for (const { tokens: inputs, targets } of batches.sequences(step)) {
      expect(new Set([...inputs])).toHaveProperty("size", 1);
      expect([inputs[0], END]).toContain(targets.at(-1));
      seen[inputs[0]] += inputs.length;
    }
  }
  for (const [i, count] of seen.entries()) expect(count).toBeLessThanOrEqual(documents[i].length);
});

test("too little text is said", () => {
  expect(() => makeBatches(configOf("documents"), Uint16Array.of(1, 2, END), END)).toThrow(
    "fill 8 places; a step takes 24",
  );
  expect(() => makeBatches(configOf("packed"), Uint16Array.of(1, 2, END), END)).toThrow("has 3 tokens");
});
