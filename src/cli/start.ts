import type { Command } from "commander";
import type { Model } from "../model.js";
import { formatCount, formatPercent, formatRate, formatTable } from "./format.js";
import { finish } from "./generate.js";
import { inspectTensors } from "./inspect.js";
import { withCheckpoint, withModel } from "./open.js";
import { faint, print } from "./output.js";

/** The article's example, where the released models were published. */
const PROMPT = `def square_sum(xs):
    return sum(x * x for x in xs)

square_sum([1, 2, 3])
`;

/** Picked: few completions of this prompt parse as Python (docs/cli.md has the count), and this one does. */
const SEED = 82;

export function addStart(program: Command, signal: AbortSignal): void {
  program
    .command("start")
    .description("Let the model that comes with the package complete an example.")
    .addHelpText(
      "after",
      `
Example:
  $ sparselens start`,
    )
    .action(async () => {
      // Named kernels, so that the same text appears on every machine.
      await withModel("default", { kernels: "simd" }, signal, async (model) => {
        print(faint(PROMPT, process.stdout));
        const stream = model.stream(PROMPT, {
          ...{ maxNewTokens: 64, doSample: true, temperature: 0.8, topP: 0.95, seed: SEED },
          signal,
        });
        const { text, tokens, timing } = await finish(stream, print);
        print(text.endsWith("\n") ? "\n" : "\n\n");
        print(await summary(model, tokens.length, timing.tokensPerSecond));
      });
    });

  async function summary(model: Model, generated: number, tokensPerSecond: number): Promise<string> {
    const { n_layer, d_model } = model.config;
    let size = "";
    await withCheckpoint("default", {}, signal, async (checkpoint) => {
      const { parameters, nonzeros } = await inspectTensors(checkpoint);
      size = `${formatCount(parameters)} parameters, of which ${formatCount(nonzeros)} (${formatPercent(nonzeros / parameters)}) are not zero`;
    });
    return formatTable(
      [
        [
          "model",
          `a small weight-sparse transformer (${n_layer} layers, d_model ${d_model}), trained on a narrow`,
        ],
        ["", "synthetic corpus of small Python programs: expect simple Python, not answers"],
        ["size", size],
        [
          "speed",
          `${generated} tokens at ${formatRate(tokensPerSecond)}, ${model.kernels} kernels, threads: ${model.threads}`,
        ],
        ["sample", `temperature 0.8, top-p 0.95, seed ${SEED}: picked because its text parses as Python;`],
        ["", "that of most other seeds does not, after this prompt"],
        ["next", "npx sparselens --help"],
      ],
      "ll",
    );
  }
}
