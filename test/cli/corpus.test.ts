import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";
import { failure, json, modelWithTokenizer, output, run, scratchDirectory, start } from "./run.js";

const scratch = scratchDirectory();
const model = modelWithTokenizer();
const source = `${scratch}/src`;
mkdirSync(`${source}/inner`, { recursive: true });
writeFileSync(`${source}/a.py`, "def add(a, b):\n    return a + b\n");
writeFileSync(`${source}/inner/b.py`, "def add(a, b):\n    return b + a\n");
const lines = `${scratch}/lines.jsonl`;
writeFileSync(lines, '{"content":"for x in xs:\\n    print(x)\\n"}\n{"content":""}\n');

const readJson = (path: string) => JSON.parse(readFileSync(path, "utf8"));
const partial = () => readdirSync(scratch).filter((name) => name.includes("partial"));

describe("corpus", () => {
  test("trains a tokenizer, writes the tokens, and shows them", async () => {
    const out = `${scratch}/corpus`;
    const options = ["--field", "content", "--vocab", "270", "--validation", "0"];
    const written = await json("corpus", source, lines, "--out", out, ...options);
    expect(written).toMatchObject({
      ...{ out, ...readJson(`${out}/manifest.json`) },
      sources: [
        { source, files: 2, documents: 2, duplicates: 0 },
        { source: lines, files: 1, documents: 1, skipped: { empty: 1 } },
      ],
      tokenizer: { source: null, vocabularySize: 270, endOfText: 269 },
    });
    expect(readdirSync(out).sort()).toEqual(
      ["encoder.json", "manifest.json", "tokenizer.json", "train-00000.bin", "vocab.bpe"].sort(),
    );
    const shown = await json("corpus", "show", out);
    expect(shown.documents.toSorted()).toEqual(
      [
        readFileSync(`${source}/a.py`, "utf8"),
        readFileSync(`${source}/inner/b.py`, "utf8"),
        "for x in xs:\n    print(x)\n",
      ].sort(),
    );
    const text = await output("corpus", "show", out, "-n", "1");
    expect(text).toContain(`train 0\n${shown.documents[0]}`);
    expect(text).not.toContain(shown.documents[1]);
    expect(await failure(1, "corpus", "show", out, "--split", "validation")).toContain(
      "no validation documents",
    );
    expect(await failure(1, "corpus", "show", source)).toContain("holds no corpus");
  });

  test("takes the tokenizer of a directory, of a corpus or of a model", async () => {
    const trained = `${scratch}/tokenizer`;
    await output("tokenizer", "train", source, "--vocab", "260", "--out", trained);
    const corpora = await Promise.all(
      [trained, model].map((tokenizer, index) =>
        json(
          "corpus",
          source,
          "--out",
          `${scratch}/with-${index}`,
          "--tokenizer",
          tokenizer,
          "--validation",
          "0",
        ),
      ),
    );
    expect(corpora.map(({ tokenizer }) => [tokenizer.source, tokenizer.vocabularySize])).toEqual([
      [trained, 260],
      [model, 768],
    ]);
    const again = await json(
      ...[
        "corpus",
        source,
        "--out",
        `${scratch}/with-2`,
        "--tokenizer",
        `${scratch}/with-1`,
        "--validation",
        "0",
      ],
    );
    expect(again.splits).toEqual(corpora[1].splits);
    // The same ids as everywhere else.
    const { ids } = await json("tokenize", model, "--file", `${source}/a.py`);
    const shard = readFileSync(`${scratch}/with-1/train-00000.bin`);
    const tokens = Array.from({ length: shard.length / 2 }, (_, index) => shard.readUInt16LE(2 * index));
    expect(` ${tokens.join(" ")} `).toContain(` ${ids.join(" ")} 767 `);
  });

  test("synthetic programs depend on the seed alone, and the first on no count", async () => {
    const write = (count: number, seed: number, name: string) =>
      json(
        ...["corpus", `synthetic:${count}`, "--seed", `${seed}`, "--tokenizer", model],
        ...["--validation", "0.5", "--out", `${scratch}/${name}`],
      );
    const [a, b, other, more] = await Promise.all([
      write(20, 1, "synthetic-a"),
      write(20, 1, "synthetic-b"),
      write(20, 2, "synthetic-c"),
      write(40, 1, "synthetic-d"),
    ]);
    expect(b.splits).toEqual(a.splits);
    expect(other.splits.train.shards).not.toEqual(a.splits.train.shards);
    const texts = async (name: string) => {
      const [train, validation] = await Promise.all(
        ["train", "validation"].map((split) =>
          json("corpus", "show", `${scratch}/${name}`, "--split", split, "-n", "99"),
        ),
      );
      return [...train.documents, ...validation.documents];
    };
    expect(more.sources[0].documents + more.sources[0].duplicates).toBe(40);
    expect(await texts("synthetic-d")).toEqual(expect.arrayContaining(await texts("synthetic-a")));
  });

  test("says what is wrong, and writes nothing then", async () => {
    const out = `${scratch}/nothing`;
    const usage = (...args: string[]) => failure(2, "corpus", source, ...args);
    expect(await usage("--vocab", "300")).toContain("--out");
    expect(await usage("--out", out)).toContain("--vocab");
    expect(await usage("--out", out, "--vocab", "256")).toContain("--vocab");
    expect(await usage("--out", out, "--vocab", "300", "--tokenizer", model)).toContain(
      "cannot be used with",
    );
    expect(await usage("--out", out, "--vocab", "300", "--validation", "2")).toContain("--validation");
    const fails = (...args: string[]) => failure(1, "corpus", ...args, "--out", out);
    expect(await fails(source, `${scratch}/none`, "--vocab", "300")).toContain(
      `no file or folder ${scratch}/none`,
    );
    expect(await fails(lines, "--vocab", "300")).toMatch(/line 1: there is no field "text"/);
    expect(await fails(source, "--vocab", "70000")).toContain("65536");
    expect(await fails(source, "--tokenizer", source)).toContain("holds no tokenizer");
    expect(await failure(1, "corpus", source, "--vocab", "300", "--out", source)).toContain("is not empty");
    // Where nobody can write, and the system says of the parent that it does not exist.
    const nowhere = process.platform === "linux" ? "/proc/none/corpus" : `${lines}/corpus`;
    expect(await failure(1, "corpus", source, "--vocab", "300", "--out", nowhere)).toContain(
      "Cannot make the directory",
    );
    expect(await usage("--out", out, "--vocab", "300", "--extensions", ".py,")).toContain("--extensions");
    expect(existsSync(out)).toBe(false);
    expect(partial()).toEqual([]);
  });

  test("notes go to stderr", async () => {
    const { stderr, stdout } = await run("corpus", source, "--vocab", "5000", "--out", `${scratch}/notes`);
    expect(stderr).toMatch(/no more pairs to merge: \d+ tokens instead of 5000/);
    expect(stderr).toContain("No document fell into the validation split");
    expect(stdout).toContain("trained on this corpus");
  });

  test("leaves nothing behind when interrupted", async () => {
    const { child, ended } = start(
      "corpus",
      "synthetic:1000000",
      "--vocab",
      "300",
      "--out",
      `${scratch}/never`,
    );
    const isWriting = () => partial().some((name) => existsSync(`${scratch}/${name}/spool/0`));
    await vi.waitFor(() => expect(isWriting()).toBe(true), { timeout: 20_000, interval: 20 });
    child.kill("SIGINT");
    expect(await ended).toEqual({ code: 130, stdout: "", stderr: "" });
    expect(partial()).toEqual([]);
    expect(existsSync(`${scratch}/never`)).toBe(false);
  });
});

