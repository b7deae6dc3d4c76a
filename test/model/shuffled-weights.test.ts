import { expect, test } from "vitest";
import { openCheckpoint } from "../../src/formats/checkpoint.js";
import { resolveSource } from "../../src/io/source.js";
import { parseConfig } from "../../src/model/config.js";
import { shuffledWeights } from "../../src/model/shuffled-weights.js";
import { fixtures } from "../support/fixtures.js";

test.each(fixtures.slice(0, 5))(
  "random weights keep pattern and values of each tensor (%s)",
  async (path) => {
    const checkpoint = await openCheckpoint(await resolveSource(path));
    const config = parseConfig(checkpoint.config, checkpoint.configFile);
    const shuffled = shuffledWeights(checkpoint.tensors, config, 3);
    const again = shuffledWeights(checkpoint.tensors, config, 3);
    const other = shuffledWeights(checkpoint.tensors, config, 4);
    expect([...shuffled.keys()]).toEqual(
      [...checkpoint.tensors.keys()].filter((name) => !(config.tied_unembed && name === "lm_head.weight")),
    );
    let moved = 0;
    for (const [name, tensor] of shuffled) {
      const before = await checkpoint.tensors.get(name)!.readDense();
      const after = await tensor.readDense();
      const isZero = (value: number) => value === 0;
      expect(Array.from(after, isZero), name).toEqual(Array.from(before, isZero));
      expect(after.slice().sort(), name).toEqual(before.slice().sort());
      expect(await again.get(name)!.readDense(), name).toEqual(after);
      if (after.some((value, i) => value !== before[i])) moved++;
      if (tensor.shape.length !== 2 || !name.includes("c_attn")) continue;
      expect(after).not.toEqual(before);
      expect(await other.get(name)!.readDense()).not.toEqual(after);
      // Whichever way it is read, it is the same matrix.
      const { values, rowPointers, columnIndices } = await tensor.readSparse();
      for (let row = 0; row < tensor.shape[0]; row++) {
        for (let i = rowPointers[row]; i < rowPointers[row + 1]; i++) {
          expect(after[row * tensor.shape[1] + columnIndices[i]]).toBe(values[i]);
        }
      }
    }
    expect(moved).toBeGreaterThan(shuffled.size / 2);
    await checkpoint.close();
  },
);
