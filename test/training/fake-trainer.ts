import { SparseLensError } from "../../src/errors.js";
import { describe } from "../../src/model/description.js";
import type { Evaluation, EvaluationRequest } from "../../src/training/evaluation.js";
import type { TrainingParts } from "../../src/training/run.js";

export interface FakeBehaviour {
  /** Called before a step is done: may throw. */
  beforeStep?(step: number): void;
  loss?(step: number): number;
  /** What evaluations were asked for. */
  evaluations?: EvaluationRequest[];
  onEvaluate?(request: EvaluationRequest): void;
}

/** In place of the real trainer: its weights at a step depend on those of the step before, and on nothing else. */
export function fakeParts(behaviour: FakeBehaviour = {}): TrainingParts {
  const { beforeStep, loss = (step: number) => 2 + 1 / step } = behaviour;
  return {
    async startTrainer({ config, state }) {
      const shapes = new Map<string, readonly number[]>();
      for (const { name, shape, optional } of describe(config.model).parameters) {
        if (!optional) shapes.set(name, shape);
      }
      const tensors = new Map<string, Float32Array>();
      for (const [index, [name, shape]] of [...shapes].entries()) {
        const length = shape.reduce((product, n) => product * n, 1);
        tensors.set(
          name,
          state?.tensors.get(name)?.slice() ??
            Float32Array.from({ length }, (_, i) => (i % 3 ? 0 : Math.sin(i + index))),
        );
        tensors.set(
          `adam_m/${name}`,
          state?.tensors.get(`adam_m/${name}`)?.slice() ?? new Float32Array(length),
        );
      }
      const trainer = {
        step: state?.step ?? 0,
        threads: 1,
        kernels: "plain" as const,
        get tokens() {
          return trainer.step * config.batch_size * config.model.block_size;
        },
        async run(steps: number, { signal }: { signal?: AbortSignal } = {}) {
          const done = [];
          for (let i = 0; i < steps && !signal?.aborted; i++) {
            const step = trainer.step + 1;
            beforeStep?.(step);
            for (const name of shapes.keys()) {
              const [weights, moment] = [tensors.get(name)!, tensors.get(`adam_m/${name}`)!];
              for (let j = 0; j < weights.length; j += 3) {
                moment[j] = 0.9 * moment[j] + Math.sin(step * (j + 1));
                weights[j] = 0.99 * weights[j] + 0.1 * moment[j];
              }
            }
            trainer.step = step;
            done.push({
              ...{ step, loss: loss(step), learning_rate: 0.1, density: 0.5, gradient_rms: 1e-3 },
              ...{ tokens: config.batch_size * config.model.block_size, milliseconds: 10 },
            });
            await new Promise((resolve) => setImmediate(resolve));
          }
          return done;
        },
        weights: async () =>
          new Map([...shapes].map(([name, shape]) => [name, { shape, data: tensors.get(name)!.slice() }])),
        state: async () => ({
          step: trainer.step,
          tensors: new Map([...tensors].map(([name, data]) => [name, data.slice()])),
          numbers: {},
        }),
        dispose: async () => {},
      };
      return trainer;
    },
    async evaluate(request: EvaluationRequest): Promise<Evaluation> {
      behaviour.evaluations?.push(request);
      behaviour.onEvaluate?.(request);
      return {
        scores: request.scores ? { test_xent: 2.5, "kurtosis/final_resid": 3 } : null,
        samples: request.samples ? [{ prompt: "def ", seed: 0, text: "f():\n" }] : [],
      };
    },
  };
}

export function notFinite(at: number): FakeBehaviour {
  return {
    beforeStep: (step) => {
      if (step === at) throw new SparseLensError(`Step ${step}: the loss is NaN.`);
    },
  };
}
