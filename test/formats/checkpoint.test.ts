import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../../src/formats/checkpoint.js";
import { toDense } from "../../src/formats/sparse-builder.js";
import { resolveSource } from "../../src/io/source.js";
import { allFixtures, committedFixtures, plainSafetensors, referenceModel } from "./fixture-files.js";

/** Whether two arrays consist of the same bytes. */
function isSame(a: Uint8Array | Float32Array, b: Uint8Array | Float32Array): boolean {
  return Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(
    Buffer.from(b.buffer, b.byteOffset, b.byteLength),
  );
}

const directories = [committedFixtures, allFixtures]
  .filter((path) => path !== null)
  .flatMap((path) =>
    readdirSync(path)
      .filter((name) => /^\d/.test(name))
      .map((name) => `${path}/${name}`),
  );

describe.each(directories)("%s", (directory) => {
  test.each(["final_model.pt", "model.safetensors"])("%s holds the tensors, bit for bit", async (weights) => {
    const expected = plainSafetensors(`${directory}/model.safetensors`);
    const checkpoint = await openCheckpoint(await resolveSource(`${directory}/${weights}`));
    expect(checkpoint.layout).toBe("blob");
    expect([...checkpoint.tensors.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [name, tensor] of checkpoint.tensors) {
      const { dtype, shape, bytes } = expected.get(name)!;
      expect([tensor.dtype, tensor.shape]).toEqual([dtype, shape]);
      expect(Buffer.from(await tensor.readBytes()).equals(bytes), name).toBe(true);
      const dense = await tensor.readDense();
      if (dtype === "F32") expect(isSame(dense, bytes)).toBe(true);
      const unsigned = dense.map((value) => value || 0);
      if (shape.length === 2) expect(isSame(toDense(await tensor.readSparse()), unsigned)).toBe(true);
    }
    await checkpoint.close();
  });
});

test.skipIf(!referenceModel)("a Hugging Face snapshot and the blob layout hold the same model", async () => {
  const [hf, blob] = await Promise.all(
    ["hf", "blob"].map(
      async (layout) => await openCheckpoint(await resolveSource(`${referenceModel}/${layout}`)),
    ),
  );
  expect([hf.layout, blob.layout]).toEqual(["huggingface", "blob"]);
  expect([...hf.tensors.keys()].sort()).toEqual([...blob.tensors.keys()].sort());
  for (const [name, tensor] of hf.tensors) {
    expect(isSame(await tensor.readDense(), await blob.tensors.get(name)!.readDense()), name).toBe(true);
  }
  expect(hf.tokenizer?.tokenizerJson).toBeDefined();
  expect(Object.keys(blob.tokenizer!.vocabulary!)).toHaveLength(768);
  await Promise.all([hf.close(), blob.close()]);
});
