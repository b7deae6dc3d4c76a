import { expect, test } from "vitest";
import {
  ablationConstants,
  type Circuit,
  circuitAblation,
  circuitEdges,
  computeMeans,
  edgeConstants,
  findTask,
  loadModel,
  lossOfNodes,
  MaskedModel,
  NodeIndex,
  prepareSplits,
  pruneEdges,
} from "../../dist/node/index.js";
import { trainedModel } from "../support/trained-model.js";

const source = trainedModel;

test("the loss of a circuit with pruned edges is that of the model run as it", {
  timeout: 120_000,
}, async () => {
  const model = await loadModel(source, { threads: 1, kernels: "simd" });
  try {
    const splits = prepareSplits(model, findTask("else_elif"), {
      trainPairs: 2,
      selectPairs: 3,
      reportPairs: 3,
    });
    const sequences = Array.from({ length: 6 }, (_, i) =>
      Array.from(splits.train.tokens.subarray(0, 20 + i)),
    );
    const means = await computeMeans(model, sequences, { source: "prompts", sha256: null });
    const index = new NodeIndex(model.description);
    const masked = new MaskedModel(model, index, ablationConstants(index, "mean", means));
    // All of the second layer's attention, which has a sink.
    const nodes = Array.from({ length: index.count }, (_, node) => node).filter(
      (node) => /^1\.attn/.test(index.nameOf(node)) && node % 2 === 0,
    );
    const edges = await circuitEdges(masked, nodes);
    expect(edges.length).toBeGreaterThan(50);
    const whole = await lossOfNodes(masked, splits.select, nodes);
    const circuit: Circuit = {
      ...{ model: { name: "default", sha256: null }, task: { name: "else_elif", templates: "standard" } },
      ...{ target_loss: whole + 0.05, ablation: "mean", means: means.reference, final_resid: false },
      ...{ nodes: nodes.map((node) => index.nameOf(node)), edges_are: "all", edges },
      ...{ node_scores: null, edge_scores: null, calibration: null },
      found: { method: "drawn", settings: {}, steps: [], candidates: 1 },
      losses: {
        select: {
          pairs: 3,
          model: null,
          empty: null,
          circuit: whole,
          calibrated: null,
          accuracy: null,
          complement: null,
        },
      },
    };
    const constants = edgeConstants(index, "mean", means);
    const pruned = await pruneEdges(masked, splits, circuit, constants, whole + 0.05, {
      report: true,
    });
    expect(pruned.edges.length).toBeLessThan(edges.length / 2);
    expect(pruned.edge_scores!.length).toBe(pruned.edges.length);
    const ablation = await circuitAblation(model, pruned, { means });
    for (const [split, batch] of [
      ["select", splits.select],
      ["report", splits.report()],
    ] as const) {
      let loss = 0;
      const right = [0, 0];
      for (let i = 0; i < 6; i++) {
        const tokens = batch.tokens.subarray(i * batch.width, i * batch.width + batch.lengths[i]);
        const { logits } = await model.forward(tokens, { ablation, logits: "last" });
        const [good, bad] = [0, 1].map((side) => logits.data[batch.candidates[2 * i + side]]);
        loss += Math.log1p(Math.exp(bad - good)) / 6;
        if (good > bad) right[i % 2]++;
      }
      const losses = pruned.losses[split]!;
      expect(losses.circuit, split).toBeCloseTo(loss, 4);
      // The mean of the two sides' accuracies, as it is summed: 5 of 6 are rounded otherwise.
      const accuracy = (right[0] / 3 + right[1] / 3) / 2;
      expect([losses.pairs, losses.accuracy], split).toEqual([3, accuracy]);
    }
    // Calibrated on train, where it can only help.
    const train = pruned.losses.train!;
    expect(train.calibrated).toBeLessThanOrEqual(train.circuit + 1e-6);
    const loss = pruned.losses.select!.circuit;
    expect(loss).toBeLessThanOrEqual(whole + 0.0501);
    await expect(circuitAblation(model, pruned, { ablation: "resample" })).rejects.toThrow(
      /edges of this circuit were pruned/,
    );
  } finally {
    await model.dispose();
  }
});
