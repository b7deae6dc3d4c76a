import { createHash } from "node:crypto";
import * as fs from "node:fs/promises";
import { homedir } from "node:os";
import * as paths from "node:path";
import { SparseLensError } from "../errors.js";
import type { ByteSink } from "../io/byte-sink.js";
import { type ByteSource, checkRange, truncated } from "../io/byte-source.js";
import type { HubFile, LocalFiles } from "../io/local-files.js";

class FileSource implements ByteSource {
  constructor(
    readonly name: string,
    readonly size: number,
    private readonly handle: fs.FileHandle,
  ) {}

  async read(offset: number, length: number, into?: Uint8Array): Promise<Uint8Array> {
    checkRange(this, offset, length);
    const bytes = into ? into.subarray(0, length) : new Uint8Array(length);
    let done = 0;
    while (done < length) {
      // The system reads at most 2 GiB at once.
      const wanted = Math.min(length - done, 2 ** 30);
      const { bytesRead } = await this.handle.read(bytes, done, wanted, offset + done);
      if (bytesRead === 0) throw truncated(this.name, offset, length, offset + done);
      done += bytesRead;
    }
    return bytes;
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}

class FileSink implements ByteSink {
  constructor(
    private readonly path: string,
    private readonly handle: fs.FileHandle,
  ) {}

  write(bytes: Uint8Array): Promise<void> {
    return explained("write", this.path, async () => {
      let done = 0;
      while (done < bytes.byteLength) {
        const wanted = Math.min(bytes.byteLength - done, 2 ** 30);
        done += (await this.handle.write(bytes, done, wanted)).bytesWritten;
      }
    });
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}

function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOENT") return "it does not exist";
  if (code === "EACCES" || code === "EPERM") return "permission denied";
  if (code === "EISDIR") return "it is a directory";
  if (code === "ENOSPC") return "no space left on the device";
  return (error as Error).message;
}

async function explained<T>(action: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new SparseLensError(`Cannot ${action} ${path}: ${reasonOf(cause)}.`, { cause });
  }
}

/** Node's own way never ends where a system denies with ENOENT what is there, as Linux does in /proc. */
async function makeDirectories(path: string): Promise<void> {
  const isThere = async () => (await fs.stat(path).catch(() => null))?.isDirectory() === true;
  if (await isThere()) return;
  const parent = paths.dirname(path);
  if (parent !== path) await makeDirectories(parent);
  try {
    await fs.mkdir(path);
  } catch (error) {
    // Another may have made it meanwhile.
    if (!(await isThere())) throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

// Loaded on use: most runs never ask the hub for anything.
const hubPackage = () => import("@huggingface/hub");

export const localFiles: LocalFiles | null = {
  open: (path) =>
    explained("open", path, async () => {
      const handle = await fs.open(path, "r");
      const stat = await handle.stat();
      if (stat.isDirectory()) {
        await handle.close();
        throw Object.assign(new Error(), { code: "EISDIR" });
      }
      return new FileSource(path, stat.size, handle);
    }),
  create: (path, options) =>
    explained(
      "write",
      path,
      async () => new FileSink(path, await fs.open(path, options?.append ? "a" : "w")),
    ),
  sync: (path) =>
    explained("write", path, async () => {
      const isDirectory = (await fs.stat(path)).isDirectory();
      // Windows has no such thing for directories.
      if (isDirectory && process.platform === "win32") return;
      const handle = await fs.open(path, isDirectory ? "r" : "r+");
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    }),
  async kind(path) {
    const stat = await fs.stat(path).catch(() => null);
    return stat?.isFile() ? "file" : stat?.isDirectory() ? "directory" : null;
  },
  size: (path) => explained("read", path, async () => (await fs.stat(path)).size),
  list: (path) => explained("list", path, async () => (await fs.readdir(path)).sort()),
  tree: (path) =>
    explained("list", path, async () => {
      const found: string[] = [];
      for (const entry of await fs.readdir(path, { recursive: true, withFileTypes: true })) {
        const full = paths.join(entry.parentPath, entry.name);
        const isFile =
          entry.isFile() || (entry.isSymbolicLink() && (await localFiles!.kind(full)) === "file");
        if (isFile) found.push(paths.relative(path, full));
      }
      return found.sort();
    }),
  readText: (path) => explained("read", path, () => fs.readFile(path, "utf8")),
  writeText: (path, text) => explained("write", path, () => fs.writeFile(path, text)),
  makeDirectory: (path) => explained("make the directory", path, () => makeDirectories(path)),
  remove: (path) => explained("remove", path, () => fs.rm(path, { recursive: true, force: true })),
  rename: (from, to) => explained("write", to, () => fs.rename(from, to)),
  link: (target, path) =>
    explained("write", path, async () => {
      await fs.rm(path, { force: true });
      try {
        await fs.symlink(paths.relative(paths.dirname(path), target), path);
      } catch {
        await fs.copyFile(target, path);
      }
    }),
  async lock(path) {
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        await fs.writeFile(path, String(process.pid), { flag: "wx" });
        return () => fs.rm(path, { force: true });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
          throw new SparseLensError(`Cannot write ${path}: ${reasonOf(error)}.`, { cause: error });
        }
      }
      const owner = Number(await fs.readFile(path, "utf8").catch(() => ""));
      if (owner && isAlive(owner)) return null;
      await fs.rm(path, { force: true });
    }
    return null;
  },
  join: paths.join,
  directoryName: paths.dirname,
  baseName: (path) => paths.basename(path),
  absolute: (path) => paths.resolve(path),
  homeDirectory: homedir,
  environment: (name) => process.env[name] || undefined,
  hash(algorithm) {
    const hash = createHash(algorithm);
    return {
      update: (bytes) => {
        hash.update(bytes);
      },
      digest: (encoding) => hash.digest(encoding),
    };
  },
  hub: {
    async cacheDirectory() {
      return (await hubPackage()).getHFHubCachePath();
    },
    async folderName(repository) {
      return (await hubPackage()).getRepoFolderName({ type: "model", name: repository });
    },
    async commitOf(repository, revision, { endpoint, fetch }) {
      const { modelInfo } = await hubPackage();
      const info = await modelInfo({
        name: repository,
        revision,
        additionalFields: ["sha"],
        hubUrl: endpoint,
        fetch,
      });
      return info.sha;
    },
    async listFiles(repository, revision, { endpoint, fetch }) {
      const { listFiles } = await hubPackage();
      const files: HubFile[] = [];
      const repo = { type: "model" as const, name: repository };
      for await (const entry of listFiles({ repo, revision, hubUrl: endpoint, fetch })) {
        if (entry.type !== "file") continue;
        files.push({ path: entry.path, size: entry.size, sha256: entry.lfs?.oid, oid: entry.oid });
      }
      return files;
    },
  },
};
