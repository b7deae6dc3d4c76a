import type { ByteSink } from "../io/byte-sink.js";
import type { LocalFiles, StreamHash } from "../io/local-files.js";
import type { Shard, SplitName } from "./manifest.js";

/** A shard is complete with the document that makes it this long: 32 MiB. */
const SHARD_TOKENS = 2 ** 24;
const BUFFER_TOKENS = 2 ** 18;

/** Writes the documents of a split as shards: their tokens in uint16, little endian, each document with the end of text. */
export class ShardWriter {
  readonly shards: Shard[] = [];
  private current: { file: string; sink: ByteSink; hash: StreamHash; tokens: number } | undefined;
  private readonly buffer = new DataView(new ArrayBuffer(2 * BUFFER_TOKENS));
  private length = 0;

  constructor(
    private readonly files: LocalFiles,
    private readonly directory: string,
    private readonly split: SplitName,
    private readonly endOfText: number,
  ) {}

  async add(tokens: readonly number[]): Promise<void> {
    const shard = this.current ?? (await this.begin());
    for (const token of tokens) {
      if (this.length === BUFFER_TOKENS) await this.flush();
      this.buffer.setUint16(2 * this.length++, token, true);
    }
    if (this.length === BUFFER_TOKENS) await this.flush();
    this.buffer.setUint16(2 * this.length++, this.endOfText, true);
    shard.tokens += tokens.length + 1;
    if (shard.tokens >= SHARD_TOKENS) await this.close();
  }

  /** Completes the shard that is being written, if there is one. */
  async close(): Promise<void> {
    if (!this.current) return;
    const { file, sink, hash, tokens } = this.current;
    try {
      await this.flush();
    } finally {
      this.current = undefined;
      await sink.close();
    }
    this.shards.push({ file, tokens, sha256: hash.digest("hex") });
  }

  private async begin() {
    const file = `${this.split}-${String(this.shards.length).padStart(5, "0")}.bin`;
    const sink = await this.files.create(this.files.join(this.directory, file));
    this.current = { file, sink, hash: this.files.hash("sha256"), tokens: 0 };
    return this.current;
  }

  private async flush(): Promise<void> {
    const bytes = new Uint8Array(this.buffer.buffer, 0, 2 * this.length);
    this.length = 0;
    this.current!.hash.update(bytes);
    await this.current!.sink.write(bytes);
  }
}
