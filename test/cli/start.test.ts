import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { writePages } from "../support/explorer-pages.js";
import { json, output, root, scratchDirectory } from "./run.js";

const prompt = `class Account:
    def __init__(self, owner, balance):
`;

// Two threads each, while other tests have two.
const patience = { timeout: 120_000 };

test("start completes the example and says what the model is", patience, async () => {
  const text = await output("start");
  const sampled = ["--temperature", "0.8", "--top-p", "0.95", "--seed", "6", "--kernels", "simd"];
  const expected = await json(
    "generate",
    "default",
    "--prompt",
    prompt,
    "--max-new-tokens",
    "128",
    ...sampled,
  );
  expect(expected.text).not.toBe("");
  expect(text.startsWith(prompt + expected.text)).toBe(true);
  const { parameters, nonzeros } = await json("info", "default");
  const summary = text.slice(prompt.length + expected.text.length);
  expect(summary).toContain("trained on a narrow");
  expect(summary).toContain(`${parameters.toLocaleString("en-US")} parameters`);
  expect(summary).toContain(`${nonzeros.toLocaleString("en-US")} (`);
  expect(summary).toContain("seed 6: picked because its text parses");
  expect(summary).toMatch(/\d tokens\/s, \w+ kernels, threads: \d/);
});

test("without arguments it is start; --json prints one object", patience, async () => {
  const [first, second] = [await output(), await json("start")];
  expect(first.startsWith(prompt + second.text)).toBe(true);
  expect(second.prompt).toBe(prompt);
  expect(second.parameters).toBeGreaterThan(second.nonzeros);
});

const hasScript = await promisify(execFile)("script", ["--version"]).then(
  () => true,
  () => false,
);
if (!hasScript) console.warn("The test of start on a terminal is skipped: there is no script (util-linux).");

test.skipIf(!hasScript)(
  "on a terminal it then serves the explorer, until Ctrl-C",
  async () => {
    const pages = writePages(`${scratchDirectory()}/pages`);
    // A shell that waited for it would die of Ctrl-C itself.
    const command = `exec "${process.execPath}" "${root}dist/node/cli.js" start --pages "${pages}"`;
    const terminal = spawn("script", ["-qec", command, "/dev/null"], { stdio: ["pipe", "pipe", "inherit"] });
    try {
      let shown = "";
      terminal.stdout.setEncoding("utf8");
      for await (const text of terminal.stdout.iterator({ destroyOnReturn: false })) {
        shown += text;
        if (shown.includes("Ctrl-C")) break;
      }
      expect(shown).toContain("seed 6");
      const [url] = /http:\/\/127\.0\.0\.1:\d+\//.exec(shown)!;
      const catalogue = await (await fetch(`${url}catalogue.json`)).json();
      expect(catalogue.models[0].id).toBe("default");
      const ended = once(terminal, "exit");
      terminal.stdin.write("\x03");
      expect((await ended)[0]).toBe(0);
    } finally {
      terminal.kill("SIGKILL");
    }
  },
  60_000,
);
