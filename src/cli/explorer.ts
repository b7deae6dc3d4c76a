import { spawn } from "node:child_process";
import { Option } from "commander";
import { modelHash } from "../circuits/model-identity.js";
import { SparseLensError } from "../errors.js";
import { openCheckpoint } from "../formats/checkpoint.js";
import { loadModel, readTokenizer } from "../load-model.js";
import type { Model } from "../model.js";
import { buildSite } from "../server/build-site.js";
import { documentsOfCorpus } from "../server/documents.js";
import { type FoundCircuit, findCircuits } from "../server/found-circuits.js";
import { type ModelSite, modelSite, nameOfModel } from "../server/model-site.js";
import { uniqueName } from "../server/names.js";
import { type PreparedModel, prepareModel } from "../server/prepared-model.js";
import type { Site } from "../server/site.js";
import { type EngineOptions, modelSource, repeatable } from "./arguments.js";
import { formatCount, formatTable } from "./format.js";
import { openCorpusOf } from "./open-corpus.js";
import { faint, print, printJson } from "./output.js";
import { explorerPages, version } from "./package.js";
import { ProgressLine } from "./progress-line.js";

export interface SiteOptions {
  readonly circuits?: readonly string[];
  readonly corpus?: string;
  /** Directory of the explorer's pages. */
  readonly pages: string;
  /** Nothing but JSON is printed. */
  readonly json?: boolean;
}

/** Models with the explorer, ready to be served or exported. */
export interface PreparedSite {
  readonly site: Site;
  readonly models: readonly (PreparedModel & ModelSite)[];
}

export function circuitsOption(): Option {
  return repeatable(
    "--circuits <path>",
    "circuits and audits besides those that lie with the models: a directory, or a file",
    (text) => text,
  );
}

/** For developing the explorer: another build of it. */
export function pagesOption(): Option {
  return new Option("--pages <directory>").default(explorerPages).hideHelp();
}

/** Prepares models and what lies with them, uses it all, and removes what was written for it whatever happens. */
export async function withSite(
  names: readonly string[],
  { circuits = [], corpus, pages, json }: SiteOptions,
  signal: AbortSignal,
  use: (prepared: PreparedSite) => Promise<void>,
): Promise<void> {
  const line = new ProgressLine(!json);
  const prepared: PreparedModel[] = [];
  try {
    let site: Site;
    let sites: ModelSite[];
    try {
      for (const name of names) {
        const model = await prepareModel(modelSource(name), {
          signal,
          onProgress: (action, { file, loaded, total }) => line.bytes(action, file, loaded, total),
        });
        prepared.push(model);
        if (model.source.note && !json) console.error(model.source.note);
      }
      const given = await circuitsOf(prepared, await findCircuits(circuits));
      const ids = new Set<string>();
      sites = [];
      for (const [i, model] of prepared.entries()) {
        const documents = corpus === undefined ? null : await readDocuments(model, corpus);
        const id = uniqueName(nameOfModel(model), ids);
        sites.push(await modelSite(model, { id, circuits: given[i], documents }));
      }
      site = await buildSite(pages, sites);
    } finally {
      line.clear();
    }
    await use({ site, models: prepared.map((model, i) => ({ ...model, ...sites[i] })) });
  } finally {
    for (const model of prepared) await model.close();
  }
}

/** Which circuits are of which model. */
async function circuitsOf(
  models: readonly PreparedModel[],
  circuits: readonly FoundCircuit[],
): Promise<FoundCircuit[][]> {
  if (models.length === 1 || circuits.length === 0) return models.map(() => [...circuits]);
  const hashes: string[] = [];
  for (const { location } of models) {
    const model = await loadModel(location);
    hashes.push(await modelHash(model).finally(() => model.dispose()));
  }
  const lost = circuits.find(({ circuit }) => !hashes.includes(circuit.model.sha256 ?? ""));
  if (lost) {
    const { name } = lost.circuit.model;
    throw new SparseLensError(
      `${lost.file} is a circuit of none of these models, but of ${name}. Name its model alone, if it is one of them.`,
    );
  }
  return hashes.map((hash) => circuits.filter(({ circuit }) => circuit.model.sha256 === hash));
}

async function readDocuments({ source, config, name }: PreparedModel, directory: string): Promise<string> {
  const checkpoint = await openCheckpoint(source);
  try {
    const corpus = await openCorpusOf({ tokenizer: readTokenizer(checkpoint), source: name }, directory);
    return await documentsOfCorpus(corpus, config.block_size);
  } finally {
    await checkpoint.close();
  }
}

export interface ExplorerOptions extends Partial<EngineOptions> {
  readonly host?: string;
  readonly port?: number;
  readonly allowOrigin?: readonly string[];
  readonly open?: boolean;
  readonly json?: boolean;
}

/**
 * Serves a site and the API of its models until it is interrupted, which is how it ends well.
 * @param loaded a model of the site that runs already
 */
export async function serveExplorer(
  { site, models }: PreparedSite,
  options: ExplorerOptions,
  signal: AbortSignal,
  loaded?: Model,
): Promise<void> {
  const { host, port, threads, kernels, allowOrigin, json } = options;
  // Loaded on use: no other command needs an HTTP server.
  const { serve, ServedModel } = await import("../server/serve.js");
  const served = [];
  for (const { entry, location } of models)
    served.push(await ServedModel.open({ id: entry.id, location, threads, kernels, model: loaded }));
  const server = await serve({
    ...{ site, models: served, host, port, origins: allowOrigin, version },
    onFault: (error) => console.error(process.env.SPARSELENS_DEBUG === "1" ? error : `error: ${error}`),
  });
  try {
    const { url } = server;
    if (json) {
      const listed = models.map(({ entry: { id, title, circuits } }) => ({
        id,
        title,
        circuits: circuits.length,
      }));
      printJson({ url, api: `${url}openapi.json`, models: listed });
    } else {
      const rows = models.map(({ entry: { id, circuits } }) => [
        "model",
        `${id}, ${formatCount(circuits.length)} ${circuits.length === 1 ? "circuit" : "circuits"}`,
      ]);
      print(formatTable([["explorer", url], ["API", `${url}openapi.json`], ...rows], "ll"));
      if (process.stdout.isTTY) print(faint("Ctrl-C ends it.\n", process.stdout));
    }
    if (options.open) openInBrowser(url);
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
  } finally {
    await server.close();
  }
}

function openInBrowser(url: string): void {
  const [command, ...args] =
    process.platform === "darwin"
      ? ["open"]
      : process.platform === "win32"
        ? ["cmd", "/c", "start", ""]
        : ["xdg-open"];
  const child = spawn(command, [...args, url], { stdio: "ignore", detached: true });
  child.on("error", () => console.error(`${command} cannot be started: open ${url} in a browser.`));
  child.unref();
}
