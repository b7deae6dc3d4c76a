import type { LocalFiles } from "../io/local-files.js";

/** A browser has no file system of its own: files come as `File` objects or over HTTP. */
export const localFiles: LocalFiles | null = null;
