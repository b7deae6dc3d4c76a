import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, describe, expect, test } from "vitest";
import { type Checkpoint, type CheckpointLayout, openCheckpoint } from "../../src/formats/checkpoint.js";
import { writeCheckpoint } from "../../src/formats/convert.js";
import { resolveSource } from "../../src/io/source.js";
import { allFixtures, committedFixtures, plainSafetensors, referenceModel } from "./fixture-files.js";

const scratch = mkdtempSync(`${tmpdir()}/sparselens-convert-`);
afterAll(() => rmSync(scratch, { recursive: true }));
let made = 0;
const newDirectory = () => `${scratch}/${made++}`;

const open = async (path: string) => await openCheckpoint(await resolveSource(path));

async function withCheckpoint<T>(path: string, use: (checkpoint: Checkpoint) => Promise<T>): Promise<T> {
  const checkpoint = await open(path);
  try {
    return await use(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

const convert = (from: string, to: string, layout: CheckpointLayout, options = {}) =>
  withCheckpoint(from, (checkpoint) => writeCheckpoint(checkpoint, to, layout, options));

async function expectSameTensors(path: string, reference: string): Promise<void> {
  await withCheckpoint(path, async (checkpoint) => {
    await withCheckpoint(reference, async (original) => {
      expect([...checkpoint.tensors.keys()].sort()).toEqual([...original.tensors.keys()].sort());
      for (const [name, tensor] of original.tensors) {
        const copy = checkpoint.tensors.get(name)!;
        expect([name, copy.dtype, copy.shape]).toEqual([name, tensor.dtype, tensor.shape]);
        expect(Buffer.compare(await copy.readBytes(), await tensor.readBytes()), name).toBe(0);
      }
    });
  });
}

const directories = [committedFixtures, allFixtures]
  .filter((path) => path !== null)
  .flatMap((path) =>
    readdirSync(path)
      .filter((name) => /^\d/.test(name))
      .map((name) => `${path}/${name}`),
  );

describe.each(directories)("%s", (directory) => {
  test("keeps every tensor, bit for bit, through all layouts", async () => {
    const [ours, blob, hf, again] = [newDirectory(), newDirectory(), newDirectory(), newDirectory()];
    await convert(directory, ours, "sparselens");
    await expectSameTensors(ours, directory);
    await convert(ours, blob, "blob");
    await expectSameTensors(blob, directory);
    await convert(blob, hf, "huggingface");
    await expectSameTensors(hf, directory);
    await convert(hf, again, "sparselens");
    expect(readFileSync(`${again}/model.safetensors`).length).toBe(
      readFileSync(`${ours}/model.safetensors`).length,
    );
    await expectSameTensors(again, directory);
  });
});

test("a configuration is spelled as the layout spells it", async () => {
  const source = newDirectory();
  mkdirSync(source);
  for (const name of ["model.safetensors"]) {
    writeFileSync(`${source}/${name}`, readFileSync(`${committedFixtures}/15_odd_dims/${name}`));
  }
  const config = JSON.parse(readFileSync(`${committedFixtures}/15_odd_dims/beeg_config.json`, "utf8"));
  const { d_mlp, ...rest } = config;
  writeFileSync(
    `${source}/beeg_config.json`,
    JSON.stringify({ ...rest, n_mlp: d_mlp, pfrac: 0.5, use_tied_aux_matrix: false }),
  );
  const [ours, blob, hf] = [newDirectory(), newDirectory(), newDirectory()];
  await convert(source, ours, "sparselens");
  const json = (path: string) => JSON.parse(readFileSync(path, "utf8"));
  expect(json(`${ours}/config.json`)).toEqual({
    model_type: "sparselens",
    format_version: 1,
    ...rest,
    n_mlp: d_mlp,
    pfrac: 0.5,
    use_tied_aux_matrix: false,
  });
  await convert(ours, blob, "blob");
  expect(json(`${blob}/beeg_config.json`)).toEqual(config);
  await convert(ours, hf, "huggingface");
  expect(json(`${hf}/config.json`)).toEqual({
    model_type: "circuitgpt",
    architectures: ["CircuitGPTForCausalLM"],
    torch_dtype: "float32",
    bos_token_id: null,
    eos_token_id: null,
    pad_token_id: null,
    ...config,
    pfrac: 0.5,
    use_tied_aux_matrix: false,
  });
  expect(
    [...plainSafetensors(`${hf}/model.safetensors`).keys()].every((name) =>
      name.startsWith("circuit_model."),
    ),
  ).toBe(true);
});

test.skipIf(!referenceModel)("the reference model converts to what its publisher made", async () => {
  const [blob, hf, ours] = [newDirectory(), newDirectory(), newDirectory()];
  const json = (path: string) => JSON.parse(readFileSync(path, "utf8"));
  await convert(`${referenceModel}/hf`, blob, "blob");
  expect(json(`${blob}/beeg_config.json`)).toEqual(json(`${referenceModel}/blob/beeg_config.json`));
  expect(json(`${blob}/encoder.json`)).toEqual(json(`${referenceModel}/blob/encoder.json`));
  expect(readFileSync(`${blob}/vocab.bpe`, "utf8")).toBe(
    readFileSync(`${referenceModel}/blob/vocab.bpe`, "utf8"),
  );
  await convert(`${referenceModel}/blob`, hf, "huggingface");
  for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
    expect(json(`${hf}/${name}`)).toEqual(json(`${referenceModel}/hf/${name}`));
  }
  expect(json(`${referenceModel}/hf/config.json`)).toMatchObject(json(`${hf}/config.json`));
  const [made, published] = [hf, `${referenceModel}/hf`].map((path) =>
    plainSafetensors(`${path}/model.safetensors`),
  );
  expect([...made.keys()].sort()).toEqual([...published.keys()].sort());

  await convert(`${referenceModel}/hf`, ours, "sparselens");
  const [sparse, dense] = [ours, `${referenceModel}/hf`].map(
    (path) => readFileSync(`${path}/model.safetensors`).length,
  );
  expect(sparse).toBeLessThan(dense / 1.5);
});

test("a tied unembedding that is not stored is written where the released loader looks for it", async () => {
  const source = `${committedFixtures}/01_ln_gelu_tied`;
  const [blob, hf] = [newDirectory(), newDirectory()];
  const checkpoint = await open(source);
  const embedding = await checkpoint.tensors.get("transformer.wte.weight")!.readBytes();
  checkpoint.tensors.delete("lm_head.weight");
  await writeCheckpoint(checkpoint, blob, "blob");
  await writeCheckpoint(checkpoint, hf, "huggingface");
  await checkpoint.close();
  for (const path of [blob, hf]) {
    await withCheckpoint(path, async ({ tensors }) => {
      expect(Buffer.compare(await tensors.get("lm_head.weight")!.readBytes(), embedding)).toBe(0);
    });
  }
  // The shared storage is stored once.
  expect(readFileSync(`${blob}/final_model.pt`).length).toBeLessThan(
    readFileSync(`${source}/final_model.pt`).length + 4096,
  );
});

test("a tokenizer that splits text in another way keeps its own file", async () => {
  const [source, blob, ours] = [newDirectory(), newDirectory(), newDirectory()];
  await convert(`${committedFixtures}/15_odd_dims`, source, "huggingface");
  const tokenizer = JSON.parse(readFileSync(`${committedFixtures}/tokenizer/tokenizer.json`, "utf8"));
  tokenizer.pre_tokenizer.pretokenizers[0].pattern.Regex = "\\s+";
  writeFileSync(`${source}/tokenizer.json`, JSON.stringify(tokenizer));
  await convert(source, blob, "blob");
  expect(readdirSync(blob)).toEqual(expect.arrayContaining(["encoder.json", "tokenizer.json", "vocab.bpe"]));
  await withCheckpoint(blob, async (checkpoint) =>
    expect(checkpoint.tokenizer?.tokenizerJson).toEqual(tokenizer),
  );

  // Our own layout takes any tokenizer as it is.
  const unigram = { model: { type: "Unigram" } };
  writeFileSync(`${source}/tokenizer.json`, JSON.stringify(unigram));
  await convert(source, ours, "sparselens");
  await withCheckpoint(ours, async (checkpoint) =>
    expect(checkpoint.tokenizer?.tokenizerJson).toEqual(unigram),
  );
  await expect(convert(source, newDirectory(), "blob")).rejects.toThrow(/only a BPE tokenizer/);
});

test("a directory that is not empty is left alone, unless it is to be overwritten", async () => {
  const source = `${committedFixtures}/15_odd_dims`;
  const target = newDirectory();
  await convert(source, target, "blob");
  writeFileSync(`${target}/notes.txt`, "mine");
  await expect(convert(source, target, "sparselens")).rejects.toThrow(/is not empty/);
  expect(readdirSync(target).sort()).toEqual(["beeg_config.json", "final_model.pt", "notes.txt"]);
  await convert(source, target, "sparselens", { overwrite: true });
  expect(readdirSync(target).sort()).toEqual(["config.json", "model.safetensors", "notes.txt"]);
  await expectSameTensors(target, source);
});

test("a model can be overwritten by itself", async () => {
  const target = newDirectory();
  await convert(`${committedFixtures}/15_odd_dims`, target, "huggingface");
  await convert(target, target, "sparselens", { overwrite: true });
  await expectSameTensors(target, `${committedFixtures}/15_odd_dims`);
});

test("nothing half-written stays behind", async () => {
  const target = newDirectory();
  const controller = new AbortController();
  const onProgress = () => controller.abort();
  await expect(
    convert(`${committedFixtures}/15_odd_dims`, target, "blob", { signal: controller.signal, onProgress }),
  ).rejects.toThrow(/abort/i);
  expect(existsSync(target)).toBe(false);
  expect(readdirSync(scratch).filter((name) => name.includes("partial"))).toEqual([]);
});

test("progress counts every tensor once", async () => {
  const steps: { loaded: number; total: number }[] = [];
  const onProgress = (step: { loaded: number; total: number }) => steps.push(step);
  await convert(`${committedFixtures}/15_odd_dims`, newDirectory(), "sparselens", { onProgress });
  expect(steps.at(-1)!.loaded).toBe(steps[0].total);
  expect(steps.map(({ loaded }) => loaded)).toEqual(steps.map(({ loaded }) => loaded).sort((a, b) => a - b));
});
