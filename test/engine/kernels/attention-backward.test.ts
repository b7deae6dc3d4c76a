import fc from "fast-check";
import { expect, test } from "vitest";
import type { Kernels } from "../../../src/engine/kernels.js";
import { differences, dot } from "./gradient.js";
import { cell, type Rows, toPanels } from "./panels.js";
import { compare, exact, expectClose, fast, largestOf, Random, runOn, type Sandbox } from "./sandbox.js";

interface Shape {
  heads: number;
  dHead: number;
  length: number;
  start: number;
  extra: { q: number; k: number; y: number };
  sinks: string;
  sharpness: number;
  seed: number;
}

const shapes: fc.Arbitrary<Shape> = fc.record({
  heads: fc.integer({ min: 1, max: 3 }),
  dHead: fc.integer({ min: 1, max: 18 }),
  length: fc.integer({ min: 1, max: 70 }),
  start: fc.integer({ min: 0, max: 9 }).map((n) => 8 * n),
  extra: fc.record({ q: fc.nat(3), k: fc.nat(3), y: fc.nat(3) }),
  sinks: fc.constantFrom("none", "fixed", "learned"),
  sharpness: fc.constantFrom<number[]>(0, 0.3, 1, 6, 100),
  seed: fc.integer(),
});

/** The heads headStart ≤ h < headEnd of a sequence that begins at token `start`. */
interface Case extends Omit<Shape, "sharpness"> {
  q: Rows;
  k: Rows;
  v: Rows;
  dy: Rows;
  sinkLogits: number[];
  headStart: number;
  headEnd: number;
}

function draw({ sharpness, ...shape }: Shape): Case {
  const random = new Random(shape.seed);
  const rows = (size = 1) =>
    Array.from({ length: shape.length }, () =>
      random.normals(shape.heads * shape.dHead).map((value) => Math.fround(value * size)),
    );
  const headEnd = 1 + random.below(shape.heads);
  return {
    ...shape,
    q: rows(sharpness),
    k: rows(),
    v: rows(),
    dy: rows(),
    sinkLogits: random.normals(shape.heads),
    headStart: random.below(headEnd),
    headEnd,
  };
}

/** The panels of a case, and the output of attention_panel among them. */
function layOut(c: Case, kernels: Kernels, sandbox: Sandbox) {
  const { heads, dHead, length, start, extra } = c;
  const padded = Math.ceil(length / 8) * 8;
  const room = (rows: Rows) => [...rows, ...Array.from({ length: padded - length }, () => [])];
  const random = new Random(c.seed);
  const [qWidth, kWidth, yWidth] = [extra.q, extra.k, extra.y].map((more) => heads * dHead + more);
  const q = sandbox.floats(toPanels(room(c.q), qWidth, start, random));
  const k = sandbox.floats(toPanels(room(c.k), kWidth, start, random));
  const v = sandbox.floats(toPanels(room(c.v), kWidth, start, random));
  const floats = Math.ceil((start + padded) / 32) * yWidth * 32;
  const y = sandbox.floats([], floats);
  const sinks = c.sinks === "none" ? 0 : sandbox.floats(c.sinkLogits);
  const rowWidth = Math.ceil(dHead / 8) * 8;
  const scratchFloats = 16 * padded + 2 * padded * rowWidth + 32 * rowWidth;
  const scratch = sandbox.floats([], scratchFloats);
  kernels.attention_panel(
    ...([y, yWidth, q, qWidth, start, k, v, kWidth, start] as const),
    ...([sinks, 0, heads, dHead, length, 1 / Math.sqrt(dHead), scratch] as const),
  );
  return { q, qWidth, k, v, kWidth, y, yWidth, sinks, scratch, scratchFloats, padded, room, random };
}

/** Rows `[tokens][features of the heads headStart … headEnd - 1]`. */
function readRows(sandbox: Sandbox, c: Case, panels: number, width: number, tokens: number): number[] {
  const [first, last] = [c.headStart * c.dHead, c.headEnd * c.dHead];
  const floats = sandbox.readFloats(panels, Math.ceil((c.start + tokens) / 32) * width * 32);
  return Array.from({ length: tokens }, (_, t) =>
    Array.from({ length: last - first }, (_, f) => floats[cell(width, first + f, c.start + t)]),
  ).flat();
}

