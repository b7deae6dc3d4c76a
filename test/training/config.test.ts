import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseConfig } from "../../src/model/config.js";
import {
  CONFIG_KEYS,
  modelConfigJson,
  parseTrainingConfig,
  trainingConfigJson,
  trainingSteps,
} from "../../src/training/config.js";
import { PRESETS, resolveTrainingConfig } from "../../src/training/presets.js";

const parse = (json: Record<string, unknown>) => parseTrainingConfig({ vocab_size: 512, ...json }, "my.json");

describe("parseTrainingConfig", () => {
  test("fills in what is missing", () => {
    const config = parse({});
    expect(config.model).toMatchObject({ d_model: 192, d_head: 16, n_head: 12, d_mlp: 768, block_size: 256 });
    expect(config.model).toMatchObject({
      vocab_size: 512,
      rms_norm: true,
      sink: true,
      enable_bigram_table: true,
    });
    expect(config.model.afrac_loctypes.size).toBe(8);
    expect(parse({ d_model: 64 }).model).toMatchObject({ n_head: 4, d_mlp: 256 });
    expect(parse({ bigram: "none" }).model.enable_bigram_table).toBe(false);
  });

  test("its flat form reads back as itself, with every key", () => {
    for (const preset of Object.keys(PRESETS)) {
      const config = resolveTrainingConfig({ preset }, 512);
      const json = JSON.parse(JSON.stringify(trainingConfigJson(config)));
      expect(Object.keys(json).sort()).toEqual([...CONFIG_KEYS.keys()].sort());
      expect(parseTrainingConfig(json, "again")).toEqual(config);
    }
  });

  test("counts whole steps", () => {
    expect(trainingSteps(parse({ tokens: 1_000_000, batch_size: 8, block_size: 128 }))).toBe(976);
  });

  test.each([
    [{ learnin_rate: 1 }, 'my.json: "learnin_rate" is no key', 'did you mean "learning_rate"?'],
    [{ dmodel: 64 }, 'did you mean "d_model"?'],
    [{ density: 2 }, '"density" must be a number above 0 to 1, not 2.'],
    [{ density: "sparse" }, 'not "sparse".'],
    [{ beta1: 1 }, '"beta1" must be a number from 0, below 1, not 1.'],
    [{ batch_size: 1.5 }, '"batch_size" must be an integer from 1, not 1.5.'],
    [{ gradient: "clop" }, '"gradient" must be "normalize", "clip" or "none", not "clop".'],
    [{ afrac_loctypes: "attn_in,neurons" }, '"afrac_loctypes" must be a list with commas of attn_in'],
    [{ d_model: 100 }, '"d_model" (100) must be a multiple of "d_head" (16)'],
    [{ vocab_size: 70_000 }, "16 bits"],
    [{ anneal_start: 0.5, anneal_end: 0.2 }, '"anneal_end" (0.2) is before "anneal_start" (0.5)'],
    [{ tokens: 1000 }, '"tokens" is 1000, less than one step', "are 2048."],
    [{ d_pos_emb: 8 }, '"positions" must be "learned" or "sinusoidal"'],
    [{ d_pos_emb: 7, positions: "sinusoidal" }, '"d_pos_emb" must be an even number of channels, not 7.'],
    [{ d_model: 16, afrac: 0.05 }, "keeps none of the 16 activations at attn_in"],
  ])("%j", (json, ...parts) => {
    for (const part of parts) expect(() => parse(json)).toThrow(part as string);
  });

  test("floors of nonzeros must fit into the budget: names the matrix and what would", () => {
    const floors = { d_model: 64, minimum_nonzeros: 4, density: 1 / 32 };
    expect(() => parse(floors)).toThrow(
      '"minimum_nonzeros" is 4, which is 768 nonzeros for the 192 rows of transformer.h.0.attn.c_attn.weight [192, 64], but a "density" of 0.03125 leaves it 384. At most 2 would fit.',
    );
    expect(parse({ ...floors, minimum_nonzeros: 2 }).minimum_nonzeros).toBe(2);
    expect(() => parse({ d_model: 64, d_head: 64, density: 0.03125, minimum_nonzeros: 3 })).toThrow(
      "At most 2",
    );
  });
});

