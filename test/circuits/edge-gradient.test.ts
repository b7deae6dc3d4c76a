import { expect, test } from "vitest";
import { findTask, loadModel, MaskedModel, NodeIndex, prepareSplits } from "../../dist/node/index.js";
import { modelEdges } from "../../src/circuits/model-edges.js";
import { Random } from "../../src/random.js";
import { trainedModel } from "../support/trained-model.js";

test("what the edges of a node carry adds up to what its mask does, on any number of threads", async () => {
  const results: number[][] = [];
  for (const threads of [1, 2]) {
    const model = await loadModel(trainedModel, { threads, kernels: "simd" });
    const index = new NodeIndex(model.description);
    const random = new Random(0);
    const constants = new Float32Array(index.count).map(() => random.normal() / 10);
    const masked = new MaskedModel(model, index, constants);
    const { select } = prepareSplits(model, findTask("else_elif"), {
      ...{ trainPairs: 1, selectPairs: 9, reportPairs: 1 },
    });
    const masks = new Float32Array(index.count).fill(1);
    const { edges, matrices } = await modelEdges(model as never, index as never, masks.keys());
    const location = (name: string) => index.locations.find((one) => one.name === name)!;
    const estimates = await masked.edgeGradient(select, masks, edges, {
      matrices,
      constants: (name) =>
        constants.subarray(location(name).offset, location(name).offset + location(name).width),
    });
    const gradient = await masked.gradient(select, masks);
    await model.dispose();
    const bySource = new Float64Array(index.count);
    for (const [{ source }, estimate] of estimates) bySource[source] += estimate;
    const largest = Math.max(...gradient.map(Math.abs));
    let compared = 0;
    for (const { name, offset, width } of index.locations) {
      // What leaves a value is mixed by attention first.
      if (!/act_in|post_act/.test(name)) continue;
      for (let node = offset; node < offset + width; node++) {
        expect(Math.abs(bySource[node] + gradient[node]), name).toBeLessThan(1e-5 * largest);
        if (Math.abs(gradient[node]) > 1e-3 * largest) compared++;
      }
    }
    expect(compared).toBeGreaterThan(50);
    results.push([...estimates.values()]);
  }
  expect(results[1]).toEqual(results[0]);
});
