import { execFile } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Browser } from "playwright-core";
import { build as buildWithRolldown } from "rolldown";
import { build as buildWithVite, createServer } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chromiumPath, launchChromium } from "../support/chromium.js";
import { readGolden } from "../support/fixtures.js";
import { distance } from "../support/golden.js";
import { LOGIT_TOLERANCE } from "../support/parity.js";
import { startWebServer } from "../support/web-server.js";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
const fixture = `${root}test/fixtures/15_odd_dims`;
const golden = readGolden(fixture);
const tokens = golden.numbers("seq1/tokens");

/** A project that has installed the package, from the archive that would be published. */
let project: string;
let packed: string[];

beforeAll(async () => {
  project = mkdtempSync(`${tmpdir()}/sparselens-package-`);
  const installed = `${project}/node_modules/sparselens`;
  mkdirSync(installed, { recursive: true });
  const pack = ["pack", "--ignore-scripts", "--json", "--pack-destination", project];
  const [archive] = JSON.parse((await run("npm", pack, { cwd: root })).stdout);
  packed = archive.files.map(({ path }: { path: string }) => path);
  await run("tar", ["-xzf", `${project}/${archive.filename}`, "-C", installed, "--strip-components=1"]);
  for (const name of [...Object.keys(manifest().dependencies), "@types/node"]) link(name);
  write("package.json", JSON.stringify({ name: "consumer", private: true, type: "module" }));
}, 60_000);

afterAll(() => rmSync(project, { recursive: true, force: true }));

function manifest() {
  return JSON.parse(readFileSync(`${project}/node_modules/sparselens/package.json`, "utf8"));
}

function link(name: string): void {
  const path = `${project}/node_modules/${name}`;
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(`${root}node_modules/${name}`, path);
}

function write(path: string, text: string): void {
  mkdirSync(dirname(`${project}/${path}`), { recursive: true });
  writeFileSync(`${project}/${path}`, text);
}

