import type { Command } from "commander";
import type { GenerateOutput, Model } from "../model.js";
import { pagesOption, serveExplorer, withSite } from "./explorer.js";
import { formatCount, formatPercent, formatRate, formatTable } from "./format.js";
import { finish, summary } from "./generate.js";
import { inspectTensors } from "./inspect.js";
import { withCheckpoint, withModel } from "./open.js";
import { faint, print, printJson } from "./output.js";

const PROMPT = `class Account:
    def __init__(self, owner, balance):
`;

/** Picked: two thirds of the completions of this prompt parse as Python (docs/cli.md has the count), and this one does. */
const SEED = 6;

interface Size {
  readonly parameters: number;
  readonly nonzeros: number;
}

export function addStart(program: Command, signal: AbortSignal): void {
  program
    .command("start")
    .description("Complete an example; on a terminal, serve the explorer.")
    .option("--json", "print one object, and serve nothing")
    .addOption(pagesOption())
    .addHelpText(
      "after",
      `
Example:
  $ sparselens start`,
    )
    .action(async ({ json, pages }: { readonly json?: boolean; readonly pages: string }) => {
      // Named kernels, so that the same text appears on every machine.
      await withModel("default", { kernels: "simd", json }, signal, async (model, loadMilliseconds) => {
        if (!json) print(faint(PROMPT, process.stdout));
        const stream = model.stream(PROMPT, {
          ...{ maxNewTokens: 128, doSample: true, temperature: 0.8, topP: 0.95, seed: SEED },
          signal,
        });
        const output = await finish(stream, json ? () => {} : print);
        const size = await sizeOf();
        if (json) {
          printJson({ ...summary(model, output, loadMilliseconds), ...size, prompt: PROMPT, seed: SEED });
          return;
        }
        print(output.text.endsWith("\n") ? "\n" : "\n\n");
        print(describe(model, output, size));
        if (!process.stdout.isTTY) return;
        print("\n");
        await withSite(["default"], { pages }, signal, (site) => serveExplorer(site, {}, signal, model));
      });
    });

  async function sizeOf(): Promise<Size> {
    let size = { parameters: 0, nonzeros: 0 };
    await withCheckpoint("default", {}, signal, async (checkpoint) => {
      const { parameters, nonzeros } = await inspectTensors(checkpoint);
      size = { parameters, nonzeros };
    });
    return size;
  }

  function describe(
    model: Model,
    { tokens, timing }: GenerateOutput,
    { parameters, nonzeros }: Size,
  ): string {
    const { n_layer, d_model } = model.config;
    return formatTable(
      [
        [
          "model",
          `a small weight-sparse transformer (${n_layer} layers, d_model ${d_model}), trained on a narrow`,
        ],
        ["", "synthetic corpus of small Python programs: expect simple Python, not answers"],
        [
          "size",
          `${formatCount(parameters)} parameters, of which ${formatCount(nonzeros)} (${formatPercent(nonzeros / parameters)}) are not zero`,
        ],
        [
          "speed",
          `${tokens.length} tokens at ${formatRate(timing.tokensPerSecond)}, ${model.kernels} kernels, threads: ${model.threads}`,
        ],
        ["sample", `temperature 0.8, top-p 0.95, seed ${SEED}: picked because its text parses as Python;`],
        ["", "that of a third of the other seeds does not, after this prompt"],
        ["next", "npx sparselens --help"],
      ],
      "ll",
    );
  }
}
