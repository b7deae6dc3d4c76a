import { setFlagsFromString } from "node:v8";
import {
  ablationConstants,
  evaluateCorpus,
  evaluateTasks,
  loadModel,
  MaskedModel,
  meansOfCorpus,
  modelHash,
  NodeIndex,
  prepareSplits,
} from "../../dist/node/index.js";

// As the command line does.
if (process.version.startsWith("v20.")) setFlagsFromString("--experimental-wasm-relaxed-simd");

/** A model that circuits are looked for in, with its means and what it can do. */
export class Subject {
  /** @param label names its directory among the measurements */
  static async open(label, path, { run, corpus, settings }) {
    const models = [];
    for (let worker = 0; worker < settings.workers; worker++) {
      models.push(await loadModel(path, { threads: 1, kernels: settings.kernels }));
    }
    const [model] = models;
    const sha256 = await modelHash(model);
    await run.describe(`${label}/model.json`, { path, sha256, kernels: model.kernels });
    progress(label, "means of the nodes");
    const means = await meansOfCorpus(model, corpus, {
      ...{ path: run.file(`${label}/means.safetensors`), tokens: settings.meansTokens },
    });
    return new Subject({ label, path, models, sha256, means, run, corpus, settings });
  }

  constructor(parts) {
    Object.assign(this, parts);
    this.index = new NodeIndex(this.model.description);
    const constants = ablationConstants(this.index, "mean", this.means);
    this.masked = this.models.map((model) => new MaskedModel(model, this.index, constants));
  }

  get model() {
    return this.models[0];
  }

  /** What it is called in circuits. */
  get name() {
    return this.settings.name ?? this.path;
  }

  splits(task) {
    const { trainPairs, selectPairs, reportPairs } = this.settings;
    return prepareSplits(this.model, task, { trainPairs, selectPairs, reportPairs });
  }

  /** Cross-entropy on the validation split, in nats per token, document by document. */
  pretrainingLoss() {
    return this.run.once(`${this.label}/pretraining.json`, async () => {
      progress(this.label, "pretraining loss");
      const { endOfText } = this.corpus.manifest.tokenizer;
      const tokens = await this.corpus.tokens("validation");
      return evaluateCorpus(this.model, tokens, { endOfText, maxTokens: this.settings.lossTokens });
    });
  }

  /** Accuracy and task loss of each task, on the select split; those that its tokens cannot express have no score. */
  async evaluations(tasks) {
    const evaluations = [];
    for (const task of tasks) {
      // One by one: the same directory may be asked for other tasks later.
      const evaluation = await this.run.once(`${this.label}/tasks/${task.name}.json`, async () => {
        progress(this.label, task.name, "evaluation");
        const { selectPairs: pairs } = this.settings;
        return (await evaluateTasks(this.model, { tasks: [task], split: "select", pairs }))[0];
      });
      evaluations.push(evaluation);
    }
    return evaluations;
  }

  /** Works on each of some items, as many at a time as there are copies of the model. The results keep the items' order. */
  async each(items, work) {
    const results = new Array(items.length);
    const queue = [...items.entries()];
    await Promise.all(
      this.masked.map(async (masked) => {
        for (let job = queue.shift(); job; job = queue.shift()) {
          const [index, item] = job;
          results[index] = await work(item, masked);
        }
      }),
    );
    return results;
  }

  async close() {
    await Promise.all(this.models.map((model) => model.dispose()));
  }
}

export function progress(...what) {
  console.error(what.join(": "));
}
