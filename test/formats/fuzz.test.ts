import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import fc from "fast-check";
import { expect, test } from "vitest";
import { SparseLensError } from "../../src/errors.js";
import { openCheckpoint } from "../../src/formats/checkpoint.js";
import { writeCheckpoint } from "../../src/formats/convert.js";
import { readTorch } from "../../src/formats/torch-checkpoint.js";
import { readZip, ZipWriter } from "../../src/formats/zip.js";
import { MemorySink } from "../../src/io/byte-sink.js";
import { MemorySource } from "../../src/io/byte-source.js";
import { resolveSource } from "../../src/io/source.js";
import { committedFixtures } from "./fixture-files.js";

// Every outcome is a value or an error of ours; time and memory stay near what an undamaged file takes.

const millisecondsAllowed = 2000;
const bytesAllowed = 200 * 2 ** 20;

type Edit =
  | { kind: "set"; at: number; byte: number }
  | { kind: "word"; at: number; word: number }
  | { kind: "cut"; at: number }
  | { kind: "copy"; at: number; from: number; length: number }
  | { kind: "insert"; at: number; length: number };

/** `at` and `from`: 0 at the start of a region, 1 at its end. */
const position = fc.double({ min: 0, max: 1, noNaN: true });
const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ kind: fc.constant("set" as const), at: position, byte: fc.nat(255) }),
  fc.record({
    kind: fc.constant("word" as const),
    at: position,
    word: fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff),
  }),
  fc.record({ kind: fc.constant("cut" as const), at: position }),
  fc.record({ kind: fc.constant("copy" as const), at: position, from: position, length: fc.nat(64) }),
  fc.record({ kind: fc.constant("insert" as const), at: position, length: fc.nat(64) }),
);
const edits = fc.array(edit, { minLength: 1, maxLength: 6 });

/** The file with edits in the region from `start` to `end`. */
function damage(file: Uint8Array, changes: Edit[], start = 0, end = file.length): Uint8Array {
  let bytes = new Uint8Array(file);
  for (const change of changes) {
    const place = (fraction: number) => Math.min(bytes.length, Math.floor(start + fraction * (end - start)));
    const at = place(change.at);
    if (change.kind === "set" && at < bytes.length) bytes[at] = change.byte;
    else if (change.kind === "word" && at + 4 <= bytes.length) {
      new DataView(bytes.buffer).setUint32(at, change.word, true);
    } else if (change.kind === "cut") bytes = bytes.slice(0, at);
    else if (change.kind === "copy") {
      const from = place(change.from);
      bytes.copyWithin(at, from, from + change.length);
    } else if (change.kind === "insert") {
      const longer = new Uint8Array(bytes.length + change.length);
      longer.set(bytes.subarray(0, at));
      longer.set(bytes.subarray(at), at + change.length);
      bytes = longer;
    }
  }
  return bytes;
}

async function expectCivil(work: () => Promise<unknown>): Promise<void> {
  const before = process.memoryUsage();
  const start = performance.now();
  try {
    await work();
  } catch (error) {
    if (!(error instanceof SparseLensError)) throw error;
    expect(error.message.length).toBeLessThan(2000);
  }
  const after = process.memoryUsage();
  expect(performance.now() - start).toBeLessThan(millisecondsAllowed);
  expect(after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers).toBeLessThan(
    bytesAllowed,
  );
}

/** Opens a model from bytes and reads everything in it. */
async function readAll(
  weights: string,
  bytes: Uint8Array,
  config: string,
  configName: string,
): Promise<void> {
  const files = [new File([bytes as BlobPart], weights), new File([config], configName)];
  const checkpoint = await openCheckpoint(await resolveSource(files));
  for (const tensor of checkpoint.tensors.values()) {
    await tensor.readDense();
    if (tensor.shape.length === 2) await tensor.readSparse();
  }
}

const small = `${committedFixtures}/15_odd_dims`;
const config = readFileSync(`${small}/beeg_config.json`, "utf8");
const runs = { numRuns: 300 };

