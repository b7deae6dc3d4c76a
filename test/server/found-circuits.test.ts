import { expect, test } from "vitest";
import type { Circuit } from "../../src/circuits/circuit.js";
import { type FoundCircuit, findCircuits, inOrder } from "../../src/server/found-circuits.js";
import { modelSite } from "../../src/server/model-site.js";
import { prepareModel } from "../../src/server/prepared-model.js";

const embedded = new URL("../../models/default", import.meta.url).pathname;

test("circuits are offered by task, audited ones first, controls last", () => {
  const found = (id: string, task: string, audit: string | null, control: string | null): FoundCircuit => ({
    ...{ id, file: `${id}.json`, audit, control, circuit: { task: { name: task } } as Circuit },
  });
  const circuits = [
    found("a", "my_own", "a-audit.json", null),
    found("b", "bracket_counting", "b-audit.json", null),
    found("c", "single_double_quote", "c-audit.json", "a task without meaning"),
    found("d", "single_double_quote", null, null),
    found("e", "single_double_quote", "e-audit.json", null),
    found("f", "single_double_quote", null, null),
  ];
  expect(inOrder(circuits).map(({ id }) => id)).toEqual(["e", "d", "f", "b", "a", "c"]);
});

test("of the embedded model, the first is the one that the tour goes through, with its audit", async () => {
  const model = await prepareModel(embedded);
  const given = await findCircuits([`${embedded}/circuits`]);
  const { entry, files } = await modelSite(model, { id: "default", circuits: given, documents: null });
  expect(entry.circuits[0]).toMatchObject({ id: "single_double_quote", task: "single_double_quote" });
  expect(entry.circuits[0].audit).not.toBeNull();
  // Those that were named lie with the model as well: none takes the place of another.
  expect(entry.circuits).toHaveLength(2 * given.length);
  expect(new Set(entry.circuits.map(({ id }) => id)).size).toBe(2 * given.length);
  for (const { path } of entry.circuits) expect(files.has(path)).toBe(true);
  await model.close();
});
