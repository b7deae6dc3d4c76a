import fc from "fast-check";
import { expect, test } from "vitest";
import type { Kernels } from "../../../src/engine/kernels.js";
import { cell, type Rows, toPanels } from "./panels.js";
import { compare, exact, expectClose, largestOf, Random, runOn, type Sandbox } from "./sandbox.js";

const shapes = fc.record({
  heads: fc.integer({ min: 1, max: 4 }),
  dHead: fc.integer({ min: 1, max: 18 }),
  length: fc.integer({ min: 1, max: 70 }),
  qStart: fc.integer({ min: 0, max: 9 }).map((n) => 8 * n),
  kStart: fc.integer({ min: 0, max: 9 }).map((n) => 8 * n),
  extra: fc.record({ q: fc.nat(3), k: fc.nat(3), y: fc.nat(3) }),
  withSinks: fc.boolean(),
  sharpness: fc.constantFrom(0, 0.3, 1, 6, 100), // the last overflows an exponential that was not shifted
  seed: fc.integer(),
});

/** softmax(q · k · scale, with the sink as one more logit of value zero) · v, for one query and the keys it may see. */
function byDefinition(q: number[], keys: Rows, values: Rows, scale: number, sink: number | null): number[] {
  const scores = keys.map((key) => scale * key.reduce((sum, value, d) => sum + value * q[d], 0));
  const logits = sink === null ? scores : [...scores, sink];
  const largest = Math.max(...logits);
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
  return q.map((_, d) =>
    scores.reduce((sum, score, s) => sum + (Math.exp(score - largest) / total) * values[s][d], 0),
  );
}

/** Head after head, `[headPanels][dHead][32]` each; what lies behind the last token is finite. */
function toCache(rows: Rows, heads: number, headPanels: number, random: Random): number[] {
  const dHead = rows[0].length / heads;
  return Array.from({ length: heads }, (_, h) => {
    const panels = toPanels(slice(rows, h, dHead), dHead, 0, random);
    return [...panels, ...random.normals(headPanels * dHead * 32 - panels.length)];
  }).flat();
}

function draw(random: Random, length: number, features: number, sharpness: number) {
  const rows = () => Array.from({ length }, () => random.normals(features));
  const q = rows().map((row) =>
    row.map((value) => (random.next() < 0.3 ? 0 : Math.fround(value * sharpness))),
  );
  return { q, k: rows(), v: rows(), sinks: random.normals(features) };
}

const slice = (rows: Rows, h: number, dHead: number) =>
  rows.map((row) => row.slice(h * dHead, (h + 1) * dHead));

/** Rounding of a score grows with the score, and so does that of its exponential. */
const sizeOf = (v: Rows, sharpness: number, dHead: number) =>
  largestOf(v.flat()) * (1 + 0.5 * sharpness * Math.sqrt(dHead));

test("attention_panel is causal softmax attention for its heads", () => {
  fc.assert(
    fc.property(shapes, (shape) => {
      const { heads, dHead, length, qStart, kStart, extra, withSinks, sharpness, seed } = shape;
      const random = new Random(seed);
      const { q, k, v, sinks } = draw(random, length, heads * dHead, sharpness);
      const scale = 1 / Math.sqrt(dHead);
      const headEnd = 1 + random.below(heads);
      const headStart = random.below(headEnd);
      const padded = Math.ceil(length / 8) * 8;
      const [qWidth, kWidth, yWidth] = [extra.q, extra.k, extra.y].map((more) => heads * dHead + more);
      // Padding up to the multiple of 8 is part of the sequence's room.
      const room = (rows: Rows) => [...rows, ...Array.from({ length: padded - length }, () => [])];
      const panels = {
        q: toPanels(room(q), qWidth, qStart, random),
        k: toPanels(room(k), kWidth, kStart, random),
        v: toPanels(room(v), kWidth, kStart, random),
      };
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const pointers = {
          q: sandbox.floats(panels.q),
          k: sandbox.floats(panels.k),
          v: sandbox.floats(panels.v),
          y: sandbox.floats([], Math.ceil((qStart + padded) / 32) * yWidth * 32),
          sinks: withSinks ? sandbox.floats(sinks) : 0,
          scratch: sandbox.floats([], padded * 8),
        };
        const writable = [sandbox.area(pointers.scratch, padded * 8)];
        for (let f = headStart * dHead; f < headEnd * dHead; f++) {
          for (let t = qStart; t < qStart + padded; t += 8) {
            writable.push(sandbox.area(pointers.y + cell(yWidth, f, t) * sandbox.floatBytes, 8));
          }
        }
        sandbox.guarded(writable, () =>
          kernels.attention_panel(
            ...([pointers.y, yWidth, pointers.q, qWidth, qStart, pointers.k, pointers.v] as const),
            ...([kWidth, kStart, pointers.sinks, headStart, headEnd, dHead, length, scale] as const),
            pointers.scratch,
          ),
        );
        const result: number[] = [];
        for (let t = qStart; t < qStart + length; t++) {
          for (let f = headStart * dHead; f < headEnd * dHead; f++) {
            result.push(sandbox.readFloats(pointers.y + cell(yWidth, f, t) * sandbox.floatBytes, 1)[0]);
          }
        }
        return result;
      };
      const expected: number[] = [];
      for (let t = 0; t < length; t++) {
        for (let h = headStart; h < headEnd; h++) {
          const [query] = slice([q[t]], h, dHead);
          const seen = [slice(k.slice(0, t + 1), h, dHead), slice(v.slice(0, t + 1), h, dHead)] as const;
          expected.push(...byDefinition(query, ...seen, scale, withSinks ? sinks[h] : null));
        }
      }
      const size = sizeOf(v, sharpness, dHead);
      expectClose(runOn(exact, run), expected, 1e-13, size);
      compare(run, (actual, reference) => expectClose(actual, reference, 2e-6, size));
    }),
    { numRuns: 100 },
  );
});

