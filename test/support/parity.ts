import type { Model } from "../../dist/node/index.js";
import { distance, type Golden } from "./golden.js";

/** Largest difference from the released code that passes, on logits. */
export const LOGIT_TOLERANCE = 5e-5;

type Parity = Pick<Model, "forward" | "generate" | "config">;

/** Compares a loaded fixture with everything the released code computed for it. @throws naming what differs */
export async function checkParity(model: Parity, golden: Golden): Promise<void> {
  const near = (actual: ArrayLike<number>, expected: ArrayLike<number>, what: string, scale = 1) => {
    const difference = distance(actual, expected);
    if (!(difference <= LOGIT_TOLERANCE * scale)) throw new Error(`${what}: differs by ${difference}`);
  };
  const sequences = [0, 1, 2].map((i) => golden.numbers(`seq${i}/tokens`));
  const targets = [0, 1, 2].map((i) => golden.numbers(`seq${i}/targets`));

  // One batch of three lengths, and each alone.
  const batch = await model.forward(sequences, { record: "*", targets });
  for (const [i, sequence] of sequences.entries()) {
    const alone = await model.forward(sequence, { targets: targets[i], logits: "last" });
    const expected = golden.numbers(`seq${i}/logits`);
    near(batch.logits[i].data, expected, `seq${i}/logits`);
    near(alone.logits.data, expected.slice(-model.config.vocab_size), `seq${i}/logits, last`);
    near([alone.loss!], golden.numbers(`seq${i}/loss`), `seq${i}/loss`);
    const counted = targets[i].filter((target) => target >= 0).length;
    const mean = batch.losses![i].data.reduce((sum, loss) => sum + loss, 0) / counted;
    near([mean], golden.numbers(`seq${i}/loss`), `seq${i}/loss in a batch`);
    for (const name of golden.names(`seq${i}/acts/`)) {
      const point = name.slice(`seq${i}/acts/`.length);
      const recorded = batch.activations.get(point);
      if (!recorded) throw new Error(`${point} was not recorded`);
      const values = golden.numbers(name);
      near(recorded[i].data, values, name, Math.max(1, ...values.map(Math.abs)));
    }
  }

  const rows = golden.rows("batch/tokens");
  const output = await model.forward(rows, { targets: golden.rows("batch/targets") });
  near(
    output.logits.flatMap(({ data }) => [...data]),
    golden.numbers("batch/logits"),
    "batch/logits",
  );
  near([output.loss!], golden.numbers("batch/loss"), "batch/loss");

  for (const { name, seq, ops } of golden.interventions) {
    // Declaratively, and by functions.
    const declared: Record<string, object[]> = {};
    const functions: Record<string, (x: { data: Float32Array; shape: readonly number[] }) => undefined>[] =
      [];
    for (const { hook, kind, channels } of ops) {
      const means = kind === "mean" ? golden.numbers(`mean/${hook}`) : null;
      const value = channels.map((channel) => means?.[channel] ?? 0);
      declared[hook] = [...(declared[hook] ?? []), { channels, value }];
      functions.push({
        [hook]: ({ data, shape }) => {
          for (let t = 0; t < shape[0]; t++) {
            channels.forEach((channel, i) => {
              data[t * shape[1] + channel] = value[i];
            });
          }
          return undefined;
        },
      });
    }
    const logits = golden.numbers(`interv/${name}/logits`);
    const final = golden.numbers(`interv/${name}/final_resid`);
    for (const [how, interventions] of [
      ["declared", declared],
      ["by functions", merge(functions)],
    ] as const) {
      const ablated = await model.forward(sequences[seq], {
        record: "final_resid",
        interventions: interventions as never,
      });
      near(ablated.logits.data, logits, `interv/${name}/logits, ${how}`);
      near(ablated.activations.get("final_resid")!.data, final, `interv/${name}/final_resid, ${how}`, 10);
    }
  }

  for (const [i, prompt] of sequences.entries()) {
    const expected = golden.numbers(`seq${i}/greedy24`);
    const { tokens } = await model.generate(prompt, { maxNewTokens: 24, endOfText: [] });
    if ([...prompt, ...tokens].join() !== expected.join()) {
      throw new Error(`seq${i}/greedy24: ${[...prompt, ...tokens]} instead of ${expected}`);
    }
  }
}

function merge<T>(records: Record<string, T>[]): Record<string, T[]> {
  const merged: Record<string, T[]> = {};
  for (const record of records) {
    for (const [key, value] of Object.entries(record)) merged[key] = [...(merged[key] ?? []), value];
  }
  return merged;
}
