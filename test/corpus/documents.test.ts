import { expect, test } from "vitest";
import { noneSkipped, READ_DEFAULTS, type Reading, selectDocuments } from "../../src/corpus/documents.js";

test("a signal is heard though nothing is a document", async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error("stopped")), 20);
  const deadline = performance.now() + 5000;
  async function* nothing(): AsyncGenerator<Reading> {
    while (performance.now() < deadline) yield { skipped: "broken" };
  }
  const documents = selectDocuments(nothing(), READ_DEFAULTS, noneSkipped(), controller.signal);
  await expect(documents.next()).rejects.toThrow("stopped");
  expect(performance.now()).toBeLessThan(deadline);
});
