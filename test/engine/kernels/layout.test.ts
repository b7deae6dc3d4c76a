import fc from "fast-check";
import { expect, test } from "vitest";
import type { Kernels } from "../../../src/engine/kernels.js";
import { exact, fast, plain, Random, runOn, type Sandbox } from "./sandbox.js";

const everyone = [exact, plain, ...fast];

const stretches = fc
  .record({
    width: fc.integer({ min: 1, max: 40 }),
    lane: fc.integer({ min: 0, max: 31 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    gap: fc.integer({ min: 0, max: 5 }),
    seed: fc.integer(),
  })
  .map(({ width, lane, share, gap, seed }) => ({
    width,
    lane,
    count: Math.round(share * (32 - lane)),
    stride: width + gap,
    seed,
  }));

test("panel_to_rows takes some tokens out of a panel", () => {
  fc.assert(
    fc.property(stretches, ({ width, lane, count, stride, seed }) => {
      const panel = new Random(seed).normals(width * 32);
      const expected = Array.from({ length: count }, (_, t) =>
        Array.from({ length: width }, (_, f) => panel[f * 32 + lane + t]),
      );
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const source = sandbox.floats(panel);
        const target = sandbox.floats([], count * stride);
        const rows = expected.map((_, t) => sandbox.area(target + t * stride * sandbox.floatBytes, width));
        sandbox.guarded(rows, () => kernels.panel_to_rows(target, stride, source, width, lane, count));
        return rows.map(({ pointer }) => sandbox.readFloats(pointer, width));
      };
      for (const subject of everyone) expect(runOn(subject, run), subject.name).toEqual(expected);
    }),
  );
});

test("rows_to_panel puts some tokens into a panel", () => {
  fc.assert(
    fc.property(stretches, ({ width, lane, count, stride, seed }) => {
      const random = new Random(seed);
      const rows = random.normals(count * stride);
      const panel = random.normals(width * 32);
      const expected = panel.map((value, i) => {
        const t = (i % 32) - lane;
        return t >= 0 && t < count ? rows[t * stride + Math.floor(i / 32)] : value;
      });
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const source = sandbox.floats(rows);
        const target = sandbox.floats(panel);
        sandbox.guarded([sandbox.area(target, width * 32)], () =>
          kernels.rows_to_panel(target, width, lane, count, source, stride),
        );
        return sandbox.readFloats(target, width * 32);
      };
      for (const subject of everyone) expect(runOn(subject, run), subject.name).toEqual(expected);
    }),
  );
});

test.each([
  { name: "set_channels", lanes: 1 },
  { name: "set_channels_panel", lanes: 32 },
] as const)("$name sets the listed channels alone", ({ name, lanes }) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.integer(), (n, seed) => {
      const random = new Random(seed);
      const x = random.normals(n * lanes);
      const channels = Array.from({ length: n }, (_, i) => i).filter(() => random.next() < 0.3);
      const values = random.normals(channels.length);
      const expected = x.slice();
      channels.forEach((channel, i) => {
        expected.fill(values[i], channel * lanes, (channel + 1) * lanes);
      });
      const run = (kernels: Kernels, sandbox: Sandbox) => {
        const target = sandbox.floats(x);
        const list = sandbox.u32(channels);
        const source = sandbox.floats(values);
        sandbox.guarded([sandbox.area(target, x.length)], () =>
          kernels[name](target, list, source, channels.length),
        );
        return sandbox.readFloats(target, x.length);
      };
      for (const subject of everyone) expect(runOn(subject, run), subject.name).toEqual(expected);
    }),
  );
});
