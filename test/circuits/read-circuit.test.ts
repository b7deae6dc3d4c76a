import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { formatCircuit } from "../../src/circuits/circuit.js";
import { circuitFromSource, readCircuit } from "../../src/circuits/read-circuit.js";
import { MemorySource } from "../../src/io/byte-source.js";

const viz = fileURLToPath(new URL("../fixtures/viz/32/viz_data.pt", import.meta.url));

test("what a file is does not depend on its name", async () => {
  const opened = await circuitFromSource(new MemorySource("dropped", readFileSync(viz)), { task: "quotes" });
  expect(opened.viz).not.toBeNull();
  expect(opened.circuit.nodes).toHaveLength(32);
  expect([opened.circuit.model.name, opened.circuit.task.name]).toEqual(["unknown", "quotes"]);

  const text = new TextEncoder().encode(`\n ${formatCircuit(opened.circuit)}`);
  const again = await circuitFromSource(new MemorySource("dropped", text));
  expect(again).toEqual({ circuit: opened.circuit, viz: null });
});

test("the released blob store's paths name model and task", async () => {
  const directory = mkdtempSync(`${tmpdir()}/sparselens-circuit-`);
  const path = `${directory}/viz/yolo/quotes/prune/k_optim`;
  mkdirSync(path, { recursive: true });
  copyFileSync(viz, `${path}/viz_data.pt`);
  const { model, task } = await readCircuit(`${path}/viz_data.pt`);
  expect([model.name, task.name]).toEqual(["yolo", "quotes"]);
  expect((await readCircuit(`${path}/viz_data.pt`, { task: "brackets" })).task.name).toBe("brackets");
  rmSync(directory, { recursive: true });
});

test.each(["", "nonsense", "[1]", "P"])("%j is no circuit", async (text) => {
  const source = new MemorySource("x.json", new TextEncoder().encode(text));
  await expect(circuitFromSource(source)).rejects.toThrow(/x\.json is neither a circuit file/);
});
