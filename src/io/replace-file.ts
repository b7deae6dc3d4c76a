import type { LocalFiles } from "./local-files.js";

/** Writes a file that is there whole, or as it was before. */
export async function replaceFile(files: LocalFiles, path: string, text: string): Promise<void> {
  await files.writeText(`${path}.partial`, text);
  await files.sync(`${path}.partial`);
  await files.rename(`${path}.partial`, path);
}
