import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../../src/formats/checkpoint.js";
import { writeModel } from "../../src/formats/write-model.js";
import { resolveSource } from "../../src/io/source.js";
import { countBigrams } from "../../src/training/bigram.js";
import {
  failure,
  fixture,
  json,
  modelWithTokenizer,
  output,
  root,
  runWithInput,
  scratchDirectory,
} from "./run.js";

const scratch = scratchDirectory();
const model = modelWithTokenizer();

/** A copy of a fixture with another configuration. */
function withConfig(name: string, change: (config: Record<string, unknown>) => void): string {
  const directory = `${scratch}/${name}`;
  cpSync(fixture, directory, { recursive: true });
  const config = JSON.parse(readFileSync(`${fixture}/beeg_config.json`, "utf8"));
  change(config);
  writeFileSync(`${directory}/beeg_config.json`, JSON.stringify(config));
  return directory;
}

/** The fixture with a bigram table that is counted, in our own layout. */
async function withCountedTable(): Promise<string> {
  const directory = `${scratch}/counted`;
  const checkpoint = await openCheckpoint(await resolveSource(fixture));
  const tensors = new Map<string, { shape: number[]; data: Float32Array }>();
  for (const [name, tensor] of checkpoint.tensors) {
    if (name !== "bigram_table") tensors.set(name, { shape: tensor.shape, data: await tensor.readDense() });
  }
  const bigramCounts = countBigrams(Uint16Array.of(1, 2, 3, 1, 2, 1, 79, 79, 79), 80);
  const config = { ...checkpoint.config, learnable_bigram_table: false };
  await writeModel(directory, { config, tensors, tokenizer: null, bigramCounts });
  await checkpoint.close();
  return directory;
}

interface TensorReport {
  name: string;
  nonzeros: number;
}

describe("info", () => {
  test("the models of the package by name", async () => {
    for (const [name, density] of [
      ["default", 1 / 32],
      ["default-dense", 1],
    ] as const) {
      const { parameters, nonzeros } = await json("info", name);
      expect(nonzeros / parameters, name).toBeCloseTo(density, 2);
    }
  });

  test("--json counts the nonzeros of every tensor", async () => {
    const info = await json("info", model);
    expect(info).toMatchObject({
      ...{ model, layout: "blob", problem: null, unusualKeys: {} },
      architecture: { n_layer: 2, d_model: 64, afrac: 0.25, sink: true, tied_unembed: false },
      tokenizer: { vocabularySize: 768, endOfText: 767 },
      files: { "model.safetensors": statSync(`${model}/model.safetensors`).size },
    });
    // The data itself, read by the book.
    const bytes = readFileSync(`${fixture}/model.safetensors`);
    const start = 8 + Number(bytes.readBigUInt64LE(0));
    const { __metadata__, ...entries } = JSON.parse(bytes.toString("utf8", 8, start));
    const counts = Object.entries<{ data_offsets: number[]; shape: number[] }>(entries).map(
      ([name, { data_offsets, shape }]) => {
        const data = new Uint8Array(bytes.subarray(start + data_offsets[0], start + data_offsets[1]));
        const values = new Float32Array(data.buffer);
        return {
          name,
          shape,
          nonzeros: values.filter((value) => value !== 0).length,
          elements: values.length,
        };
      },
    );
    const reported = info.tensors as TensorReport[];
    expect(reported.map(({ name }) => name).sort()).toEqual(counts.map(({ name }) => name).sort());
    for (const { name, shape, nonzeros, elements } of counts) {
      expect(reported.find((tensor) => tensor.name === name)).toMatchObject({
        ...{ shape, nonzeros, dtype: "F32", storedAs: "dense", density: nonzeros / elements },
      });
    }
    const summed = counts.filter(({ name }) => name !== "bigram_table");
    expect(info.parameters).toBe(summed.reduce((sum, { elements }) => sum + elements, 0));
    expect(info.nonzeros).toBe(summed.reduce((sum, { nonzeros }) => sum + nonzeros, 0));
  });

  test("a tied unembedding and causal masks count once, or not at all", async () => {
    const tied = await json("info", `${root}test/fixtures/01_ln_gelu_tied`);
    const counted = tied.tensors.filter(({ note }: { note?: string }) => note === undefined);
    expect(tied.tensors.length - counted.length).toBe(3);
    expect(tied.parameters).toBe(28096);
  });

  test("a table for people, with aligned columns", async () => {
    const lines = (await output("info", fixture)).split("\n");
    const header = lines.findIndex((line) => line.startsWith("tensor "));
    const end = lines[header].indexOf("density") + "density".length;
    for (const line of lines.slice(header + 1, -1)) expect(line.slice(0, end)).toMatch(/^\S.*\d %$/);
    expect(lines[0]).toBe(`model         ${fixture} (blob store layout)`);
  });

  test("a counted bigram table says so, and computes what the dense one does", async () => {
    const [counted, dense] = [await withCountedTable(), `${scratch}/counted-as-blob`];
    const table = (path: string) =>
      json("info", path).then(({ tensors }) =>
        tensors.find(({ name }: TensorReport) => name === "bigram_table"),
      );
    const same = { shape: [80, 80], nonzeros: 6400, dtype: "F32", note: "bigram" };
    expect(await table(counted)).toMatchObject({ ...same, storedAs: "counted", countedPairs: 6 });
    expect(await output("info", counted)).toMatch(
      /^bigram_table .* F32 counted .* not in the sum; computed from 6 counts$/m,
    );
    await output("convert", counted, "--to", "blob", "--out", dense);
    expect(await table(dense)).toEqual({ ...same, name: "bigram_table", storedAs: "dense", density: 1 });
    const generated = (path: string) => json("generate", path, "--prompt-ids", "1,2,3", "--kernels", "simd");
    expect((await generated(counted)).tokens).toEqual((await generated(dense)).tokens);
  });

  test("unusual keys, and configurations that cannot be run", async () => {
    const unusual = withConfig("unusual", (config) => {
      config.pfrac = 0.02;
      config.bigram_table_rank = null;
    });
    expect(await json("info", unusual)).toMatchObject({
      ...{ problem: null, unusualKeys: { pfrac: 0.02, bigram_table_rank: null } },
    });
    const impossible = withConfig("impossible", (config) => {
      config.rtopk = 4;
    });
    const { problem, architecture, parameters } = await json("info", impossible);
    expect(problem).toContain('"rtopk" is 4');
    expect(architecture).toBeNull();
    expect(parameters).toBeGreaterThan(0);
    expect(await output("info", impossible)).toContain('"rtopk" is 4');
    expect(await failure(1, "generate", impossible, "--prompt-ids", "1")).toContain('"rtopk" is 4');
  });

  test("a truncated file", async () => {
    const truncated = withConfig("truncated", () => {});
    writeFileSync(
      `${truncated}/model.safetensors`,
      readFileSync(`${fixture}/model.safetensors`).subarray(0, -5),
    );
    expect(await failure(1, "info", truncated)).toMatch(/model\.safetensors .* truncated/);
  });
});

