import { expect, test } from "vitest";
import { ShardWriter } from "../../src/corpus/shards.js";
import { DocumentSpool } from "../../src/corpus/spool.js";
import { type LocalFiles, requireLocalFiles } from "../../src/io/local-files.js";

/** Files of which nothing can be written, and how many of them are open. */
function fullDisk() {
  const counts = { created: 0, open: 0 };
  const files: LocalFiles = {
    ...requireLocalFiles("A test"),
    async create() {
      counts.created++;
      counts.open++;
      return {
        write: () => Promise.reject(new Error("no space left")),
        close: async () => {
          counts.open--;
        },
      };
    },
  };
  return { counts, files };
}

test("a spool that cannot be written is closed all the same", async () => {
  const { counts, files } = fullDisk();
  const spool = new DocumentSpool(files, "nowhere");
  const bytes = Uint8Array.of(120);
  for (let i = 0; i < 50; i++) await spool.add({ split: "train", order: i / 50, bytes });
  await expect(spool.close()).rejects.toThrow("no space left");
  expect(counts).toEqual({ created: 50, open: 0 });
});

test("a shard that cannot be written is closed all the same", async () => {
  const { counts, files } = fullDisk();
  const writer = new ShardWriter(files, "nowhere", "train", 256);
  await writer.add([1, 2, 3]);
  await expect(writer.close()).rejects.toThrow("no space left");
  expect(counts).toEqual({ created: 1, open: 0 });
  expect(writer.shards).toEqual([]);
});
