import { writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  failure,
  fixture,
  golden,
  json,
  modelWithTokenizer,
  output,
  runWithInput,
  scratchDirectory,
  start,
} from "./run.js";

const model = modelWithTokenizer();
const scratch = scratchDirectory();

describe("token ids", () => {
  const prompt = golden.numbers("seq1/tokens");
  const expected = golden.numbers("seq1/greedy24").slice(prompt.length);
  const args = ["generate", fixture, "--prompt-ids", prompt.join(), "--max-new-tokens", "24"];

  test("--json: the released code's greedy tokens, and what they took", async () => {
    const result = await json(...args, "--threads", "2", "--kernels", "simd");
    expect(result).toEqual({
      model: fixture,
      promptTokens: prompt,
      tokens: expected,
      text: "",
      finishReason: "length",
      timing: {
        loadMilliseconds: expect.any(Number),
        promptMilliseconds: expect.any(Number),
        decodeMilliseconds: expect.any(Number),
        tokensPerSecond: expect.any(Number),
      },
      threads: 2,
      kernels: "simd",
    });
    for (const milliseconds of Object.values(result.timing)) expect(milliseconds).toBeGreaterThan(0);
  });

  test("a model without a tokenizer prints ids", async () => {
    expect(await output(...args)).toBe(`${expected.join(",")}\n`);
  });

  test("--overflow stop ends at the longest sequence", async () => {
    const { tokens, finishReason } = await json(...args, "--overflow", "stop");
    expect(finishReason).toBe("block-size");
    expect(tokens).toEqual(expected.slice(0, tokens.length));
    expect(tokens.length).toBeLessThan(24);
  });

  test("--ablate changes what is computed", async () => {
    const ablated = await json(
      ...args,
      "--ablate",
      "*.mlp.post_act",
      "--ablate",
      "0.attn.resid_delta:0-63=0.5",
    );
    expect(ablated.tokens).not.toEqual(expected);
    const harmless = await json(
      ...args,
      "--ablate",
      "1.attn.resid_delta:3-3,3=0",
      "--ablate",
      "*.resid_in:0=0",
    );
    expect(harmless.tokens).toHaveLength(24);
  });
});

describe("text", () => {
  test("stdout is exactly the text; a prompt from an argument, a file or stdin is the same", async () => {
    const args = ["generate", model, "--max-new-tokens", "12"];
    const expected = await json(...args, "--prompt", "ABC=1");
    expect(expected.text).not.toBe("");
    writeFileSync(`${scratch}/prompt.txt`, "ABC=1");
    expect(await output(...args, "--prompt", "ABC=1")).toBe(expected.text);
    expect(await output(...args, "--prompt-file", `${scratch}/prompt.txt`)).toBe(expected.text);
    expect(await output(...args, "--escapes", "--prompt", "A\\x42C=\\u0031")).toBe(expected.text);
    expect(await output(...args, "--prompt-ids", expected.promptTokens.join())).toBe(expected.text);
    const piped = await runWithInput("ABC=1", ...args, "--prompt-file", "-");
    expect(piped).toEqual({ code: 0, stdout: expected.text, stderr: "" });
  });

  test("a backslash is a backslash, except with --escapes", async () => {
    const args = ["generate", model, "--max-new-tokens", "1", "--prompt", "A\\\\B"];
    const plain = await json(...args);
    const escaped = await json(...args, "--escapes");
    expect(plain.promptTokens).toHaveLength(4);
    expect(escaped.promptTokens).toHaveLength(3);
    expect(await failure(1, "generate", model, "-e", "--prompt", "A\\q")).toContain(
      "\\q is no escape sequence",
    );
  });

  test("--stop", async () => {
    const args = ["generate", model, "--prompt", "ABC=1", "--max-new-tokens", "12"];
    const { text } = await json(...args);
    const stopped = await json(...args, "--stop", "no such text~", "--stop", text.slice(2, 4));
    expect(stopped.finishReason).toBe("stop");
    expect(stopped.text).toBe(text.slice(0, text.indexOf(text.slice(2, 4)) + 2));
  });

  test("sampling goes by the seed, not by the number of threads", async () => {
    const args = ["generate", model, "--prompt", "ABC=1", "--max-new-tokens", "12", "--temperature", "3"];
    const sampled = await output(...args);
    expect(await output(...args, "--sample", "--seed", "0", "--threads", "1")).toBe(sampled);
    expect(await output(...args, "--seed", "7")).not.toBe(sampled);
  });

  test("each option of sampling implies it", async () => {
    const args = ["generate", model, "--prompt", "ABC=1", "--max-new-tokens", "12"];
    const greedy = await output(...args);
    const options = ["--temperature=3", "--top-p=0.99", "--top-k=5", "--min-p=0.01", "--seed=2", "--sample"];
    for (const option of options) expect(await output(...args, option), option).not.toBe(greedy);
    expect(await output(...args, "--top-k=1")).toBe(greedy);
  });
});

describe("ending early", () => {
  const endless = ["generate", model, "--prompt", "ABC=1", "--max-new-tokens", "1000000"];

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s ends the generation that it interrupts", async (signal, code) => {
    const { child, ended } = start(...endless);
    child.stdout.once("data", () => child.kill(signal));
    const result = await ended;
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code, stderr: "" });
    expect(result.stdout).not.toBe("");
  });

  test("a reader that goes away ends it quietly", async () => {
    const { child, ended } = start(...endless);
    child.stdout.once("data", () => child.stdout.destroy());
    const { code, stderr } = await ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });
});
