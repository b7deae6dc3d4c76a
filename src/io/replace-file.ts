import type { ByteSink } from "./byte-sink.js";
import type { LocalFiles } from "./local-files.js";

/** Writes a file that is there whole, or as it was before. */
export async function replaceFile(files: LocalFiles, path: string, text: string): Promise<void> {
  await files.writeText(`${path}.partial`, text);
  await files.sync(`${path}.partial`);
  await files.rename(`${path}.partial`, path);
}

/** The same, piece by piece. */
export async function replaceFileWith(
  files: LocalFiles,
  path: string,
  write: (sink: ByteSink) => Promise<void>,
): Promise<void> {
  const partial = `${path}.partial`;
  try {
    const sink = await files.create(partial);
    try {
      await write(sink);
    } finally {
      await sink.close();
    }
    await files.rename(partial, path);
  } catch (error) {
    await files.remove(partial);
    throw error;
  }
}
