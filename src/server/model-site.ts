import { type LocalFiles, requireLocalFiles } from "../io/local-files.js";
import { meansFileName } from "../io/model-files.js";
import type { CatalogueCircuit, CatalogueModel } from "./catalogue.js";
import { checkCircuits, type FoundCircuit, findCircuits, inOrder } from "./found-circuits.js";
import { addressable, uniqueName } from "./names.js";
import { type PreparedModel, pathOf } from "./prepared-model.js";
import type { SiteContent } from "./site.js";

/** What a site holds of a model. */
export interface ModelSite {
  readonly entry: CatalogueModel;
  readonly files: ReadonlyMap<string, SiteContent>;
}

export interface ModelSiteOptions {
  /** In addresses. */
  readonly id: string;
  /** Besides those that lie with the model. */
  readonly circuits: readonly FoundCircuit[];
  /** Text of `documents.json`, in place of the file beside the model. */
  readonly documents: string | null;
}

/** What the model of a directory is called where no name is given. */
export function nameOfModel({ name, directory }: PreparedModel): string {
  const files = requireLocalFiles("Serving a model");
  const [, remote] = /^(?:hf:|blob:)(?:[^/]*\/)?([^@/]+)/.exec(name) ?? [];
  if (remote) return addressable(remote);
  const base = files.baseName(directory);
  // A run keeps its model in a directory of this name.
  return addressable(base === "model" ? files.baseName(files.directoryName(directory)) : base);
}

/**
 * A model and what lies with it: `circuits/` and `audits/`, means of its nodes, its card (`README.md`), its training curve
 * (`progress.json`, of a run beside the model's directory), documents.
 * @throws SparseLensError for a circuit that is damaged, or of another model
 */
export async function modelSite(model: PreparedModel, options: ModelSiteOptions): Promise<ModelSite> {
  const files = requireLocalFiles("Serving a model");
  const { directory, source, config } = model;
  const path = `models/${options.id}/`;
  const contents = new Map<string, SiteContent>();
  const add = (name: string, content: SiteContent): string => {
    contents.set(path + name, content);
    return path + name;
  };
  const modelFiles = [];
  for (const name of Object.keys(source.files)) {
    const file = pathOf(source, name);
    add(name, { file });
    modelFiles.push({ name, bytes: await files.size(file) });
  }
  const places = await present(files, directory, ["circuits", "audits"], "directory");
  const ids = new Set<string>();
  const circuits = inOrder([...(await findCircuits(places)), ...options.circuits]).map((found) => ({
    ...found,
    id: uniqueName(found.id, ids),
  }));
  checkCircuits(circuits, config);
  const entries = circuits.map((found) => circuitEntry(found, add));

  const beside = async (...candidates: string[]): Promise<string | null> => {
    const [file] = await present(files, directory, candidates, "file");
    return file === undefined ? null : add(files.baseName(file), { file });
  };
  const card = await beside("README.md");
  const runs = files.baseName(directory) === "model" ? [files.join("..", "progress.json")] : [];
  const curve = await beside("progress.json", ...runs);
  const trials = await beside(files.join("circuits", "trials.jsonl"));
  const means = await beside(...(await meansNames(files, directory, circuits)));
  const documents =
    options.documents === null
      ? await beside("documents.json")
      : add("documents.json", { text: options.documents });
  const title = (card && titleOf(await files.readText(files.join(directory, "README.md")))) ?? options.id;
  const entry = { id: options.id, title, path, files: modelFiles, circuits: entries };
  return { entry: { ...entry, means, card, curve, trials, documents }, files: contents };
}

function circuitEntry(
  { id, file, circuit, audit, control }: FoundCircuit,
  add: (name: string, content: SiteContent) => string,
): CatalogueCircuit {
  const ending = file.endsWith(".pt") ? ".pt" : ".json";
  const { task, target_loss, nodes, edges } = circuit;
  return {
    ...{ id, path: add(`circuits/${id}${ending}`, { file }), task: task.name, target_loss },
    ...{ nodes: nodes.length, edges: edges.length },
    audit: audit === null ? null : add(`audits/${id}.json`, { file: audit }),
    control,
  };
}

/** Means that circuits refer to first. */
async function meansNames(
  files: LocalFiles,
  directory: string,
  circuits: readonly FoundCircuit[],
): Promise<string[]> {
  const referred = circuits.flatMap(({ circuit: { means } }) => (means?.sha256 ? [means.sha256] : []));
  const all = (await files.list(directory)).filter((name) => /^means-[0-9a-f]{12}\.safetensors$/.test(name));
  return [...referred.map(meansFileName), ...all];
}

/** Those of the paths that there are. */
async function present(
  files: LocalFiles,
  directory: string,
  names: readonly string[],
  kind: "file" | "directory",
): Promise<string[]> {
  const paths = names.map((name) => files.join(directory, name));
  const kinds = await Promise.all(paths.map((path) => files.kind(path)));
  return paths.filter((_, i) => kinds[i] === kind);
}

/** The first heading of a card. */
function titleOf(card: string): string | null {
  return /^#\s+(.+?)\s*$/m.exec(card)?.[1] ?? null;
}
