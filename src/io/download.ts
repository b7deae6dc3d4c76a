import { SparseLensError } from "../errors.js";
import type { ByteSink } from "./byte-sink.js";
import { type LocalFiles, requireLocalFiles, type StreamHash } from "./local-files.js";
import type { RemoteOptions } from "./remote-options.js";
import {
  isTransientStatus,
  request,
  retryAfter,
  retrying,
  sleep,
  statusError,
  TransientError,
} from "./retry.js";

export interface Download {
  url: string;
  /** Path that the whole file gets. */
  target: string;
  /** Name for progress. */
  file: string;
  headers?: Record<string, string>;
  /** Bytes, when known beforehand. */
  size?: number;
  /** SHA-256 of the content, hexadecimal, when known. */
  sha256?: string;
  /** Git's object id of the content (SHA-1 with a header), when known. */
  gitOid?: string;
}

/**
 * Fetches a file unless it is there. It grows under the name `<target>.incomplete`, from which a later call goes on,
 * and gets its own name when it is whole and its checksum (where one is known) is right.
 *
 * @throws SparseLensError for a file that is not there, refused, or damaged, and when the network keeps failing; the
 * signal's reason when aborted
 */
export async function download(file: Download, options: RemoteOptions): Promise<void> {
  const files = requireLocalFiles("Downloading into a cache");
  if ((await files.kind(file.target)) === "file") return;
  if (options.offline) {
    throw new SparseLensError(
      `${file.file} has not been downloaded yet (from ${file.url}), and this is offline.`,
    );
  }
  await files.makeDirectory(files.directoryName(file.target));
  const unlock = await waitForLock(file.target, files, options.signal);
  try {
    if ((await files.kind(file.target)) === "file") return;
    const transfer = new Transfer(file, files, options);
    await retrying(
      `Downloading ${file.url}`,
      () => transfer.run(),
      options,
      () => transfer.loaded,
    );
    await files.rename(transfer.incomplete, file.target);
    await files.remove(transfer.tagFile);
  } finally {
    await unlock();
  }
}

/** Milliseconds that a download by another process may stand still. */
const patience = 120_000;

/** Two processes must not write one file: waits while another one gets on with it. */
async function waitForLock(
  target: string,
  files: LocalFiles,
  signal?: AbortSignal,
): Promise<() => Promise<void>> {
  const path = `${target}.lock`;
  let grown = Date.now();
  for (let size = -1; ; ) {
    const unlock = await files.lock(path);
    if (unlock) return unlock;
    const now = await files.size(`${target}.incomplete`).catch(() => 0);
    if (now !== size) grown = Date.now();
    size = now;
    if (Date.now() - grown > patience) {
      throw new SparseLensError(
        `Another process seems to be downloading ${target}, but does not get on. If there is none, remove ${path}.`,
      );
    }
    await sleep(200, signal);
  }
}

class Transfer {
  readonly incomplete: string;
  /** Holds the ETag of what the incomplete file is a part of. */
  readonly tagFile: string;
  /** Bytes on disk. */
  loaded = 0;

  constructor(
    private readonly file: Download,
    private readonly files: LocalFiles,
    private readonly options: RemoteOptions,
  ) {
    this.incomplete = `${file.target}.incomplete`;
    this.tagFile = `${this.incomplete}.etag`;
  }

  async run(): Promise<void> {
    const { file, files } = this;
    await this.findPartial();
    const resumed = this.loaded;
    if (resumed && resumed === file.size) {
      // Everything had arrived, and nobody could give it its name.
      if (await this.isRight(await this.hashes({}), {})) return;
      await this.startOver();
      throw new TransientError("the checksum of the part that was there is wrong");
    }

    const response = await this.ask();
    const goesOn = response.status === 206;
    if (goesOn && !this.fits(response)) {
      await response.body?.cancel();
      await this.startOver();
      throw new TransientError("the server sent another part than asked for");
    }
    if (!goesOn) await this.startOver();
    const total = this.totalOf(response);
    if (total !== undefined && file.size !== undefined && total !== file.size) {
      await response.body?.cancel();
      throw new SparseLensError(
        `${file.url} should be ${file.size} bytes long, but the server announces ${total}.`,
      );
    }
    const checksums = this.checksumsOf(response);
    const hashes = await this.hashes(checksums);
    await files.writeText(this.tagFile, response.headers.get("ETag") ?? "");
    await this.receive(response, total, hashes);

    if (total !== undefined && this.loaded < total) {
      throw new TransientError(`the connection ended after ${this.loaded} of ${total} bytes`);
    }
    if (await this.isRight(hashes, checksums)) return;
    await this.startOver();
    // A wrong beginning may have been there before; a second chance only then.
    if (goesOn) throw new TransientError("the checksum is wrong");
    throw new SparseLensError(
      `The checksum of ${file.url} is wrong: what arrived is not what was published. Try again later.`,
    );
  }

