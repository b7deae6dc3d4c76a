import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { afterAll, expect } from "vitest";
import { Golden } from "../support/golden.js";

export const root = fileURLToPath(new URL("../../", import.meta.url));
const program = `${root}dist/node/cli.js`;
if (!existsSync(program)) throw new Error("The command line is not built: npm run build.");

export interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const guard = fileURLToPath(new URL("end-with-parent.js", import.meta.url));
const running = new Set<ChildProcessWithoutNullStreams>();
// A test that failed, or ran out of time, leaves its program running.
afterAll(() => {
  for (const child of running) child.kill("SIGKILL");
});

export function start(...args: string[]) {
  const env: NodeJS.ProcessEnv = { ...process.env, HF_HUB_OFFLINE: "1" };
  delete env.SPARSELENS_DEBUG;
  const child = spawn(process.execPath, ["--import", guard, program, ...args], {
    env,
    stdio: ["pipe", "pipe", "pipe", "ipc"],
  }) as ChildProcessWithoutNullStreams;
  running.add(child);
  child.on("exit", () => running.delete(child));
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
    });
  }
  const ended = new Promise<Result>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...output }));
  });
  return { child, ended };
}

export function run(...args: string[]): Promise<Result> {
  return runWithInput("", ...args);
}

export function runWithInput(input: string | Uint8Array, ...args: string[]): Promise<Result> {
  const { child, ended } = start(...args);
  // A program that fails early does not read it.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  return ended;
}

/** What a run that must succeed in silence printed. */
export async function output(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

/** The one object that a run with --json printed. */
// biome-ignore lint/suspicious/noExplicitAny: what it holds is what the tests are about
export async function json(...args: string[]): Promise<any> {
  const stdout = await output(...args, "--json");
  expect(stdout.indexOf("\n")).toBe(stdout.length - 1);
  return JSON.parse(stdout);
}

/** What a run that must fail said: for a person, without a stack trace, and nothing on stdout. */
export async function failure(code: number, ...args: string[]): Promise<string> {
  const result = await run(...args);
  expect(result.stderr).toMatch(/^error: /);
  expect(result.stderr).not.toMatch(/^\s+at /m);
  expect(result.stderr).not.toContain("SPARSELENS_DEBUG");
  expect({ code: result.code, stdout: result.stdout }).toEqual({ code, stdout: "" });
  return result.stderr;
}

export const fixture = `${root}test/fixtures/05_yolo2_like_d64`;

/** What the released code computed for it. */
export const golden = new Golden(
  readFileSync(`${fixture}/golden.json`, "utf8"),
  new Uint8Array(readFileSync(`${fixture}/golden.bin`)),
);

/** A directory that is gone after the tests of a file. */
export function scratchDirectory(): string {
  const directory = mkdtempSync(`${tmpdir()}/sparselens-cli-`);
  afterAll(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** The fixture with a tokenizer beside it. Its vocabulary is the first 80 tokens only: `!` to `p`. */
export function modelWithTokenizer(): string {
  const directory = scratchDirectory();
  for (const name of ["beeg_config.json", "model.safetensors"])
    copyFileSync(`${fixture}/${name}`, `${directory}/${name}`);
  copyFileSync(`${root}test/fixtures/tokenizer/tokenizer.json`, `${directory}/tokenizer.json`);
  return directory;
}