describe("the archive", () => {
  it("holds what was built, models and documents, and nothing else", () => {
    expect(packed).toContain("dist/node/index.js");
    expect(packed).toContain("dist/browser/worker.js");
    expect(packed).toContain("LICENSE");
    expect(packed).toContain("dist/web/index.html");
    const allowed =
      /^(dist\/(node|browser)\/[\w-]+(\.js|\.d\.ts)|dist\/(browser|web)\/third-party-licences\.txt|dist\/web\/(index\.html|assets\/[\w.-]+\.(js|css))|models\/.+|docs\/.+\.(md|svg)|docs\/circuits\/[\w-]+\.json|[A-Z]+(\.md)?|package\.json)$/;
    expect(packed.filter((path) => !allowed.test(path))).toEqual([]);
  });

  it("has the licences of all that is bundled for browsers", () => {
    const bundle = `${project}/node_modules/sparselens/dist/browser`;
    const sources = readdirSync(bundle)
      .filter((name) => /\.(js|d\.ts)$/.test(name))
      .map((name) => readFileSync(`${bundle}/${name}`, "utf8"));
    const regions = sources.join("\n").matchAll(/^\/\/#region .*node_modules\/((?:@[^/]+\/)?[^/]+)/gm);
    const bundled = new Set(Array.from(regions, ([, name]) => name));
    expect(bundled).toContain("hyparquet");
    const notices = readFileSync(`${bundle}/third-party-licences.txt`, "utf8").split(/^## /m).slice(1);
    expect(new Set(notices.map((notice) => notice.slice(0, notice.indexOf(" "))))).toEqual(bundled);
    for (const notice of notices) expect(notice).toMatch(/Permission is hereby granted|Apache License/);
  });

  it("has every file that its manifest points to", () => {
    const { exports, bin, files } = manifest();
    const targets = [...JSON.stringify({ exports, bin }).matchAll(/"\.\/([^"]+)"/g)].map(([, path]) => path);
    expect(targets.length).toBeGreaterThan(4);
    const included = files.filter((path: string) => !path.startsWith("!"));
    for (const path of [...targets.filter((path) => path.includes(".")), ...included]) {
      expect(existsSync(`${project}/node_modules/sparselens/${path}`), path).toBe(true);
    }
  });
});

describe("in Node", () => {
  it("computes, and lets a program end that disposes of nothing", async () => {
    write(
      "forward.js",
      `import { loadModel } from "sparselens";
       const model = await loadModel(process.argv[2], { threads: 2 });
       const { logits } = await model.forward(${JSON.stringify(tokens)});
       console.log(JSON.stringify([...logits.data]));`,
    );
    const { stdout } = await run(process.execPath, ["forward.js", fixture], { cwd: project });
    expect(distance(JSON.parse(stdout), golden.numbers("seq1/logits"))).toBeLessThan(LOGIT_TOLERANCE);
  });

  it("has the command", async () => {
    const command = `node_modules/sparselens/${manifest().bin.sparselens}`;
    const { stdout } = await run(`${project}/${command}`, ["info", fixture, "--json"], { cwd: project });
    expect(JSON.parse(stdout)).toBeTypeOf("object");
  });
});

describe("types", () => {
  const consumer = `
    import { loadModel, SparseLensError, type ForwardOutput, type Model, type Tensor } from "sparselens";
    export async function main(source: string | File[]): Promise<Float32Array> {
      const model: Model = await loadModel(source, { threads: 2, signal: AbortSignal.timeout(1000) });
      const one: ForwardOutput<Tensor> = await model.forward([1, 2], { record: /mlp/ });
      const many: ForwardOutput<Tensor[]> = await model.forward([[1, 2], [3]]);
      for await (const piece of model.stream("def ", { maxNewTokens: 3 })) piece.trim();
      // @ts-expect-error: a number
      const text: string = model.threads;
      // @ts-expect-error: not an option
      await model.generate("", { maxNewToken: 3 });
      if (text === undefined) throw new SparseLensError(String(many.logits[0].shape[0]));
      return one.logits.data;
    }`;

  it.each([
    { module: "nodenext", moduleResolution: "nodenext", types: ["node"] },
    { module: "esnext", moduleResolution: "bundler", types: [], lib: ["ES2022", "DOM", "DOM.Iterable"] },
  ])("are found with moduleResolution $moduleResolution", async (options) => {
    const directory = `types-${options.moduleResolution}`;
    write(`${directory}/consumer.ts`, consumer);
    const compilerOptions = { target: "es2022", strict: true, noEmit: true, ...options };
    write(`${directory}/tsconfig.json`, JSON.stringify({ compilerOptions }));
    const compiler = `${root}node_modules/typescript/bin/tsc`;
    const failure = await run(process.execPath, [compiler, "-p", `${project}/${directory}`]).catch(
      ({ stdout, stderr }) => stdout + stderr,
    );
    expect(failure).toEqual({ stdout: "", stderr: "" });
  });
});

describe("bundled for browsers", () => {
  let browser: Browser | undefined;
  beforeAll(async () => {
    const script = `
      import { loadModel } from "sparselens";
      globalThis.forward = async (address, tokens) => {
        const model = await loadModel(new URL(address, location.href).href);
        const { logits } = await model.forward(tokens);
        await model.dispose();
        return { logits: [...logits.data], threads: model.threads };
      };`;
    const page = `<!doctype html><script type="module" src="./main.js"></script>`;
    for (const bundler of ["vite", "vite-server", "rolldown"]) {
      write(`${bundler}/main.js`, script);
      write(`${bundler}/index.html`, page);
    }
    if (chromiumPath) browser = await launchChromium();
  });
  afterAll(() => browser?.close());

  async function check(origin: string): Promise<void> {
    const page = await browser!.newPage();
    await page.goto(`${origin}/index.html`);
    await page.waitForFunction("globalThis.forward");
    const call = `forward("/models/15_odd_dims", ${JSON.stringify(tokens)})`;
    const { logits, threads } = await page.evaluate<{ logits: number[]; threads: number }>(call);
    expect(distance(logits, golden.numbers("seq1/logits"))).toBeLessThan(LOGIT_TOLERANCE);
    expect(threads > 1).toBe((await page.evaluate("navigator.hardwareConcurrency")) !== 1);
    await page.close();
  }

  async function checkFiles(directory: string): Promise<void> {
    if (!browser) return;
    const mounts = { "/models/": `${root}test/fixtures/`, "/": `${directory}/` };
    const server = await startWebServer({ mounts, isolated: true });
    try {
      await check(server.origin);
    } finally {
      await server.close();
    }
  }

  it("by Vite", async () => {
    const outDir = `${project}/vite/dist`;
    await buildWithVite({
      root: `${project}/vite`,
      configFile: false,
      logLevel: "error",
      build: { outDir },
    });
    await checkFiles(outDir);
  });

  it("by Rolldown", async () => {
    const outDir = `${project}/rolldown/dist`;
    await buildWithRolldown({
      input: `${project}/rolldown/main.js`,
      platform: "browser",
      experimental: { resolveNewUrlToAsset: true },
      output: { dir: outDir },
    });
    write("rolldown/dist/index.html", readFileSync(`${project}/rolldown/index.html`, "utf8"));
    await checkFiles(outDir);
  });

  it.skipIf(!chromiumPath)("by Vite's development server", async () => {
    symlinkSync(`${root}test/fixtures`, `${project}/vite-server/models`);
    const server = await createServer({
      root: `${project}/vite-server`,
      configFile: false,
      logLevel: "error",
      server: {
        host: "127.0.0.1",
        port: 0,
        fs: { strict: false },
        headers: {
          "Cross-Origin-Opener-Policy": "same-origin",
          "Cross-Origin-Embedder-Policy": "require-corp",
        },
      },
    });
    try {
      await server.listen();
      const address = server.httpServer!.address();
      await check(`http://127.0.0.1:${(address as { port: number }).port}`);
    } finally {
      await server.close();
    }
  });
});