describe("convert", () => {
  test("to every layout, with the same computation", async () => {
    const generated = (path: string) => json("generate", path, "--prompt", "ABC=1", "--kernels", "simd");
    const { tokens } = await generated(model);
    for (const layout of ["sparselens", "huggingface", "blob"]) {
      const out = `${scratch}/as-${layout}`;
      const result = await json("convert", model, "--to", layout, "--out", out);
      expect(result).toEqual({
        ...{ out, layout },
        files: Object.fromEntries(readdirSync(out).map((name) => [name, statSync(`${out}/${name}`).size])),
      });
      expect((await json("info", out)).layout).toBe(layout);
      expect((await generated(out)).tokens).toEqual(tokens);
    }
  });

  test("a directory with files in it needs --overwrite", async () => {
    const out = `${scratch}/occupied`;
    mkdirSync(out);
    writeFileSync(`${out}/notes.txt`, "mine");
    const args = ["convert", fixture, "--to", "blob", "--out", out];
    expect(await failure(1, ...args)).toContain("is not empty");
    expect(readdirSync(out)).toEqual(["notes.txt"]);
    expect(await output(...args, "--overwrite")).toMatch(/^final_model\.pt +\d+ kB$/m);
    expect(readdirSync(out).sort()).toEqual(["beeg_config.json", "final_model.pt", "notes.txt"]);
  });

  test("a failure leaves nothing behind", async () => {
    const broken = withConfig("nan", () => {});
    const bytes = readFileSync(`${fixture}/model.safetensors`);
    bytes.writeFloatLE(Number.NaN, bytes.length - 4);
    writeFileSync(`${broken}/model.safetensors`, bytes);
    const parent = scratchDirectory();
    const args = ["convert", broken, "--to", "sparselens", "--out", `${parent}/out`];
    expect(await failure(1, ...args)).toMatch(/NaN/);
    expect(readdirSync(parent)).toEqual([]);
  });
});

describe("tokenize", () => {
  test("--json: ids, tokens, byte and character offsets", async () => {
    expect(await json("tokenize", model, "hé")).toEqual({
      ids: [71, 127, 102],
      tokens: ["h", "Ã", "©"],
      byteOffsets: [
        [0, 1],
        [1, 2],
        [2, 3],
      ],
      characterOffsets: [
        [0, 1],
        [1, 2],
        [1, 2],
      ],
    });
  });

  test("a table; parts of characters in hexadecimal", async () => {
    expect(await output("tokenize", model, "-e", "\\thé")).toBe(
      [
        "    id  bytes  characters  token",
        '0  197    0-1         0-1  "\\t"',
        '1   71    1-2         1-2  "h"',
        "2  127    2-3         2-3  <c3>",
        "3  102    3-4         2-3  <a9>",
        "",
      ].join("\n"),
    );
  });

  test("any bytes of a file or of stdin, and back", async () => {
    const bytes = new Uint8Array([0x61, 0xff, 0x0a, 0xe6, 0x97]);
    writeFileSync(`${scratch}/bytes`, bytes);
    const { ids, byteOffsets } = await json("tokenize", model, "--file", `${scratch}/bytes`);
    expect(byteOffsets.at(-1)[1]).toBe(5);
    const piped = await runWithInput(bytes, "tokenize", model, "--file", "-", "--json");
    expect(JSON.parse(piped.stdout).ids).toEqual(ids);
    expect(await json("tokenize", model, "--decode", ids.join())).toMatchObject({
      ids,
      text: "a\ufffd\n\ufffd",
    });
    expect(await output("tokenize", model, "--decode", "71,72")).toBe("hi");
    expect(await failure(1, "tokenize", model, "--decode", "768")).toContain("there is no token 768");
  });

  test("needs no weights that fit", async () => {
    const directory = withConfig("without-weights", (config) => {
      config.d_model = 128;
    });
    copyFileSync(`${model}/tokenizer.json`, `${directory}/tokenizer.json`);
    expect((await json("tokenize", directory, "hi")).ids).toEqual([71, 72]);
  });
});