/** Gradients of the heads' rows: of the tokens, and behind the last of them. */
function gradients(c: Case, behind: number) {
  return (kernels: Kernels, sandbox: Sandbox) => {
    const { q, qWidth, k, v, kWidth, y, yWidth, sinks, scratch, scratchFloats, ...rest } = layOut(
      c,
      kernels,
      sandbox,
    );
    const { padded, room, random } = rest;
    const tokens = Math.ceil((c.start + padded) / 32) * 32;
    const dy = sandbox.floats(toPanels(room(c.dy), yWidth, c.start, random));
    for (let t = c.length; t < padded; t++) {
      for (let f = 0; f < yWidth; f++) {
        sandbox.writeFloats(dy + cell(yWidth, f, c.start + t) * sandbox.floatBytes, [behind]);
      }
    }
    const [dq, dk, dv] = [qWidth, kWidth, kWidth].map((width) => sandbox.floats([], tokens * width));
    const dsinks = c.sinks === "learned" ? sandbox.floats(c.sinkLogits) : 0;
    const writable = [sandbox.area(scratch, scratchFloats)];
    for (let f = c.headStart * c.dHead; f < c.headEnd * c.dHead; f++) {
      for (let t = c.start; t < c.start + padded; t += 8) {
        writable.push(sandbox.area(dq + cell(qWidth, f, t) * sandbox.floatBytes, 8));
        writable.push(sandbox.area(dk + cell(kWidth, f, t) * sandbox.floatBytes, 8));
        writable.push(sandbox.area(dv + cell(kWidth, f, t) * sandbox.floatBytes, 8));
      }
    }
    if (dsinks !== 0) {
      writable.push(sandbox.area(dsinks + c.headStart * sandbox.floatBytes, c.headEnd - c.headStart));
    }
    sandbox.guarded(writable, () =>
      kernels.attention_backward_panel(
        ...([dq, dk, dv, dy, y, yWidth, q, qWidth, k, v, kWidth, c.start, sinks, dsinks] as const),
        ...([c.headStart, c.headEnd, c.dHead, c.length, 1 / Math.sqrt(c.dHead), scratch] as const),
      ),
    );
    const features = (c.headEnd - c.headStart) * c.dHead;
    const split = (panels: number, width: number) => {
      const rows = readRows(sandbox, c, panels, width, padded);
      return { rows: rows.slice(0, c.length * features), behind: rows.slice(c.length * features) };
    };
    return {
      q: split(dq, qWidth),
      k: split(dk, kWidth),
      v: split(dv, kWidth),
      sinks:
        dsinks === 0
          ? []
          : sandbox
              .readFloats(dsinks, c.heads)
              .map((value, h) => value - c.sinkLogits[h])
              .slice(c.headStart, c.headEnd),
    };
  };
}

/** dy · y over the heads of the case. */
function loss(c: Case): number {
  const y = runOn(exact, (kernels, sandbox) => {
    const { y, yWidth } = layOut(c, kernels, sandbox);
    return readRows(sandbox, c, y, yWidth, c.length);
  });
  return dot(y, own(c, c.dy));
}

const own = (c: Case, rows: Rows) =>
  rows.flatMap((row) => row.slice(c.headStart * c.dHead, c.headEnd * c.dHead));

test("attention_backward_panel by finite differences", () => {
  fc.assert(
    fc.property(shapes, (shape) => {
      const c = draw({ ...shape, length: 1 + (shape.length % 20), sharpness: Math.min(shape.sharpness, 6) });
      const result = runOn(exact, gradients(c, 1e3));
      const random = new Random(c.seed + 1);
      const step = 1e-5;
      for (const name of ["q", "k", "v"] as const) {
        const direction = c[name].map((row) => random.normals(row.length));
        const moved = (sign: number) =>
          loss({
            ...c,
            [name]: c[name].map((row, t) => row.map((value, f) => value + sign * step * direction[t][f])),
          });
        const expected = (moved(1) - moved(-1)) / (2 * step);
        expectClose([dot(result[name].rows, own(c, direction))], [expected], 1e-6 * c.length * c.dHead);
      }
      if (c.sinks === "learned") {
        const bySink = differences(c.sinkLogits, (sinkLogits) => loss({ ...c, sinkLogits }));
        expectClose(result.sinks, bySink.slice(c.headStart, c.headEnd), 1e-7 * c.length);
      }
    }),
    { numRuns: 100 },
  );
});

test("attention_backward_panel and its twin; nothing comes from behind the last token", () => {
  fc.assert(
    fc.property(shapes, (shape) => {
      const c = draw(shape);
      // A term is at most a probability, its error in proportion to the score, times |dy · v| times q or k.
      const condition = 1 + 0.5 * shape.sharpness * Math.sqrt(c.dHead);
      const term = condition * (1 + largestOf(c.dy.flat()) * largestOf(c.v.flat()) * c.dHead);
      compare(gradients(c, Number.NaN), (actual, expected) => {
        const several = Math.sqrt(c.length);
        expectClose(actual.q.rows, expected.q.rows, 2e-6, term * largestOf(c.k.flat()));
        expectClose(actual.k.rows, expected.k.rows, 2e-6, term * several * (1e-3 + largestOf(c.q.flat())));
        expectClose(actual.v.rows, expected.v.rows, 2e-6, condition * several * largestOf(c.dy.flat()));
        expectClose(actual.sinks, expected.sinks, 2e-6, term * several);
        for (const { behind } of [actual.q, actual.k, actual.v, expected.q, expected.k, expected.v]) {
          expect(behind.map(Math.abs)).toEqual(new Array(behind.length).fill(0));
        }
      });
    }),
    { numRuns: 100 },
  );
});

test("attention_backward_panel: scores of 1e4 are no harm, and small gradients make no denormals", () => {
  const shape = {
    heads: 2,
    dHead: 16,
    length: 70,
    start: 8,
    extra: { q: 0, k: 0, y: 0 },
    sinks: "learned",
  };
  for (const sharpness of [8, 2500]) {
    const c = draw({ ...shape, sharpness, seed: 3 });
    const small = { ...c, dy: c.dy.map((row) => row.map((value) => Math.fround(value * 1e-9))) };
    for (const subject of fast) {
      const { q, k, v, sinks } = runOn(subject, gradients(small, 0));
      for (const value of [...q.rows, ...k.rows, ...v.rows]) {
        expect(value === 0 || Math.abs(value) > 1e-37, `${subject.name}: ${value}`).toBe(true);
      }
      expect(sinks.every(Number.isFinite)).toBe(true);
    }
  }
});
