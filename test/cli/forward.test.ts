import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { distance } from "../support/golden.js";
import { failure, fixture, golden, json, modelWithTokenizer, output, scratchDirectory } from "./run.js";

const scratch = scratchDirectory();

/** Reads a safetensors file by the book, without the code that wrote it. */
function readFile(path: string) {
  const bytes = readFileSync(path);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const { __metadata__: metadata, ...entries } = JSON.parse(bytes.toString("utf8", 8, start));
  const tensors = new Map<string, { shape: number[]; values: Float32Array | Int32Array }>();
  for (const [name, entry] of Object.entries<{ dtype: string; shape: number[]; data_offsets: number[] }>(
    entries,
  )) {
    const [from, to] = entry.data_offsets;
    const { buffer } = new Uint8Array(bytes.subarray(start + from, start + to));
    const values = entry.dtype === "I32" ? new Int32Array(buffer) : new Float32Array(buffer);
    tensors.set(name, { shape: entry.shape, values });
  }
  return { metadata, tensors };
}

const tokens = golden.numbers("seq1/tokens");
const prompt = ["forward", fixture, "--prompt-ids", tokens.join()];

test("saves what the released code computed", async () => {
  const out = `${scratch}/all.safetensors`;
  const result = await json(...prompt, "--out", out, "--record", "*", "--kernels", "simd");
  const { tensors, metadata } = readFile(out);
  expect(metadata.producer).toMatch(/^sparselens \d/);
  expect([...tensors.get("tokens")!.values]).toEqual(tokens);
  expect(distance(tensors.get("logits")!.values, golden.numbers("seq1/logits"))).toBeLessThan(5e-5);
  for (const point of golden.hooks) {
    const { shape, values } = tensors.get(point)!;
    expect(shape, point).toEqual(golden.shape(`seq1/acts/${point}`));
    expect(distance(values, golden.numbers(`seq1/acts/${point}`)), point).toBeLessThan(5e-4);
  }
  expect(Object.keys(result.tensors).sort()).toEqual([...tensors.keys()].sort());
  expect(result).toMatchObject({
    ...{ model: fixture, promptTokens: tokens, out, kernels: "simd" },
    tensors: { logits: { dtype: "F32", shape: [tokens.length, 80] } },
    timing: { loadMilliseconds: expect.any(Number), forwardMilliseconds: expect.any(Number) },
  });
});

test("the most probable next tokens are those of the last position", async () => {
  const { next } = await json(...prompt, "--out", `${scratch}/next.safetensors`);
  const logits = golden.numbers("seq1/logits").slice(-80);
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
  const expected = logits
    .map((logit, token) => ({ token, probability: Math.exp(logit) / total }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, 10);
  expect(next.map(({ token }: { token: number }) => token)).toEqual(expected.map(({ token }) => token));
  for (const [index, { probability }] of expected.entries())
    expect(next[index].probability).toBeCloseTo(probability, 4);
});

test("--ablate does what the released code does", async () => {
  const plans = golden.interventions.filter(({ ops }) => ops.every(({ kind }) => kind === "zero"));
  expect(plans.length).toBeGreaterThan(0);
  for (const { name, seq, ops } of plans) {
    const out = `${scratch}/ablated.safetensors`;
    const ablations = ops.flatMap(({ hook, channels }) => ["--ablate", `${hook}:${channels}`]);
    const ids = golden.numbers(`seq${seq}/tokens`).join();
    await json("forward", fixture, "--prompt-ids", ids, "--out", out, ...ablations, "--kernels", "simd");
    const { values } = readFile(out).tensors.get("logits")!;
    expect(distance(values, golden.numbers(`interv/${name}/logits`)), name).toBeLessThan(5e-5);
  }
});

test("a summary for people", async () => {
  const out = `${scratch}/summary.safetensors`;
  const text = await output(
    "forward",
    modelWithTokenizer(),
    "--prompt",
    "ABC=1",
    "--out",
    out,
    "--record",
    "/post_act$/",
  );
  expect(text).toMatch(/^token +probability +logit$/m);
  expect(text).toMatch(/^ +\d+ +[\d.]+ % +-?\d+\.\d{3} {2}"/m);
  expect(text).toMatch(/^1\.mlp\.post_act +F32 +\[5, 112\]$/m);
  expect([...readFile(out).tensors.keys()].sort()).toEqual([
    "0.mlp.post_act",
    "1.mlp.post_act",
    "logits",
    "tokens",
  ]);
});

test("a failure leaves nothing behind", async () => {
  const empty = scratchDirectory();
  const out = ["--out", `${empty}/x.safetensors`];
  expect(await failure(1, ...prompt, ...out, "--record", "nothing")).toContain(
    "nothing matches no hook point",
  );
  expect(await failure(1, ...prompt, ...out, "--ablate", "0.attn.q:9999")).toContain(
    "0.attn.q:9999 does not exist",
  );
  const tooLong = Array.from({ length: 23 }, () => 1).join();
  expect(await failure(1, "forward", fixture, "--prompt-ids", tooLong, ...out)).toContain("block_size is 22");
  expect(await failure(1, ...prompt, "--out", `${empty}/no/x.safetensors`)).toContain(
    "there is no directory",
  );
  expect(await failure(1, ...prompt, "--out", empty)).toContain("it is a directory");
  expect(readdirSync(empty)).toEqual([]);
});
