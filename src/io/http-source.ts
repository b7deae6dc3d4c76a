import { SparseLensError } from "../errors.js";
import { type ByteSource, checkRange, truncated } from "./byte-source.js";

/** A file on a server, read by range requests. */
export class HttpSource implements ByteSource {
  private whole: Promise<Uint8Array> | null = null;

  constructor(
    readonly name: string,
    readonly size: number,
    private readonly headers: Record<string, string> = {},
  ) {}

  async read(offset: number, length: number, into?: Uint8Array): Promise<Uint8Array> {
    checkRange(this, offset, length);
    const bytes = await this.bytes(offset, length);
    if (!into) return bytes;
    into.set(bytes);
    return into.subarray(0, length);
  }

  async close(): Promise<void> {
    this.whole = null;
  }

  private async bytes(offset: number, length: number): Promise<Uint8Array> {
    if (length === 0) return new Uint8Array(0);
    if (this.whole) return (await this.whole).subarray(offset, offset + length);
    const response = await this.request({ Range: `bytes=${offset}-${offset + length - 1}` });
    if (response.status === 206) {
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (bytes.byteLength !== length) throw truncated(this.name, offset, length, offset + bytes.byteLength);
      return bytes;
    }
    // The server knows no ranges and sends everything: keep it rather than ask again.
    this.whole ??= this.receiveWhole(response);
    return (await this.whole).subarray(offset, offset + length);
  }

  private async receiveWhole(response: Response): Promise<Uint8Array> {
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (bytes.byteLength !== this.size) throw truncated(this.name, 0, this.size, bytes.byteLength);
    return bytes;
  }

  private async request(headers: Record<string, string>): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(this.name, { headers: { ...this.headers, ...headers } });
    } catch (cause) {
      throw new SparseLensError(`${this.name} cannot be read: ${(cause as Error).message}.`, { cause });
    }
    if (!response.ok) throw new SparseLensError(`${this.name} cannot be read: status ${response.status}.`);
    return response;
  }
}
