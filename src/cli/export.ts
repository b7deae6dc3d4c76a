import type { Command } from "commander";
import { exportSite } from "../server/export-site.js";
import { MODELS_ARGUMENT } from "./arguments.js";
import { circuitsOption, pagesOption, type SiteOptions, withSite } from "./explorer.js";
import { formatBytes, formatCount } from "./format.js";
import { print, printJson } from "./output.js";
import { ProgressLine } from "./progress-line.js";

interface Options extends SiteOptions {
  readonly overwrite?: boolean;
}

export function addExport(program: Command, signal: AbortSignal): void {
  program
    .command("export")
    .description("Write the explorer of models as a static site.")
    .argument("<directory>", "directory to write to")
    .argument(...MODELS_ARGUMENT)
    .addOption(circuitsOption())
    .option("--corpus <directory>", "show what its documents activate")
    .option("--overwrite", "replace a site that was exported before")
    .addOption(pagesOption())
    .option("--json", "print one object: the files and their size")
    .addHelpText(
      "after",
      `
Example:
  $ sparselens export site runs/x/model --circuits runs/x/circuits`,
    )
    .action((directory: string, models: string[], options: Options) =>
      withSite(models, options, signal, async ({ site, models: prepared }) => {
        const { json, overwrite } = options;
        const line = new ProgressLine(!json);
        const { files, bytes } = await exportSite(directory, site, {
          ...{ overwrite, signal },
          onProgress: (done, total) => line.show(`writing: ${done} of ${total} files`),
        }).finally(() => line.clear());
        const ids = prepared.map(({ entry }) => entry.id);
        if (json) printJson({ out: directory, models: ids, files, bytes });
        else {
          print(
            `${directory}: ${formatCount(files.length)} files, ${formatBytes(bytes)}; models: ${ids.join(", ")}\n`,
          );
        }
      }),
    );
}
