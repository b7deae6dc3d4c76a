import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { formatCircuit } from "../../src/circuits/circuit.js";
import { readCircuit } from "../../src/circuits/read-circuit.js";
import { parseCatalogue } from "../../src/server/catalogue.js";
import { writePages } from "../support/explorer-pages.js";
import { failure, json, root, scratchDirectory } from "./run.js";

const scratch = scratchDirectory();
const pages = writePages(`${scratch}/pages`);
const viz = `${root}test/fixtures/viz`;

function write(path: string, text: string): void {
  mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  writeFileSync(path, text);
}

test("a run's model with everything that lies with it", async () => {
  const model = `${scratch}/run/model`;
  mkdirSync(`${model}/circuits`, { recursive: true });
  for (const name of readdirSync(`${viz}/model`)) copyFileSync(`${viz}/model/${name}`, `${model}/${name}`);
  const circuit = await readCircuit(`${viz}/32/viz_data.pt`, { task: "quotes" });
  const pruned = {
    ...circuit,
    edges_are: "pruned" as const,
    edges: circuit.edges.slice(1),
    edge_scores: null,
  };
  write(`${model}/circuits/quotes-0.15.json`, formatCircuit(circuit));
  write(`${model}/circuits/quotes-0.15-edges.json`, formatCircuit(pruned));
  write(`${model}/circuits/controls/a-task-without-meaning/quotes.json`, formatCircuit(circuit));
  write(`${model}/circuits/prune.json`, '{"model":{}}');
  write(`${model}/circuits/trials.jsonl`, "{}\n");
  const audit = (edges: number) =>
    JSON.stringify({
      ...{ format: "sparselens-audit", model: circuit.model, task: circuit.task },
      ...{ nodes: circuit.nodes.length, edges, target_loss: circuit.target_loss },
    });
  write(`${model}/audits/quotes-0.15/audit.json`, audit(circuit.edges.length));
  write(`${model}/circuits/quotes-0.15-edges.audit.json`, audit(pruned.edges.length));
  write(`${model}/README.md`, "Text.\n\n# A *small* model\n");
  write(`${model}/means-0123456789ab.safetensors`, "means");
  write(`${model}/documents.json`, "{}");
  write(`${scratch}/run/progress.json`, "{}\n");

  const out = `${scratch}/site`;
  const printed = await json("export", out, model, "--circuits", `${viz}/32`, "--pages", pages);
  const { models } = parseCatalogue(
    JSON.parse(readFileSync(`${out}/catalogue.json`, "utf8")),
    "catalogue.json",
  );
  const path = "models/run/";
  const sizes = { nodes: circuit.nodes.length, edges: circuit.edges.length };
  const one = { task: "quotes", target_loss: circuit.target_loss, ...sizes };
  expect(models).toEqual([
    {
      ...{ id: "run", title: "A *small* model", path },
      files: ["config.json", "model.safetensors"].map((name) => ({
        name,
        bytes: readFileSync(`${out}/${path}${name}`).length,
      })),
      circuits: [
        {
          ...{ id: "quotes-0.15-edges", ...one, edges: pruned.edges.length },
          path: `${path}circuits/quotes-0.15-edges.json`,
          audit: `${path}audits/quotes-0.15-edges.json`,
          control: null,
        },
        {
          ...{ id: "quotes-0.15", ...one, path: `${path}circuits/quotes-0.15.json` },
          audit: `${path}audits/quotes-0.15.json`,
          control: null,
        },
        {
          ...{ id: "viz_data", ...one, task: "unknown", path: `${path}circuits/viz_data.pt` },
          ...{ audit: null, control: null },
        },
        {
          ...{ id: "controls-a-task-without-meaning-quotes", ...one },
          path: `${path}circuits/controls-a-task-without-meaning-quotes.json`,
          audit: `${path}audits/controls-a-task-without-meaning-quotes.json`,
          control: "a task without meaning",
        },
      ],
      means: `${path}means-0123456789ab.safetensors`,
      card: `${path}README.md`,
      curve: `${path}progress.json`,
      trials: `${path}trials.jsonl`,
      documents: `${path}documents.json`,
    },
  ]);
  for (const file of printed.files) expect(existsSync(`${out}/${file}`), file).toBe(true);
  expect(printed.files).toContain("assets/app-1a2b.js");
  const copied = readFileSync(`${out}/${path}circuits/quotes-0.15.json`, "utf8");
  expect(copied).toBe(formatCircuit(circuit));
}, 60_000);

test("replaces what an export wrote, and nothing else", async () => {
  const out = `${scratch}/again/site`;
  const args = ["export", out, "default", "--pages", pages];
  await json(...(args as [string]));
  expect(await failure(1, ...args)).toContain("--overwrite");
  writeFileSync(`${pages}/assets/new.js`, "");
  await json(...(args as [string]), "--overwrite");
  expect(existsSync(`${out}/assets/new.js`)).toBe(true);
  writeFileSync(`${out}/CNAME`, "example.org");
  expect(await failure(1, ...args, "--overwrite")).toContain("CNAME");
  expect(readFileSync(`${out}/CNAME`, "utf8")).toBe("example.org");

  const foreign = `${scratch}/foreign`;
  write(`${foreign}/thesis.txt`, "years");
  expect(await failure(1, "export", foreign, "--overwrite", "--pages", pages)).toContain("is not empty");
  const file = `${scratch}/file`;
  write(file, "");
  expect(await failure(1, "export", file, "--pages", pages)).toContain("is a file");
  expect(readdirSync(foreign)).toEqual(["thesis.txt"]);
  expect(await failure(1, "export", `${scratch}/x`, "default", "--pages", `${scratch}/nowhere`)).toContain(
    "build",
  );
  expect(existsSync(`${scratch}/x`)).toBe(false);
  expect(readdirSync(scratch).filter((name) => name.includes("partial"))).toEqual([]);
  expect(readdirSync(`${scratch}/again`)).toEqual(["site"]);
}, 120_000);

test("circuits of another model are refused", async () => {
  const out = `${scratch}/other`;
  const circuits = ["--circuits", `${viz}/32`, "--pages", pages];
  const message = await failure(1, "export", out, `${root}test/fixtures/15_odd_dims`, ...circuits);
  expect(message).toContain("viz_data.pt does not fit the model");
  expect(await failure(1, "export", out, "default", `${viz}/model`, ...circuits)).toContain(
    "none of these models",
  );
  expect(existsSync(out)).toBe(false);
}, 60_000);
