import { join } from "node:path";
import {
  ablationConstants,
  circuitEdges,
  findTask,
  loadModel,
  MaskedModel,
  modelHash,
  NodeIndex,
  orderByMasks,
  prepareSplits,
  readMeansFile,
  SMALL_MODEL_SETTINGS,
} from "../dist/node/index.js";

/**
 * The first nodes of the order in which a search for a task puts them: as many as are wanted, not the fewest that do.
 * @param directory of the model, with the means of its nodes
 * @param means name of their file, and what circuits say of them
 */
export async function circuitOfSize(directory, { task, count, k_coef, means: { file, reference } }) {
  const model = await loadModel(directory);
  try {
    const index = new NodeIndex(model.description);
    const means = await readMeansFile(join(directory, file), model);
    const masked = new MaskedModel(model, index, ablationConstants(index, "mean", means));
    const { nodes, method, settings } = await orderByMasks(masked, prepareSplits(model, findTask(task)), {
      ...SMALL_MODEL_SETTINGS,
      k_coef,
    });
    if (nodes.length < count)
      throw new Error(`The search for ${task} keeps ${nodes.length} nodes: fewer than ${count}.`);
    const kept = nodes.slice(0, count).sort((a, b) => a - b);
    return {
      model: { name: "default", sha256: await modelHash(model) },
      task: { name: task, templates: "standard" },
      ...{ target_loss: null, ablation: "mean", means: reference, final_resid: false },
      nodes: kept.map((node) => index.nameOf(node)),
      ...{ edges_are: "all", edges: await circuitEdges(masked, kept), node_scores: null, edge_scores: null },
      found: { method, settings, steps: [], candidates: 1 },
      ...{ calibration: null, losses: {} },
    };
  } finally {
    await model.dispose();
  }
}
