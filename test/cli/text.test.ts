import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { interpretEscapes, parseIds, parseNumber, parsePattern } from "../../src/cli/arguments.js";
import { report } from "../../src/cli/failures.js";
import {
  formatBytes,
  formatMilliseconds,
  formatPercent,
  formatTable,
  formatToken,
} from "../../src/cli/format.js";
import { mostProbable } from "../../src/cli/next-tokens.js";
import { SparseLensError } from "../../src/errors.js";

describe("report", () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  });

  const reported = (failure: unknown): unknown => {
    const print = vi.spyOn(console, "error").mockImplementation(() => {});
    expect(report(failure)).toBe(1);
    expect(print).toHaveBeenCalledTimes(1);
    return print.mock.calls[0][0];
  };

  test("an error for people is its message", () => {
    expect(reported(new SparseLensError("x.pt is truncated."))).toBe("error: x.pt is truncated.");
  });

  test("a fault of the program is one line that says how to report it", () => {
    const text = reported(new TypeError("undefined is not a function\nat somewhere"));
    expect(text).toMatch(/^error: undefined is not a function \(.*SPARSELENS_DEBUG=1.*\)$/);
  });

  test("whatever is thrown", () => {
    expect(reported("thrown text")).toContain("thrown text");
  });

  test("SPARSELENS_DEBUG=1 prints everything", () => {
    vi.stubEnv("SPARSELENS_DEBUG", "1");
    const failure = new TypeError("undefined is not a function");
    expect(reported(failure)).toBe(failure);
  });
});

describe("arguments", () => {
  test("escapes", () => {
    expect(interpretEscapes("a\\n\\tb\\\\n\\x41\\u00e9\\\"\\'")).toBe("a\n\tb\\nAé\"'");
    for (const text of ["\\", "a\\q", "\\x4", "\\u12"]) {
      expect(() => interpretEscapes(text)).toThrow(SparseLensError);
    }
    fc.assert(
      fc.property(fc.string(), (text) => {
        const escaped = text.replace(/\\/g, "\\\\").replace(/\n/g, "\\n");
        expect(interpretEscapes(escaped)).toBe(text);
      }),
    );
  });

  test("token ids", () => {
    expect(parseIds("1,2, 3")).toEqual([1, 2, 3]);
    for (const text of ["", "1,", "1;2", "0x1", "1e3", "12345678901"]) expect(() => parseIds(text)).toThrow();
  });

  test("numbers", () => {
    expect(parseNumber("-1.5e-1")).toBe(-0.15);
    for (const text of ["", " ", "1,5", "NaN", "Infinity"]) expect(() => parseNumber(text)).toThrow();
  });

  test("patterns", () => {
    expect(parsePattern("*.attn.q")).toBe("*.attn.q");
    expect(parsePattern("/^0\\.(attn|mlp)/i")).toEqual(/^0\.(attn|mlp)/i);
    expect(() => parsePattern("/(/")).toThrow("Invalid regular expression");
  });
});

describe("format", () => {
  test("quantities", () => {
    expect([0, 999, 1000, 999_499, 999_500, 1.68e9].map(formatBytes)).toEqual([
      ...["0 bytes", "999 bytes", "1 kB", "999 kB", "1 MB", "1.68 GB"],
    ]);
    expect([0, 0.00002, 0.03141, 1].map(formatPercent)).toEqual(["0 %", "0.002 %", "3.14 %", "100 %"]);
    expect([1.2345, 999, 1234].map(formatMilliseconds)).toEqual(["1.23 ms", "999 ms", "1.23 s"]);
  });

  test("tables", () => {
    const rows = [
      ["a", "1", ""],
      ["bcd", "100", "x"],
    ];
    expect(formatTable(rows, "lrl")).toBe("a      1\nbcd  100  x\n");
  });

  test("tokens", () => {
    expect(formatToken(new TextEncoder().encode("\té"))).toBe('"\\té"');
    expect(formatToken(new Uint8Array([0xc3]))).toBe("<c3>");
  });
});

test("the most probable tokens are those of the last row; of equals the lowest id comes first", () => {
  const data = Float32Array.from([9, 0, 0, 0, 1000, 1001, 1001, -1000]);
  const next = mostProbable({ data, shape: [2, 4] }, 3);
  expect(next.map(({ token }) => token)).toEqual([1, 2, 0]);
  expect(next.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 6);
  expect(next[2].probability).toBeCloseTo(Math.exp(-1) / (2 + Math.exp(-1)), 6);
});
