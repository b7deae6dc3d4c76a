import { describe, expect, it } from "vitest";
import { Random } from "../src/random.js";

describe("Random", () => {
  // From the authors' C sources, splitmix64.c seeding xoshiro128starstar.c.
  const reference: [seed: number, words: number[], uniforms: number[]][] = [
    [0, [3737715805, 2584255861, 2876756834, 3286328325], [0.870254774404272, 0.6697971505310978]],
    [1, [1695105466, 1423115009, 634581793, 1068227753], [0.3946724931250869, 0.14775008893546571]],
    [42, [1776835114, 4165204688, 17111135, 2317295270], [0.4137016681565887, 0.003983993377814743]],
    [
      2 ** 53 - 1,
      [1233166643, 1287031142, 661813442, 2960669951],
      [0.28711898103103251, 0.15409045434992519],
    ],
  ];
  for (const [seed, words, uniforms] of reference) {
    it(`with seed ${seed} gives the reference's numbers`, () => {
      const random = new Random(seed);
      expect(words.map(() => random.nextUint32())).toEqual(words);
      const uniform = new Random(seed);
      expect(uniforms.map(() => uniform.next())).toEqual(uniforms);
    });
  }

  it("is uniform", () => {
    const random = new Random(7);
    const counts = new Array(64).fill(0);
    const draws = 64_000;
    for (let draw = 0; draw < draws; draw++) counts[Math.floor(random.next() * 64)]++;
    const chiSquare = counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    // 63 degrees of freedom: 0.1 % lie above 103.
    expect(chiSquare).toBeLessThan(103);
  });
});
