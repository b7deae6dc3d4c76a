import { WeightGraph } from "../circuits/weight-graph.js";
import { openCheckpoint } from "../formats/checkpoint.js";
import { resolveSource } from "../io/source.js";
import { type LoadOptions, loadModel } from "../load-model.js";
import type { ModelConfig } from "../model/config.js";
import type { Model } from "../model.js";
import { WorkQueue } from "./work-queue.js";

/** Completions of a model that run or wait, and look-ups into its weights. */
const MOST_COMPLETIONS = 16;
const MOST_LOOKUPS = 64;

export interface ServedModelOptions extends Pick<LoadOptions, "threads" | "kernels"> {
  /** In addresses. */
  readonly id: string;
  /** Directory or weights file. */
  readonly location: string;
  /** The same, if it is loaded already: then it is not disposed of here. */
  readonly model?: Model;
}

/** A model that requests ask for: its engine starts with the first that needs it. */
export class ServedModel {
  readonly id: string;
  readonly config: ModelConfig;
  readonly graph: WeightGraph;
  /** The engine runs one call at a time anyway. */
  readonly completions = new WorkQueue(MOST_COMPLETIONS);
  readonly lookups = new WorkQueue(MOST_LOOKUPS);
  readonly #options: ServedModelOptions;
  readonly #closeFiles: () => Promise<void>;
  #loading: Promise<Model> | null = null;

  private constructor(options: ServedModelOptions, graph: WeightGraph, closeFiles: () => Promise<void>) {
    this.id = options.id;
    this.config = graph.config;
    this.graph = graph;
    this.#options = options;
    this.#closeFiles = closeFiles;
  }

  /** @throws SparseLensError when it is not a model that can be run */
  static async open(options: ServedModelOptions): Promise<ServedModel> {
    const checkpoint = await openCheckpoint(await resolveSource(options.location));
    try {
      return new ServedModel(options, new WeightGraph(checkpoint), () => checkpoint.close());
    } catch (error) {
      await checkpoint.close();
      throw error;
    }
  }

  model(): Promise<Model> {
    const { model, location, threads, kernels } = this.#options;
    if (model) return Promise.resolve(model);
    this.#loading ??= loadModel(location, { threads, kernels }).catch((error) => {
      // The next request may have more luck.
      this.#loading = null;
      throw error;
    });
    return this.#loading;
  }

  async close(): Promise<void> {
    await this.#closeFiles();
    const model = await this.#loading?.catch(() => null);
    await model?.dispose();
  }
}