test("damaged safetensors", async () => {
  const file = readFileSync(`${small}/model.safetensors`);
  const headerEnd = 8 + Number(file.readBigUInt64LE(0));
  await readAll("model.safetensors", file, config, "beeg_config.json");
  for (const end of [headerEnd, file.length]) {
    await fc.assert(
      fc.asyncProperty(edits, async (changes) => {
        const bytes = damage(file, changes, 0, end);
        await expectCivil(() => readAll("model.safetensors", bytes, config, "beeg_config.json"));
      }),
      runs,
    );
  }
});

test("damaged models of our own layout", async () => {
  const directory = mkdtempSync(`${tmpdir()}/sparselens-fuzz-`);
  try {
    const checkpoint = await openCheckpoint(await resolveSource(small));
    await writeCheckpoint(checkpoint, directory, "sparselens");
    await checkpoint.close();
    const file = readFileSync(`${directory}/model.safetensors`);
    const settings = readFileSync(`${directory}/config.json`, "utf8");
    const headerEnd = 8 + Number(file.readBigUInt64LE(0));
    await readAll("model.safetensors", file, settings, "config.json");
    for (const [start, end] of [
      [0, headerEnd],
      [headerEnd, file.length],
    ]) {
      await fc.assert(
        fc.asyncProperty(edits, async (changes) => {
          const bytes = damage(file, changes, start, end);
          await expectCivil(() => readAll("model.safetensors", bytes, settings, "config.json"));
        }),
        runs,
      );
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("damaged PyTorch archives", async () => {
  const file = readFileSync(`${small}/final_model.pt`);
  const archive = await readZip(new MemorySource("x", file));
  await readAll("final_model.pt", file, config, "beeg_config.json");
  for (const start of [0, archive.contentEnd, file.length - 98]) {
    await fc.assert(
      fc.asyncProperty(edits, async (changes) => {
        const bytes = damage(file, changes, start);
        await expectCivil(() => readAll("final_model.pt", bytes, config, "beeg_config.json"));
      }),
      runs,
    );
  }
});

test("damaged pickles in sound archives", async () => {
  const file = readFileSync(`${small}/final_model.pt`);
  const archive = await readZip(new MemorySource("x", file));
  const contents: [string, Uint8Array][] = [];
  for (const { name, headerOffset, size } of archive.entries.values()) {
    const start =
      headerOffset + 30 + file.readUInt16LE(headerOffset + 26) + file.readUInt16LE(headerOffset + 28);
    contents.push([name, file.subarray(start, start + size)]);
  }
  const pickleName = contents.find(([name]) => name.endsWith("data.pkl"))![0];
  await fc.assert(
    fc.asyncProperty(edits, async (changes) => {
      const sink = new MemorySink();
      const zip = new ZipWriter(sink);
      for (const [name, content] of contents) {
        const bytes = name === pickleName ? damage(content, changes) : content;
        await zip.add(name, bytes.length, [bytes]);
      }
      await zip.finish();
      await expectCivil(() => readAll("final_model.pt", sink.bytes(), config, "beeg_config.json"));
    }),
    { numRuns: 600 },
  );
});

test("noise", async () => {
  const noise = fc.uint8Array({ maxLength: 400 });
  const starts = fc.constantFrom(
    "",
    "PK\x03\x04",
    "PK\x05\x06",
    "\x80\x02",
    "\x10\x00\x00\x00\x00\x00\x00\x00{",
  );
  await fc.assert(
    fc.asyncProperty(starts, noise, async (start, rest) => {
      const bytes = Buffer.concat([Buffer.from(start, "latin1"), rest]);
      await expectCivil(() => readTorch(new MemorySource("x.pt", bytes)));
      await expectCivil(() => readAll("model.safetensors", bytes, "{}", "config.json"));
      await expectCivil(() => readAll("model.safetensors", bytes, bytes.toString("latin1"), "config.json"));
    }),
    runs,
  );
});
