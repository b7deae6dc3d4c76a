import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { type CorpusOptions, writeCorpus } from "../../src/corpus/build.js";
import { type Corpus, openCorpus } from "../../src/corpus/corpus.js";
import { fingerprint } from "../../src/corpus/fingerprint.js";
import { SPLITS } from "../../src/corpus/manifest.js";
import { trainTokenizer } from "../../src/tokenizer/train.js";
import { anyText } from "../tokenizer/fixture.js";
import { parquetFile } from "./parquet-writer.js";

const root = mkdtempSync(`${tmpdir()}/sparselens-corpus-`);
afterAll(() => rmSync(root, { recursive: true }));
let directories = 0;
const fresh = () => `${root}/${directories++}`;

/** A folder with these files; the result is its path. */
function folder(files: Record<string, string | Uint8Array>): string {
  const directory = fresh();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(`${directory}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
    writeFileSync(`${directory}/${name}`, content);
  }
  return directory;
}

const jsonLines = (texts: readonly string[], field = "text") =>
  texts.map((text) => `${JSON.stringify({ id: 1, [field]: text })}\n`).join("");

async function write(sources: string[], options: Partial<CorpusOptions> = {}) {
  const directory = fresh();
  const manifest = await writeCorpus(directory, { sources, tokenizer: { vocabularySize: 300 }, ...options });
  return { directory, manifest };
}

/** The text of every document of a split, in order. */
async function texts(corpus: Corpus, split: (typeof SPLITS)[number]): Promise<string[]> {
  if (corpus.manifest.splits[split].documents === 0) return [];
  const tokens = await corpus.tokens(split);
  return (await corpus.documents(split)).map(({ start, end }) =>
    corpus.tokenizer.decode(tokens.subarray(start, end)),
  );
}

async function allTexts(directory: string): Promise<string[]> {
  const corpus = await openCorpus(directory);
  return [...(await texts(corpus, "train")), ...(await texts(corpus, "validation"))];
}

const contents = (directory: string) =>
  Object.fromEntries(
    readdirSync(directory)
      .sort()
      .map((name) => [name, readFileSync(`${directory}/${name}`)]),
  );

const programs = Array.from(
  { length: 300 },
  (_, index) => `def f${index}(x):\n    return x + ${index % 7}\n`,
);

describe("documents", () => {
  test("come back as they were, each once, whatever they hold", async () => {
    const text = fc.oneof(
      anyText,
      fc.constantFrom("<|endoftext|>", "a<|endoftext|>b", "\ufeffx", "x\n", "x  \n"),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 20 }), async (documents) => {
        const wellFormed = documents.map((document) => document.replace(/\p{Surrogate}/gu, "\ufffd"));
        const expected = new Map<string, string>();
        for (const document of wellFormed) {
          const print = fingerprint(document);
          if (document.trim() !== "" && !expected.has(print)) expected.set(print, document);
        }
        fc.pre(expected.size > 0);
        const source = folder({ "a.jsonl": jsonLines(documents) });
        const { directory, manifest } = await write([`${source}/a.jsonl`], { validation: 0 });
        expect((await allTexts(directory)).sort()).toEqual([...expected.values()].sort());
        const [counts] = manifest.sources;
        expect(counts.documents).toBe(expected.size);
        expect(counts.documents + counts.duplicates + counts.skipped.empty).toBe(documents.length);
        rmSync(directory, { recursive: true });
      }),
      { numRuns: 40 },
    );
  });

  test("that differ in white space at the ends of lines only are the same", () => {
    expect(fingerprint("a  \n\tb\t\r\n\n")).toBe(fingerprint("a\n\tb"));
    expect(fingerprint("a\nb")).not.toBe(fingerprint("a\n b"));
    expect(fingerprint("a\n\nb")).not.toBe(fingerprint("a\nb"));
    const started = performance.now();
    fingerprint(`${" ".repeat(1_000_000)}x`);
    expect(performance.now() - started).toBeLessThan(1000);
  });

  test("are left out when they are empty, no UTF-8 or too long, and counted", async () => {
    const source = folder({
      "good.py": "x = 1\n",
      "empty.py": " \n\n",
      "latin1.py": Uint8Array.of(0x78, 0xe9, 0x0a),
      "long.py": "y = 2\n".repeat(100),
      "same.py": "x = 1   \n\n\n",
      "bom.py": "\ufeffz = 3\n",
    });
    const { directory, manifest } = await write([source], { maximumBytes: 500, validation: 0 });
    expect(manifest.sources).toEqual([
      {
        ...{ source, files: 6, documents: 2, bytes: 12, duplicates: 1 },
        skipped: { empty: 1, notUtf8: 1, tooLong: 1, broken: 0 },
      },
    ]);
    // The byte order mark is no part of the text.
    expect((await allTexts(directory)).sort()).toEqual(["x = 1\n", "z = 3\n"]);
  });
});

describe("sources", () => {
  test("are folders, text files, JSON lines, Parquet and synthetic programs, together", async () => {
    const source = folder({
      "package/b.py": "b = 1\n",
      "package/inner/a.py": "a = 1\n",
      "package/notes.txt": "not Python\n",
      "package/.hidden/c.py": "c = 1\n",
      "single.txt": "some text\n",
      "lines.jsonl": jsonLines(["from json\n", "b = 1\n"]),
      "table.parquet": parquetFile("text", [["row 1\n", null], ["row 3 é\n"]], "gzip"),
    });
    const names = ["package", "single.txt", "lines.jsonl", "table.parquet"].map(
      (name) => `${source}/${name}`,
    );
    const { directory, manifest } = await write(names, { validation: 0 });
    expect((await allTexts(directory)).sort()).toEqual(
      ["a = 1\n", "b = 1\n", "from json\n", "row 1\n", "row 3 é\n", "some text\n"].sort(),
    );
    expect(
      manifest.sources.map(({ files, documents, duplicates }) => [files, documents, duplicates]),
    ).toEqual([
      [2, 2, 0],
      [1, 1, 0],
      [1, 1, 1],
      [1, 2, 0],
    ]);
    const other = await write([`${source}/package`], { extensions: [".txt", ".py"], validation: 0 });
    expect(other.manifest.sources[0].documents).toBe(3);
  });

  test("a Parquet file's row groups are read whole, compressed or not", async () => {
    const groups = [programs.slice(0, 120), programs.slice(120)];
    for (const codec of ["none", "gzip"] as const) {
      const source = folder({ "a.parquet": parquetFile("content", groups, codec) });
      const { directory } = await write([`${source}/a.parquet`], { field: "content", validation: 0.2 });
      expect((await allTexts(directory)).sort()).toEqual([...programs].sort());
    }
  });

  test("a long file of JSON lines is read across its pieces", async () => {
    const long = Array.from(
      { length: 12 },
      (_, index) => `${index} ${`${"word".repeat(30)}\n`.repeat(5000)}`,
    );
    const source = folder({ "a.jsonl": jsonLines(long).trimEnd() });
    const { manifest } = await write([`${source}/a.jsonl`], { validation: 0 });
    expect(manifest.sources[0]).toMatchObject({ documents: 12, bytes: long.join("").length });
  });

  test("what is wrong with them is said, with its place", async () => {
    const lines = (...texts: string[]) => `${folder({ "a.jsonl": texts.join("\n") })}/a.jsonl`;
    const good = '{"text":"x"}';
    const cases: [string, RegExp][] = [
      ["/nowhere/at/all", /no file or folder \/nowhere\/at\/all/],
      ["synthetic:many", /synthetic:many: say how many/],
      ["synthetic:0", /say how many/],
      [folder({ "a.txt": "x" }), /no files that end in \.py/],
      [lines(good, "", "{broken"), /line 3: this is not JSON.*--skip-broken/],
      [lines(good, '["x"]'), /line 2: expected a JSON object/],
      [
        lines('{"content":"x","id":1}'),
        /line 1: there is no field "text"; its fields: "content", "id".*--field/,
      ],
      [lines('{"text":null}'), /line 1: the field "text" is no string but null/],
      [`${folder({ "a.parquet": "PAR1 not PAR1" })}/a.parquet`, /a\.parquet cannot be read as Parquet/],
      [
        `${folder({ "a.parquet": parquetFile("body", [["x"]]) })}/a.parquet`,
        /no column "text"; its columns: "body"/,
      ],
      [`${folder({ "a.txt": " \n" })}/a.txt`, /no documents: .*left out \(1 empty\)/],
    ];
    for (const [source, message] of cases) {
      await expect(write([source]), source).rejects.toThrow(message);
      expect(readdirSync(root).filter((name) => name.includes("partial"))).toEqual([]);
    }
    const { manifest } = await write([lines(good, "{broken", '{"text":7}')], {
      skipBroken: true,
      validation: 0,
    });
    expect(manifest.sources[0]).toMatchObject({ documents: 1, skipped: { broken: 2 } });
    await expect(write([lines(good)], { validation: 1 })).rejects.toThrow(/validation is 1/);
    await expect(write([])).rejects.toThrow(/at least one source/);
    await expect(write([lines(good)], { validation: 0.999999999 })).rejects.toThrow(/nothing to train on/);
  });
});

describe("splits and order", () => {
  test("the same input gives the same bytes; another seed another order, but the same splits", async () => {
    const source = folder({ "a.jsonl": jsonLines(programs) });
    const options = { validation: 0.2 };
    const first = await write([`${source}/a.jsonl`], options);
    const second = await write([`${source}/a.jsonl`], options);
    expect(contents(second.directory)).toEqual(contents(first.directory));
    const third = await write([`${source}/a.jsonl`], { ...options, seed: 1 });
    const [a, b] = await Promise.all([first, third].map(({ directory }) => openCorpus(directory)));
    for (const split of SPLITS) {
      const [before, after] = [await texts(a, split), await texts(b, split)];
      expect(after).not.toEqual(before);
      expect(after.sort()).toEqual(before.sort());
    }
    const trained = await texts(a, "train");
    expect(trained).not.toEqual(programs.filter((text) => trained.includes(text)));
  });

  test("a document's split and its place do not depend on the others", async () => {
    const half = programs.filter((_, index) => index % 2 === 0);
    const source = folder({
      "all.jsonl": jsonLines(programs),
      "backwards.jsonl": jsonLines([...programs].reverse()),
      "half.jsonl": jsonLines(half),
    });
    const tokenizer = { tokenizer: await trainTokenizer(programs, { vocabularySize: 300 }), source: "test" };
    const corpus = async (name: string) =>
      await openCorpus((await write([`${source}/${name}.jsonl`], { tokenizer, validation: 0.2 })).directory);
    const [all, backwards, part] = [await corpus("all"), await corpus("backwards"), await corpus("half")];
    for (const split of SPLITS) {
      const expected = await texts(all, split);
      expect(await texts(backwards, split)).toEqual(expected);
      expect(await texts(part, split)).toEqual(expected.filter((text) => half.includes(text)));
    }
    const share = all.manifest.splits.validation.documents / programs.length;
    expect(share).toBeGreaterThan(0.1);
    expect(share).toBeLessThan(0.3);
  });
});

describe("what is written", () => {
  test("shards are what the manifest says, and hold the tokens that the tokenizer gives", async () => {
    const source = folder({ "a.jsonl": jsonLines(programs) });
    const { directory, manifest } = await write([`${source}/a.jsonl`], { validation: 0.1 });
    expect(readdirSync(directory).sort()).toEqual([
      "encoder.json",
      "manifest.json",
      "tokenizer.json",
      "train-00000.bin",
      "validation-00000.bin",
      "vocab.bpe",
    ]);
    const corpus = await openCorpus(directory);
    expect(corpus.manifest).toEqual(manifest);
    let bytes = 0;
    for (const split of SPLITS) {
      const { shards, tokens, documents } = manifest.splits[split];
      const data = readFileSync(`${directory}/${shards[0].file}`);
      expect(shards).toEqual([
        { file: `${split}-00000.bin`, tokens, sha256: createHash("sha256").update(data).digest("hex") },
      ]);
      const expected = (await texts(corpus, split)).flatMap((text) => [
        ...corpus.tokenizer.encode(text, { recognizeSpecialTokens: false }),
        corpus.tokenizer.endOfText!,
      ]);
      expect(Array.from({ length: tokens }, (_, index) => data.readUInt16LE(2 * index))).toEqual(expected);
      expect([...(await corpus.tokens(split))]).toEqual(expected);
      expect((await corpus.documents(split)).length).toBe(documents);
      bytes += manifest.splits[split].bytes;
    }
    expect(bytes).toBe(programs.join("").length);
  });

  test("a tokenizer is trained on the training split alone, up to the sample", async () => {
    const source = folder({ "a.jsonl": jsonLines(programs) });
    const { directory } = await write([`${source}/a.jsonl`], { validation: 0.5 });
    const corpus = await openCorpus(directory);
    const expected = await trainTokenizer(await texts(corpus, "train"), { vocabularySize: 300 });
    expect(corpus.tokenizer.toTokenizerJson()).toEqual(expected.toTokenizerJson());
    const sampled = await openCorpus(
      (await write([`${source}/a.jsonl`], { validation: 0.5, sampleBytes: 1 })).directory,
    );
    const [first] = await texts(sampled, "train");
    const small = await trainTokenizer([first], { vocabularySize: 300 });
    expect(sampled.tokenizer.toTokenizerJson()).toEqual(small.toTokenizerJson());
  });

  test("a directory in use is overwritten only when asked to, and then without remains", async () => {
    const source = folder({ "a.jsonl": jsonLines(programs) });
    const { directory } = await write([`${source}/a.jsonl`], { validation: 0.2 });
    writeFileSync(`${directory}/mine.txt`, "keep");
    const again = { sources: [`${source}/a.jsonl`], tokenizer: { vocabularySize: 280 }, validation: 0 };
    await expect(writeCorpus(directory, again)).rejects.toThrow(/is not empty/);
    const manifest = await writeCorpus(directory, { ...again, overwrite: true });
    expect(readdirSync(directory).sort()).toEqual([
      "encoder.json",
      "manifest.json",
      "mine.txt",
      "tokenizer.json",
      "train-00000.bin",
      "vocab.bpe",
    ]);
    expect((await openCorpus(directory)).manifest).toEqual(manifest);
  });

  test("nothing is left behind when it is stopped", async () => {
    const source = folder({ "a.jsonl": jsonLines(programs) });
    for (const phase of ["read", "merge", "encode"]) {
      const controller = new AbortController();
      const onProgress = (progress: { phase: string }) => {
        if (progress.phase === phase) controller.abort(new Error("stopped"));
      };
      const directory = fresh();
      const options = { tokenizer: { vocabularySize: 300 }, signal: controller.signal, onProgress };
      await expect(writeCorpus(directory, { sources: [`${source}/a.jsonl`], ...options })).rejects.toThrow(
        "stopped",
      );
      expect(readdirSync(root).filter((name) => `${root}/${name}`.startsWith(directory))).toEqual([]);
    }
  });
});

/** A manifest to be broken. */
interface Editable {
  version: unknown;
  format?: string;
  sources?: unknown;
  splits: { train: { tokens: number; shards: { file: string }[] } };
}

describe("opening", () => {
  test("says what is missing, damaged or of another version", async () => {
    const source = folder({ "a.jsonl": jsonLines(programs) });
    const { directory } = await write([`${source}/a.jsonl`], { validation: 0 });
    await expect(openCorpus(source)).rejects.toThrow(/holds no corpus.*sparselens corpus/);
    const broken = async (change: (copy: string) => void) => {
      const copy = fresh();
      cpSync(directory, copy, { recursive: true });
      change(copy);
      const corpus = await openCorpus(copy);
      await corpus.tokens("train");
    };
    const edit = (change: (manifest: Editable) => void) => (copy: string) => {
      const manifest = JSON.parse(readFileSync(`${copy}/manifest.json`, "utf8"));
      change(manifest);
      writeFileSync(`${copy}/manifest.json`, JSON.stringify(manifest));
    };
    const shard = "train-00000.bin";
    const cases: [(copy: string) => void, RegExp][] = [
      [
        edit((manifest) => {
          manifest.version = 2;
        }),
        /manifest\.json has version 2; this version of SparseLens reads 1/,
      ],
      [
        edit((manifest) => {
          delete manifest.format;
        }),
        /manifest\.json: format: this is not the manifest/,
      ],
      [
        edit((manifest) => {
          manifest.splits.train.shards[0].file = "../x";
        }),
        /shards\[0\]\.file/,
      ],
      [
        edit((manifest) => {
          manifest.splits.train.tokens++;
        }),
        /splits\.train\.tokens/,
      ],
      [
        edit((manifest) => {
          manifest.sources = undefined;
        }),
        /manifest\.json: sources: expected a list, got nothing/,
      ],
      [(copy) => writeFileSync(`${copy}/manifest.json`, "{"), /manifest\.json is not valid JSON/],
      [(copy) => rmSync(`${copy}/${shard}`), /train-00000\.bin: it does not exist/],
      [
        (copy) => writeFileSync(`${copy}/${shard}`, readFileSync(`${copy}/${shard}`).subarray(2)),
        /train-00000\.bin is \d+ bytes long/,
      ],
      [
        (copy) => {
          const data = readFileSync(`${copy}/${shard}`);
          data[7] ^= 1;
          writeFileSync(`${copy}/${shard}`, data);
        },
        /train-00000\.bin is damaged/,
      ],
      [(copy) => rmSync(`${copy}/tokenizer.json`), /is not the tokenizer|does not exist/],
      [
        (copy) => {
          const json = readFileSync(`${copy}/tokenizer.json`, "utf8");
          writeFileSync(`${copy}/tokenizer.json`, `${json} `);
        },
        /is not the tokenizer that the corpus was written with/,
      ],
    ];
    for (const [change, message] of cases) await expect(broken(change)).rejects.toThrow(message);
    await expect((await openCorpus(directory)).tokens("validation")).rejects.toThrow(
      /no validation documents/,
    );
  });
});
