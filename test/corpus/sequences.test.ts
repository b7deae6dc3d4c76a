import fc from "fast-check";
import { expect, test } from "vitest";
import { documentSequences, spreadSequences, spreadWindows } from "../../src/corpus/sequences.js";

const END = 9;

test("a sequence for each document, in pieces where it is long; without an end it is passed over", () => {
  const tokens = Uint16Array.of(1, 2, 3, END, END, 4, 5, 6, 7, 8, END, 1, 2);
  expect(documentSequences(tokens, END, 3)).toEqual([
    { start: 0, length: 3 },
    { start: 5, length: 3 },
    { start: 8, length: 2 },
  ]);
});

test("every token but the first of a document is a target, once", () => {
  const documents = fc.array(fc.array(fc.integer({ min: 0, max: END - 1 }), { minLength: 1, maxLength: 20 }));
  fc.assert(
    fc.property(documents, fc.integer({ min: 1, max: 8 }), (documents, longest) => {
      const tokens = Uint16Array.from(documents.flatMap((document) => [...document, END]));
      const seen = new Array<number>(tokens.length).fill(0);
      for (const { start, length } of documentSequences(tokens, END, longest)) {
        expect(length).toBeLessThanOrEqual(longest);
        for (let i = start; i < start + length; i++) seen[i + 1]++;
      }
      let first = 0;
      for (const document of documents) {
        expect(seen.slice(first, first + document.length + 1)).toEqual([0, ...document.map(() => 1)]);
        first += document.length + 1;
      }
    }),
  );
});

test("a part of the documents, spread evenly", () => {
  const tokens = Uint16Array.from({ length: 100 * 5 }, (_, i) => (i % 5 === 4 ? END : 1));
  const all = documentSequences(tokens, END, 3);
  expect(all).toHaveLength(200);
  expect(spreadSequences(tokens, END, 3, 400)).toEqual(all);
  expect(spreadSequences(tokens, END, 3, 1e9)).toEqual(all);
  expect(spreadSequences(tokens, END, 3, 100)).toEqual(all.filter((_, i) => i % 4 === 0));
  expect(spreadSequences(tokens, END, 3, 1)).toEqual([all[0]]);
  expect(spreadSequences(new Uint16Array(0), END, 3, 10)).toEqual([]);
});

test("windows of one length, spread evenly", () => {
  expect(spreadWindows(11, 3, 100)).toEqual([0, 3, 6].map((start) => ({ start, length: 3 })));
  expect(spreadWindows(600, 3, 150)).toEqual(
    Array.from({ length: 50 }, (_, i) => ({ start: 12 * i, length: 3 })),
  );
  expect(spreadWindows(2, 3, 150)).toEqual([]);
});
