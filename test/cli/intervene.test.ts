import { expect, test } from "vitest";
import { trainedModel } from "../support/trained-model.js";
import { failure, json, output, scratchDirectory } from "./run.js";

const scratch = scratchDirectory();
const task = ["--task", "if_equals", "--pairs", "8"];

test("intervene measures a task before and after", async () => {
  const given = ["intervene", trainedModel, ...task, "--exchange", "final_resid", "--at", "last"];
  const effect = await json(...given);
  expect(effect).toMatchObject({ task: "if_equals", split: "report", pairs: 8 });
  expect(effect.differenceLeft).toBeCloseTo(-1, 3);
  const text = await output(...given);
  expect(text).toMatch(/^if_equals, 8 pairs$/m);
  expect(text).toMatch(/^before +0\.\d{4} +\d+(\.\d)? % +\+\d/m);
  expect(text).toContain("left of the difference between the sides: -1.000");
  const ablated = await json("intervene", trainedModel, ...task, "--ablate", "final_resid");
  expect(ablated.differenceLeft).toBeCloseTo(0, 3);
});

test("intervene says what it cannot do", async () => {
  expect(await failure(1, "intervene", trainedModel, ...task)).toContain("--ablate or --exchange");
  expect(await failure(1, "intervene", trainedModel, ...task, "--exchange", "7.attn.y")).toContain(
    "matches no hook point",
  );
  expect(await failure(1, "intervene", trainedModel, ...task, "--exchange", "final_resid:4096")).toContain(
    "has the channels 0 to",
  );
  expect(
    await failure(2, "intervene", trainedModel, ...task, "--exchange", "final_resid", "--at", "first"),
  ).toContain("Allowed choices are all, differing, last");
});

test("forward shows what the last token attends to", async () => {
  const given = ["forward", trainedModel, "--prompt", "x = y", "--out", `${scratch}/x.safetensors`];
  const { attention } = await json(...given, "--attention", "0.1", "--attention", "1.0");
  expect(attention.map(({ layer, head }: { layer: number; head: number }) => [layer, head])).toEqual([
    [0, 1],
    [1, 0],
  ]);
  for (const { weights, sink } of attention) {
    expect(weights.reduce((sum: number, weight: number) => sum + weight, sink)).toBeCloseTo(1, 6);
  }
  expect(await output(...given, "--attention", "0.1")).toMatch(
    /^The last token through head 0\.1; to its sink [\d.]+ %:$/m,
  );
  expect(await failure(1, ...given, "--attention", "0.99")).toContain("There is no head 0.99");
  expect(await failure(2, ...given, "--attention", "first")).toContain("is not a head");
});