test("attention_decode is the last row of it", () => {
  fc.assert(
    fc.property(shapes, ({ heads, dHead, length, extra, withSinks, sharpness, seed }) => {
      const random = new Random(seed);
      const { q, k, v, sinks } = draw(random, length, heads * dHead, sharpness);
      const query = q[length - 1];
      const scale = 1 / Math.sqrt(dHead);
      const headPanels = Math.ceil(length / 32) + (extra.k % 3);
      const headEnd = 1 + random.below(heads);
      const headStart = random.below(headEnd);
      const panels = { k: toCache(k, heads, headPanels, random), v: toCache(v, heads, headPanels, random) };
      const scratchFloats = Math.ceil(length / 32) * 32 + dHead * 4;
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const keys = sandbox.floats(panels.k);
        const values = sandbox.floats(panels.v);
        const input = sandbox.floats(query);
        const output = sandbox.floats([], heads * dHead);
        const logits = withSinks ? sandbox.floats(sinks) : 0;
        const scratch = sandbox.floats([], scratchFloats);
        const first = output + headStart * dHead * sandbox.floatBytes;
        const count = (headEnd - headStart) * dHead;
        sandbox.guarded([sandbox.area(first, count), sandbox.area(scratch, scratchFloats)], () =>
          kernels.attention_decode(
            ...([output, input, keys, values, headPanels, logits, headStart, headEnd] as const),
            ...([dHead, length, scale, scratch] as const),
          ),
        );
        return sandbox.readFloats(first, count);
      };
      const expected: number[] = [];
      for (let h = headStart; h < headEnd; h++) {
        const [own] = slice([query], h, dHead);
        expected.push(
          ...byDefinition(own, slice(k, h, dHead), slice(v, h, dHead), scale, withSinks ? sinks[h] : null),
        );
      }
      const size = sizeOf(v, sharpness, dHead);
      expectClose(runOn(exact, run), expected, 1e-13, size);
      compare(run, (actual, reference) => expectClose(actual, reference, 2e-6, size));
    }),
    { numRuns: 150 },
  );
});

test("append_to_cache builds what attention_decode reads, token by token", () => {
  fc.assert(
    fc.property(shapes, ({ heads, dHead, length, extra, seed }) => {
      const random = new Random(seed);
      const rows = Array.from({ length }, () => random.normals(heads * dHead).map(Math.fround));
      const headPanels = Math.ceil(length / 32) + (extra.k % 3);
      const size = heads * headPanels * dHead * 32;
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const cache = sandbox.floats(new Array(size).fill(0));
        const split = Math.floor(heads / 2);
        rows.forEach((row, position) => {
          const x = sandbox.floats(row);
          sandbox.guarded([sandbox.area(cache, size)], () => {
            kernels.append_to_cache(cache, headPanels, x, 0, split, dHead, position);
            kernels.append_to_cache(cache, headPanels, x, split, heads, dHead, position);
          });
        });
        return sandbox.readFloats(cache, size);
      };
      const expected = new Array(size).fill(0);
      rows.forEach((row, t) => {
        row.forEach((value, f) => {
          expected[Math.floor(f / dHead) * headPanels * dHead * 32 + cell(dHead, f % dHead, t)] = value;
        });
      });
      expect(runOn(exact, run)).toEqual(expected);
      compare(run, (actual, reference) => expect(actual).toEqual(reference));
    }),
    { numRuns: 30 },
  );
});
