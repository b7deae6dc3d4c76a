import { type Command, InvalidArgumentError } from "commander";
import {
  addEngineOptions,
  type EngineOptions,
  MODELS_ARGUMENT,
  parseInteger,
  repeatable,
} from "./arguments.js";
import {
  circuitsOption,
  type ExplorerOptions,
  pagesOption,
  type SiteOptions,
  serveExplorer,
  withSite,
} from "./explorer.js";

type Options = SiteOptions & ExplorerOptions & EngineOptions;

export function addExplore(program: Command, signal: AbortSignal): void {
  const command = program
    .command("explore")
    .description("Serve the explorer of models, and an HTTP API.")
    .argument(...MODELS_ARGUMENT)
    .addOption(circuitsOption())
    .option("--corpus <directory>", "show what its documents activate")
    .option("--port <number>", "port, 0 for any that is free (default: from 4711 on)", parsePort)
    .option("--host <address>", "address to listen at; others than this reach other machines", "127.0.0.1")
    .addOption(repeatable("--allow-origin <origin>", "let pages of another origin use the API", parseOrigin))
    .option("--open", "open it in a browser")
    .addOption(pagesOption());
  addEngineOptions(command)
    .option("--json", "print one object when it is ready: its address and models")
    .addHelpText(
      "after",
      `
Example:
  $ sparselens explore runs/x/model --circuits runs/x/circuits`,
    )
    .action((models: string[], options: Options) =>
      withSite(models, options, signal, (prepared) => serveExplorer(prepared, options, signal)),
    );
}

function parsePort(text: string): number {
  const port = parseInteger(text, 0);
  if (port > 65535) throw new InvalidArgumentError("It must be an integer from 0 to 65535.");
  return port;
}

function parseOrigin(text: string): string {
  if (URL.canParse(text) && new URL(text).origin === text) return text;
  throw new InvalidArgumentError("It must be an origin, such as https://example.org.");
}
