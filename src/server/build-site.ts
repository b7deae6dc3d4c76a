import { SparseLensError } from "../errors.js";
import { requireLocalFiles } from "../io/local-files.js";
import { formatCatalogue } from "./catalogue.js";
import type { ModelSite } from "./model-site.js";
import type { Site, SiteContent } from "./site.js";

/**
 * The explorer with what it has to show.
 * @param pages directory of the explorer itself, as it was built
 * @throws SparseLensError when it was not built
 */
export async function buildSite(pages: string, models: readonly ModelSite[]): Promise<Site> {
  const files = requireLocalFiles("Building a site");
  if ((await files.kind(files.join(pages, "index.html"))) !== "file") {
    throw new SparseLensError(`The explorer is not in ${pages}: build it with npm run build.`);
  }
  const site = new Map<string, SiteContent>();
  for (const path of await files.tree(pages))
    site.set(path.replaceAll("\\", "/"), { file: files.join(pages, path) });
  for (const model of models) for (const [path, content] of model.files) site.set(path, content);
  const catalogue = formatCatalogue({ models: models.map(({ entry }) => entry) });
  return site.set("catalogue.json", { text: catalogue });
}