describe("tokenizer train", () => {
  test("writes both forms and reports", async () => {
    const out = `${scratch}/trained`;
    const report = await json(
      "tokenizer",
      "train",
      source,
      lines,
      "--field",
      "content",
      "--vocab",
      "280",
      "--out",
      out,
    );
    expect(report).toMatchObject({ out, documents: 3, skipped: { empty: 1 } });
    const { model: bpe, added_tokens } = readJson(`${out}/tokenizer.json`);
    const vocabulary = readJson(`${out}/encoder.json`);
    expect(Object.keys(vocabulary)).toHaveLength(report.vocabularySize);
    expect(vocabulary["<|endoftext|>"]).toBe(report.vocabularySize - 1);
    expect(added_tokens).toMatchObject([
      { content: "<|endoftext|>", id: report.vocabularySize - 1, special: true },
    ]);
    expect(readFileSync(`${out}/vocab.bpe`, "utf8")).toBe(`#version: 0.2\n${bpe.merges.join("\n")}\n`);
    expect(await failure(1, "tokenizer", "train", source, "--vocab", "300", "--out", out)).toContain(
      "is not empty",
    );
    const overwritten = await json(
      "tokenizer",
      "train",
      source,
      "--vocab",
      "258",
      "--out",
      out,
      "--overwrite",
    );
    expect(overwritten.vocabularySize).toBe(258);
  });

  test("says what is wrong", async () => {
    const out = `${scratch}/untrained`;
    expect(await failure(2, "tokenizer", "train", source, "--out", out)).toContain("--vocab");
    const empty = `${scratch}/empty.txt`;
    writeFileSync(empty, "\n");
    expect(await failure(1, "tokenizer", "train", empty, "--vocab", "300", "--out", out)).toContain(
      "(1 empty)",
    );
    expect(existsSync(out)).toBe(false);
  });
});