test("the documentation has every key, with what it allows and its default", () => {
  const page = readFileSync(new URL("../../docs/training.md", import.meta.url), "utf8");
  const derived = ["n_head", "d_mlp", "vocab_size", "afrac_loctypes", "density"];
  const rows = new Map(
    page.split("\n").flatMap((line) => {
      const cells = line.split("|").map((cell) => cell.trim());
      return /^`\w+`$/.test(cells[1] ?? "") ? [[cells[1].slice(1, -1), cells] as const] : [];
    }),
  );
  for (const [key, { allowed, fallback }] of CONFIG_KEYS) {
    expect(rows.get(key)?.[3], key).toBe(allowed);
    if (!derived.includes(key)) expect(rows.get(key)?.[2], key).toBe(String(fallback));
  }
});

test("the model's own configuration has the released keys", () => {
  const json = modelConfigJson(parse({ bigram: "learned", afrac_loctypes: "attn_in,mlp_in" }));
  expect(json).toMatchObject({ afrac_loctypes: "attn_in,mlp_in", learnable_bigram_table: true, flash: true });
  expect(parseConfig(json, "config.json")).toEqual(
    parse({ bigram: "learned", afrac_loctypes: "attn_in,mlp_in" }).model,
  );
});

describe("resolveTrainingConfig", () => {
  test("each layer lies over the one before", () => {
    const file = { json: { d_model: 128, seed: 3, density: 0.5 }, location: "my.json" };
    const config = resolveTrainingConfig({ preset: "nano", file, set: ["seed=7", "density=1/16"] }, 600);
    expect(config.model).toMatchObject({ d_model: 128, block_size: 128, vocab_size: 600, n_head: 8 });
    expect(config).toMatchObject({ seed: 7, density: 0.0625, tokens: 1_000_000 });
  });

  test("a value may be JSON or text", () => {
    const set = ["afrac=null", "sink=false", "gradient=clip", 'decay="none"', "epsilon=1e-6"];
    const config = resolveTrainingConfig({ set }, 512);
    expect(config).toMatchObject({ gradient: "clip", decay: "none", epsilon: 1e-6 });
    expect(config.model).toMatchObject({ afrac: null, sink: false });
  });

  test("says which layer is wrong", () => {
    const resolve = (layers: Parameters<typeof resolveTrainingConfig>[0]) => () =>
      resolveTrainingConfig(layers, 512);
    expect(resolve({ preset: "tiny" })).toThrow(
      'There is no preset "tiny"; there are nano, ladder, default, default-dense, paper-1x.',
    );
    expect(resolve({ set: ["density"] })).toThrow("--set density: it must be key=value.");
    expect(resolve({ set: ["density=0"] })).toThrow('--set density=0: "density" must be');
    expect(resolve({ file: { json: { seed: -1 }, location: "my.json" } })).toThrow('my.json: "seed" must be');
    expect(resolve({ set: ["vocab_size=1024"] })).toThrow(
      '"vocab_size" is 1024, but the tokenizer of the corpus has 512 tokens.',
    );
  });

  test("every ablation of the paper's appendix A", () => {
    const ablations = [
      ...["warmup=0", "warmup=0.05", "warmup=0.1", "decay=none", "gradient=none", "gradient=clip"],
      ...["anneal_end=0.2", "anneal_end=0.8", "anneal_end=0", "sink=true", "sparse_biases=false"],
      ...["d_head=32", "d_head=64", "embedding_anneal=gradual"],
      ...["minimum_nonzeros=1", "minimum_nonzeros=2", "minimum_nonzeros=0", "bigram=none"],
      ...["sharkfin=false", "positions=learned", "beta1=0.8", "beta1=0.95", "beta2=0.99", "beta2=0.999"],
      ...["weight_decay=0.03", "weight_decay=0.3", "epsilon=1", "epsilon=0.01", "epsilon=0.001"],
    ];
    const base = resolveTrainingConfig({ preset: "paper-1x" }, 2048);
    for (const set of ablations) {
      expect(resolveTrainingConfig({ preset: "paper-1x", set: [set] }, 2048), set).not.toEqual(base);
    }
  });
});
