import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, describe, expect, test } from "vitest";
import { SparseLensError } from "../../src/errors.js";
import { type LocalFiles, requireLocalFiles } from "../../src/io/local-files.js";
import {
  checkpointSteps,
  loadNewestCheckpoint,
  saveCheckpoint,
  type TrainingCheckpoint,
} from "../../src/training/checkpoint.js";

const scratch = mkdtempSync(`${tmpdir()}/sparselens-checkpoint-`);
afterAll(() => rmSync(scratch, { recursive: true }));
let made = 0;
const newDirectory = () => `${scratch}/${made++}`;
const files = requireLocalFiles("The test");

/** With bits that only an exact copy keeps. */
function checkpointAt(step: number): TrainingCheckpoint {
  const weights = new Float32Array([step, -0, 1e-42, 3.4e38, 0.1, -7]);
  return {
    trainer: {
      step,
      tensors: new Map([
        ["a.weight", weights],
        ["adam_v/a.weight", weights.map((value) => value * value + 1e-30)],
        ["empty", new Float32Array(0)],
      ]),
      numbers: { ratio: 0.1 + 0.2 },
    },
    run: {
      ...{ kernels: "simd", trainingSeconds: 12.25, lossSum: 1 / 3, lossSteps: 7 },
      ...{ learning_rate: 0.008, density: 0.5, gradient_rms: 1e-3 },
    },
  };
}
const load = (directory: string, warnings: string[] = []) =>
  loadNewestCheckpoint(files, directory, (problem) => void warnings.push(problem));

test("is read back bit for bit", async () => {
  const directory = newDirectory();
  const checkpoint = checkpointAt(3);
  const shapes = (name: string) => (name === "a.weight" ? [2, 3] : undefined);
  await saveCheckpoint(files, directory, checkpoint, { keep: 2, shapes });
  const loaded = await load(directory);
  expect(loaded.run).toEqual(checkpoint.run);
  expect(loaded.trainer.numbers).toEqual(checkpoint.trainer.numbers);
  expect([...loaded.trainer.tensors.keys()].sort()).toEqual([...checkpoint.trainer.tensors.keys()].sort());
  for (const [name, data] of checkpoint.trainer.tensors) {
    const bits = (values: Float32Array) => [
      ...new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
    ];
    expect(bits(loaded.trainer.tensors.get(name)!)).toEqual(bits(data));
  }
  expect(readFileSync(`${directory}/step-000003/state.safetensors`, "latin1")).toContain('"shape":[2,3]');
});

test("the newest stay, by their steps and not by their names", async () => {
  const directory = newDirectory();
  for (const step of [999_999, 5, 1_000_000, 1_000_001]) {
    await saveCheckpoint(files, directory, checkpointAt(step), { keep: 3 });
  }
  expect(await checkpointSteps(files, directory)).toEqual([1_000_001, 1_000_000, 999_999]);
  expect((await load(directory)).trainer.step).toBe(1_000_001);
});

describe("damage", () => {
  test.each<[string, (path: string) => void, RegExp]>([
    [
      "a flipped bit",
      (path) => flip(`${path}/state.safetensors`),
      /state\.safetensors is damaged: its SHA-256/,
    ],
    ["a truncated file", (path) => truncateSync(`${path}/state.safetensors`, 40), /is damaged/],
    ["a missing file", (path) => rmSync(`${path}/state.safetensors`), /it does not exist/],
    [
      "a description that is cut off",
      (path) => truncateSync(`${path}/checkpoint.json`, 20),
      /not valid JSON/,
    ],
    [
      "another version",
      (path) => writeFileSync(`${path}/checkpoint.json`, '{"format_version": 9}'),
      /format_version 9/,
    ],
  ])("%s: the one before is taken", async (_, damage, message) => {
    const directory = newDirectory();
    for (const step of [1, 2]) await saveCheckpoint(files, directory, checkpointAt(step), { keep: 2 });
    damage(`${directory}/step-000002`);
    const warnings: string[] = [];
    expect((await load(directory, warnings)).trainer.step).toBe(1);
    expect(warnings).toEqual([expect.stringMatching(message)]);
    damage(`${directory}/step-000001`);
    await expect(load(directory)).rejects.toThrow(/no checkpoint that can be read/);
  });

  test("one that is not complete does not count, and the next replaces it", async () => {
    const directory = newDirectory();
    mkdirSync(`${directory}/step-000002.partial`, { recursive: true });
    writeFileSync(`${directory}/step-000002.partial/state.safetensors`, "half");
    expect(await checkpointSteps(files, directory)).toEqual([]);
    await saveCheckpoint(files, directory, checkpointAt(2), { keep: 2 });
    expect(readdirSync(directory)).toEqual(["step-000002"]);
  });

  function flip(path: string): void {
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] ^= 0x10;
    writeFileSync(path, bytes);
  }
});

test("a full disk: nothing of the new one is left, the one before is whole", async () => {
  const directory = newDirectory();
  await saveCheckpoint(files, directory, checkpointAt(1), { keep: 1 });
  const full: LocalFiles = {
    ...files,
    create: async (path) => {
      const file = await files.create(path);
      // The device that is always full, where there is one, says how the system puts it.
      const device = await files.create("/dev/full").catch(() => null);
      let written = 0;
      return {
        async write(bytes) {
          if (written++ === 0) return await file.write(bytes);
          if (device) await device.write(bytes);
          throw new SparseLensError(`Cannot write ${path}: no space left on the device.`);
        },
        async close() {
          await device?.close();
          await file.close();
        },
      };
    },
  };
  const saving = saveCheckpoint(full, directory, checkpointAt(2), { keep: 1 });
  await expect(saving).rejects.toThrow(/^Cannot write .*: no space left on the device\.$/);
  await expect(saving).rejects.toBeInstanceOf(SparseLensError);
  expect(readdirSync(directory)).toEqual(["step-000001"]);
  expect((await load(directory)).trainer.step).toBe(1);
});
