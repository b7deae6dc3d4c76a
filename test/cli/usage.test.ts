import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { failure, fixture, output, root } from "./run.js";

const commands = [
  "generate",
  "forward",
  "info",
  "convert",
  "tokenize",
  "eval",
  "tasks",
  "trace",
  "explore",
  "export",
  "bench",
  "start",
];

test("the help is short and names every command", async () => {
  const help = await output("--help");
  for (const command of commands) expect(help).toMatch(new RegExp(`^  ${command} `, "m"));
  expect(help.match(/^ {2}\$ sparselens /gm)).toHaveLength(2);
  expect(help.split("\n").length).toBeLessThan(50);
});

test.each(commands)("%s --help has an example", async (command) => {
  const help = await output(command, "--help");
  expect(help).toContain(`Usage: sparselens ${command}`);
  expect(help).toContain(`  $ sparselens ${command}`);
});

test("--version", async () => {
  const { version } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
  expect(await output("--version")).toBe(`${version}\n`);
});

describe("wrong usage is exit code 2", () => {
  const prompt = ["--prompt-ids", "1,2"];
  test.each([
    [["dance"], "unknown command 'dance'"],
    [["generate"], "missing required argument 'model'"],
    [["generate", fixture], "there is no prompt"],
    [["forward", fixture, "--out", "x.safetensors"], "there is no prompt"],
    [["forward", fixture, ...prompt], "required option '-o, --out <file>' not specified"],
    [["generate", fixture, ...prompt, "--prompt", "A"], "cannot be used with option '--prompt-ids <ids>'"],
    [
      ["generate", fixture, ...prompt, "--prompt-file", "x"],
      "cannot be used with option '--prompt-ids <ids>'",
    ],
    [
      ["generate", fixture, "--prompt", "A", "--prompt-file", "x"],
      "cannot be used with option '--prompt-file",
    ],
    [["generate", fixture, "--prompt-ids", "1,two"], "token ids with commas between them"],
    [["generate", fixture, "--prompt-ids", "1,-2"], "token ids with commas between them"],
    [["generate", fixture, ...prompt, "--temperature", "warm"], "--temperature <number>"],
    [["generate", fixture, ...prompt, "--temperature", "0"], "a number greater than 0"],
    [["generate", fixture, ...prompt, "--top-p", "1.5"], "a number from 0 to 1"],
    [["generate", fixture, ...prompt, "--max-new-tokens", "0"], "an integer from 1"],
    [["generate", fixture, ...prompt, "--seed", "1.5"], "an integer from 0"],
    [["generate", fixture, ...prompt, "--threads", "none"], "--threads <number>"],
    [["generate", fixture, ...prompt, "--kernels", "cuda"], "Allowed choices are auto, plain, simd, fma"],
    [["generate", fixture, ...prompt, "--ablate", "0.mlp.post_act:x"], '"x" is neither a channel'],
    [["generate", fixture, ...prompt, "--ablate", "0.mlp.post_act=much"], '"much" is not a number'],
    [["generate", fixture, ...prompt, "--dance"], "unknown option '--dance'"],
    [["generate", fixture, "another", ...prompt], "too many arguments"],
    [["forward", fixture, ...prompt, "--out", "x", "--record", "/(/"], "Invalid regular expression"],
    [["convert", fixture, "--to", "gguf", "--out", "x"], "Allowed choices are sparselens, huggingface, blob"],
    [["convert", fixture, "--to", "blob"], "required option '-o, --out <directory>' not specified"],
    [["tokenize", fixture], "give one of TEXT, --file and --decode"],
    [["tokenize", fixture, "A", "--decode", "1"], "give one of TEXT, --file and --decode"],
  ])("%j", async (args, message) => {
    expect(await failure(2, ...args)).toContain(message);
  });
});

describe("what cannot be done is exit code 1", () => {
  const prompt = ["--prompt-ids", "1,2"];
  test.each([
    [["generate", "no/such/model.pt", ...prompt], "no/such/model.pt is not a file or directory here"],
    [["info", "no/such/model.pt"], "no/such/model.pt is not a file or directory here"],
    [["info", `${root}test`], "holds no model"],
    [["info", `${root}package.json`], "is not a weights file"],
    [["generate", fixture, "--prompt", "A"], "came without a tokenizer"],
    [["tokenize", fixture, "A"], "came without a tokenizer"],
    [["generate", fixture, "--prompt-file", "no/such/file"], "Cannot open no/such/file: it does not exist"],
    [["generate", fixture, "--prompt-ids", "1,80"], "Token 80 at position 1 of the prompt"],
    [["generate", fixture, ...prompt, "--ablate", "2.mlp.post_act"], "2.mlp.post_act matches no hook point"],
    [["generate", fixture, ...prompt, "--ablate", "0.mlp.post_act:112"], "0.mlp.post_act:112 does not exist"],
    [["generate", fixture, ...prompt, "--stop", "A"], "stop strings need a tokenizer"],
    [["generate", fixture, ...prompt, "--threads", "257"], "between 1 and 256"],
  ])("%j", async (args, message) => {
    expect(await failure(1, ...args)).toContain(message);
  });
});
