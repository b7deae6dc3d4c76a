import { existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Where measurements accumulate: what is there is not measured again, so that an interrupted run goes on. */
export class RunDirectory {
  constructor(path) {
    this.path = path;
  }

  file(name) {
    return join(this.path, name);
  }

  has(name) {
    return existsSync(this.file(name));
  }

  async read(name) {
    return JSON.parse(await readFile(this.file(name), "utf8"));
  }

  /** A file that appears whole or not at all. */
  async write(name, text) {
    const file = this.file(name);
    await mkdir(dirname(file), { recursive: true });
    const partial = `${file}.partial-${process.pid}`;
    await writeFile(partial, text);
    await rename(partial, file);
  }

  writeJson(name, value) {
    return this.write(name, `${JSON.stringify(value, null, 1)}\n`);
  }

  /** What a file holds; where it is not there, what is computed is kept in it. */
  async once(name, compute) {
    if (this.has(name)) return this.read(name);
    const value = await compute();
    await this.writeJson(name, value);
    return value;
  }

  /**
   * What a measurement was made of is written down when it begins, and must be the same when it goes on.
   * @throws Error naming what differs
   */
  async describe(name, description) {
    const before = await this.once(name, async () => description);
    for (const key of Object.keys({ ...before, ...description })) {
      if (JSON.stringify(before[key]) === JSON.stringify(description[key])) continue;
      throw new Error(
        `${this.file(name)}: "${key}" was ${JSON.stringify(before[key])} there, and is ${JSON.stringify(description[key])} now. Name another directory with --out.`,
      );
    }
  }
}