  /** How much of the file is there from an earlier attempt, as far as that can be used. */
  private async findPartial(): Promise<void> {
    const { file, files } = this;
    this.loaded = (await files.kind(this.incomplete)) === "file" ? await files.size(this.incomplete) : 0;
    const known = file.sha256 ?? file.gitOid ?? (await this.tag());
    if (this.loaded && (!known || (file.size !== undefined && this.loaded > file.size)))
      await this.startOver();
  }

  private async tag(): Promise<string> {
    return (await this.files.kind(this.tagFile)) === "file" ? await this.files.readText(this.tagFile) : "";
  }

  private async startOver(): Promise<void> {
    await this.files.remove(this.incomplete);
    await this.files.remove(this.tagFile);
    this.loaded = 0;
  }

  private async ask(): Promise<Response> {
    // Compressed transfer would make lengths and positions meaningless.
    const headers: Record<string, string> = { ...this.file.headers, "Accept-Encoding": "identity" };
    if (this.loaded) {
      headers.Range = `bytes=${this.loaded}-`;
      const tag = await this.tag();
      if (tag && !tag.startsWith("W/")) headers["If-Range"] = tag;
    }
    const response = await request(this.file.url, { headers }, this.options);
    if (response.status === 200 || (response.status === 206 && this.loaded)) return response;
    await response.body?.cancel();
    if (response.status === 416) {
      await this.startOver();
      throw new TransientError("the server knows no such part of the file");
    }
    if (isTransientStatus(response.status)) {
      throw new TransientError(`the server answered with status ${response.status}`, retryAfter(response));
    }
    throw statusError(this.file.url, response.status);
  }

  /** Whether a partial response starts where the file on disk ends. */
  private fits(response: Response): boolean {
    const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get("Content-Range") ?? "");
    if (!range || Number(range[1]) !== this.loaded) return false;
    return this.file.size === undefined || range[2] === "*" || Number(range[2]) === this.file.size;
  }

  /** Length of the whole file. */
  private totalOf(response: Response): number | undefined {
    const length = response.headers.get("Content-Length");
    const isPlain = !response.headers.has("Content-Encoding");
    return length !== null && isPlain ? this.loaded + Number(length) : this.file.size;
  }

  private async receive(response: Response, total: number | undefined, hashes: StreamHash[]): Promise<void> {
    const { file, options } = this;
    const body = response.body?.getReader();
    let sink: ByteSink | null = null;
    try {
      sink = await this.files.create(this.incomplete, { append: true });
      options.onProgress?.({ file: file.file, loaded: this.loaded, total: total ?? this.loaded });
      for (;;) {
        const piece = await body?.read().catch((cause) => {
          options.signal?.throwIfAborted();
          throw new TransientError(`the connection broke: ${cause.message}`, 0, { cause });
        });
        if (!piece || piece.done) return;
        if (total !== undefined && this.loaded + piece.value.byteLength > total) {
          throw new SparseLensError(`${file.url} should be ${total} bytes long, but the server sent more.`);
        }
        await sink.write(piece.value);
        for (const hash of hashes) hash.update(piece.value);
        this.loaded += piece.value.byteLength;
        options.onProgress?.({ file: file.file, loaded: this.loaded, total: total ?? this.loaded });
      }
    } finally {
      await body?.cancel().catch(() => {});
      await sink?.close();
    }
  }

  /** What the content must hash to, by algorithm: as known beforehand, else as the server says. */
  private checksumsOf(response: Response): { md5?: string } {
    if (this.file.sha256 || this.file.gitOid) return {};
    // With a part, Content-MD5 would be that of the part; Azure tells that of the whole separately.
    const md5 =
      response.headers.get("x-ms-blob-content-md5") ??
      (response.status === 200 ? response.headers.get("Content-MD5") : null);
    return md5 ? { md5 } : {};
  }

  /** Hashes of the known kinds (sha256, git, md5), fed with what is on disk. */
  private async hashes(checksums: { md5?: string }): Promise<StreamHash[]> {
    const { file, files } = this;
    const hashes: StreamHash[] = [];
    if (file.sha256) hashes.push(files.hash("sha256"));
    else if (file.gitOid && file.size !== undefined) {
      const hash = files.hash("sha1");
      hash.update(new TextEncoder().encode(`blob ${file.size}\0`));
      hashes.push(hash);
    } else if (checksums.md5) hashes.push(files.hash("md5"));
    if (!hashes.length || !this.loaded) return hashes;
    const source = await files.open(this.incomplete);
    try {
      for (let offset = 0; offset < this.loaded; ) {
        const piece = await source.read(offset, Math.min(2 ** 22, this.loaded - offset));
        for (const hash of hashes) hash.update(piece);
        offset += piece.byteLength;
      }
    } finally {
      await source.close();
    }
    return hashes;
  }

  private async isRight([hash]: StreamHash[], { md5 }: { md5?: string }): Promise<boolean> {
    if (!hash) return true;
    if (md5) return hash.digest("base64") === md5;
    return hash.digest("hex") === (this.file.sha256 ?? this.file.gitOid);
  }
}
