import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bfloat16Values, decode, encode, float16Bits, float16Values } from "../../src/formats/dtype.js";

const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

describe("float16", () => {
  test("every bit pattern survives decoding and encoding", () => {
    const patterns = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const values = decode("F16", bytesOf(patterns));
    expect(values).toEqual(float16Values());
    const again = new Uint16Array(encode("F16", values).buffer);
    for (let i = 0; i < 65536; i++) {
      if (Number.isNaN(values[i])) expect(again[i] & 0x7fff).toBeGreaterThan(0x7c00);
      else if (again[i] !== i) expect(again[i]).toBe(i);
    }
  });

  test("rounds to the nearest value, ties to even", () => {
    const finite = [...float16Values().slice(0, 0x7c00)];
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: 0, max: 65519 }), (value) => {
        const bits = float16Bits(value);
        const distance = Math.abs(finite[bits] - value);
        for (const neighbour of [bits - 1, bits + 1]) {
          if (neighbour < 0 || neighbour >= finite.length) continue;
          const other = Math.abs(finite[neighbour] - value);
          expect(distance < other || (distance === other && bits % 2 === 0)).toBe(true);
        }
        expect(float16Bits(-value)).toBe(bits | 0x8000);
      }),
      { numRuns: 2000 },
    );
    expect([65519.996, 65520, 1e30, Number.POSITIVE_INFINITY].map(float16Bits)).toEqual([
      0x7bff, 0x7c00, 0x7c00, 0x7c00,
    ]);
    expect([2 ** -25, 2 ** -25 * 1.001, 2 ** -14 - 2 ** -26].map(float16Bits)).toEqual([0, 1, 0x400]);
  });
});

describe("bfloat16", () => {
  test("every bit pattern survives decoding and encoding", () => {
    const patterns = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const values = decode("BF16", bytesOf(patterns));
    expect(values).toEqual(bfloat16Values());
    const again = new Uint16Array(encode("BF16", values).buffer);
    for (let i = 0; i < 65536; i++) {
      if (Number.isNaN(values[i])) expect(again[i] & 0x7fff).toBeGreaterThan(0x7f80);
      else if (again[i] !== i) expect(again[i]).toBe(i);
    }
  });

  test("rounds to the nearest value, ties to even", () => {
    const encoded = new Uint16Array(
      encode("BF16", Float32Array.of(1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -20)).buffer,
    );
    expect([...encoded]).toEqual([0x3f80, 0x3f82, 0x3f81]);
  });
});

test("integers of every width, signed and not, at any address", () => {
  const at = (array: ArrayBufferView) => {
    const shifted = new Uint8Array(array.byteLength + 1);
    shifted.set(bytesOf(array), 1);
    return shifted.subarray(1);
  };
  expect([...decode("I64", at(BigInt64Array.of(-1n, 2n ** 40n, -(2n ** 40n))))]).toEqual([
    -1,
    2 ** 40,
    -(2 ** 40),
  ]);
  expect([...decode("U64", at(BigUint64Array.of(2n ** 63n, 7n)))]).toEqual([2 ** 63, 7]);
  expect([...decode("I32", at(Int32Array.of(-5)))]).toEqual([-5]);
  expect([...decode("U32", at(Uint32Array.of(2 ** 31)))]).toEqual([2 ** 31]);
  expect([...decode("I16", at(Int16Array.of(-300)))]).toEqual([-300]);
  expect([...decode("U16", at(Uint16Array.of(40000)))]).toEqual([40000]);
  expect([...decode("I8", at(Int8Array.of(-3)))]).toEqual([-3]);
  expect([...decode("U8", at(Uint8Array.of(200)))]).toEqual([200]);
  expect([...decode("BOOL", Uint8Array.of(0, 1, 2))]).toEqual([0, 1, 1]);
  expect([...decode("F64", at(Float64Array.of(0.1)))]).toEqual([Math.fround(0.1)]);
});
