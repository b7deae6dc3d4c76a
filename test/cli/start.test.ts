import { expect, test } from "vitest";
import { json, output } from "./run.js";

const prompt = `def square_sum(xs):
    return sum(x * x for x in xs)

square_sum([1, 2, 3])
`;

test("start completes the example and says what the model is", async () => {
  const text = await output("start");
  const sampled = ["--temperature", "0.8", "--top-p", "0.95", "--seed", "82", "--kernels", "simd"];
  const expected = await json(
    "generate",
    "default",
    "--prompt",
    prompt,
    "--max-new-tokens",
    "64",
    ...sampled,
  );
  expect(expected.text).not.toBe("");
  expect(text.startsWith(prompt + expected.text)).toBe(true);
  const { parameters, nonzeros } = await json("info", "default");
  const summary = text.slice(prompt.length + expected.text.length);
  expect(summary).toContain("trained on a narrow");
  expect(summary).toContain(`${parameters.toLocaleString("en-US")} parameters`);
  expect(summary).toContain(`${nonzeros.toLocaleString("en-US")} (`);
  expect(summary).toContain("seed 82: picked because its text parses");
  expect(summary).toMatch(/\d tokens\/s, \w+ kernels, threads: \d/);
});
