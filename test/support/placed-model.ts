import type { KernelChoice } from "../../src/engine/kernels.js";
import { Arena } from "../../src/engine/memory.js";
import type { Thread } from "../../src/engine/thread.js";
import { openCheckpoint } from "../../src/formats/checkpoint.js";
import { resolveSource } from "../../src/io/source.js";
import { type ModelConfig, parseConfig } from "../../src/model/config.js";
import { type ModelWeights, placeModel } from "../../src/model/weights.js";
import { createThread } from "./training.js";

/** A model in the memory of a thread of its own. */
export interface PlacedModel {
  readonly thread: Thread;
  readonly config: ModelConfig;
  readonly weights: ModelWeights;
  readonly end: number;
}

export async function placeFixture(
  path: string,
  kernels: KernelChoice,
  floatBytes: 4 | 8 = 4,
): Promise<PlacedModel> {
  const checkpoint = await openCheckpoint(await resolveSource(path));
  const config = parseConfig(checkpoint.config, checkpoint.configFile);
  const thread = await createThread(kernels, floatBytes);
  const arena = new Arena(undefined, floatBytes);
  const placement = { memory: thread.memory, arena, threads: 1 };
  const weights = await placeModel(config, checkpoint.tensors, path, placement);
  await checkpoint.close();
  return { thread, config, weights, end: arena.end };
}
