import { type Command, Option } from "commander";
import type { CheckpointLayout } from "../formats/checkpoint.js";
import { writeCheckpoint } from "../formats/convert.js";
import { MODEL_ARGUMENT } from "./arguments.js";
import { formatBytes, formatTable } from "./format.js";
import { localFiles, withCheckpoint } from "./open.js";
import { print, printJson } from "./output.js";
import { ProgressLine } from "./progress-line.js";

interface Options {
  readonly to: CheckpointLayout;
  readonly out: string;
  readonly overwrite?: boolean;
  readonly json?: boolean;
}

export function addConvert(program: Command, signal: AbortSignal): void {
  program
    .command("convert")
    .description("Write a model in another layout; every tensor keeps its type and its bits.")
    .argument(...MODEL_ARGUMENT)
    .addOption(
      new Option("--to <layout>", "sparse arrays, or one of the two layouts that released models come in")
        .choices(["sparselens", "huggingface", "blob"])
        .makeOptionMandatory(),
    )
    .requiredOption("-o, --out <directory>", "directory to write to")
    .option("--overwrite", "replace the model in a directory that is not empty")
    .option("--json", "print one object: the files and their sizes")
    .addHelpText(
      "after",
      `
Example:
  $ sparselens convert hf:openai/circuit-sparsity --to sparselens --out csp_yolo2`,
    )
    .action(async (argument: string, options: Options) => {
      const { to, out, overwrite, json } = options;
      await withCheckpoint(argument, options, signal, async (checkpoint) => {
        const line = new ProgressLine(!json);
        await writeCheckpoint(checkpoint, out, to, {
          ...{ overwrite, signal },
          onProgress: ({ file, loaded, total }) => line.bytes("writing", file, loaded, total),
        }).finally(() => line.clear());
      });
      const files = localFiles();
      const sizes: [string, number][] = [];
      for (const name of await files.list(out)) {
        const path = files.join(out, name);
        if ((await files.kind(path)) === "file") sizes.push([name, await files.size(path)]);
      }
      if (json) printJson({ out, layout: to, files: Object.fromEntries(sizes) });
      else
        print(
          `${out}:\n\n${formatTable(
            sizes.map(([name, bytes]) => [name, formatBytes(bytes)]),
            "lr",
          )}`,
        );
    });
}
