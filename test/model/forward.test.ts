import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import { compileKernels, instantiateKernels } from "../../src/engine/kernels.js";
import { Arena, EngineMemory } from "../../src/engine/memory.js";
import { Thread } from "../../src/engine/thread.js";
import { openCheckpoint } from "../../src/formats/checkpoint.js";
import { resolveSource } from "../../src/io/source.js";
import { parseConfig } from "../../src/model/config.js";
import { describe as describeModel } from "../../src/model/description.js";
import { placeModel } from "../../src/model/weights.js";
import { forwardProgram } from "../../src/runtime/forward-program.js";
import { createMemory } from "../../src/runtime/memory.js";
import { fixtures, readGolden } from "../support/fixtures.js";
import { distance } from "../support/golden.js";

// The model without threads or workers around it, against the released code's float64 results.
describe("forward in float64", () => {
  for (const path of fixtures) {
    it(basename(path), async () => {
      const golden = readGolden(path);
      const checkpoint = await openCheckpoint(await resolveSource(path, {}));
      const config = parseConfig(checkpoint.config, checkpoint.configFile);
      const wasm = createMemory(false);
      const memory = new EngineMemory(wasm, 8);
      const thread = new Thread(
        0,
        1,
        instantiateKernels(await compileKernels("plain", false), wasm, 8),
        memory,
      );
      const arena = new Arena(undefined, 8);
      const weights = await placeModel(config, checkpoint.tensors, path, { memory, arena, threads: 1 });
      const hooks = describeModel(config).hookPoints.map(({ name, width }) => ({
        ...{ point: name, width, record: true, replacements: [] },
      }));
      const sequences = [0, 1, 2].map((i) => ({
        tokens: golden.numbers(`seq${i}/tokens`),
        targets: golden.numbers(`seq${i}/targets`),
      }));
      const steps = forwardProgram(thread, weights, arena.end, {
        type: "forward",
        sequences,
        logits: "all",
        hooks,
      });
      let step = steps.next();
      while (!step.done) step = steps.next([]);
      const result = step.value;
      for (const i of [0, 1, 2]) {
        expect(distance(result.logits[i], golden.numbers(`seq${i}/logits_f64`))).toBeLessThan(1e-6);
        for (const { point } of hooks) {
          const recorded = result.activations.get(point)![i];
          expect(distance(recorded, golden.numbers(`seq${i}/acts/${point}`)), `${i} ${point}`).toBeLessThan(
            5e-5,
          );
        }
      }
      await checkpoint.close();
    });
  }
});
