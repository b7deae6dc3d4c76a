import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SparseLensError } from "../../src/errors.js";
import { type PickleValue, unpickle } from "../../src/formats/pickle.js";

/** Pickled with CPython 3.11, base64. */
const pickled: [string, string, PickleValue<object>][] = [
  [
    "numbers, protocol 2",
    "gAJdcQAoSwBLAUr/////S/9NAAFN//9KAAABAEp/////igUAAACAAEoAAACAigf///////8figcBAAAAAAAgigkAAAAAAAAAAMBHP+AAAAAAAABH/jfkPIgAdZxHf/AAAAAAAABlLg==",
    [
      0,
      1,
      -1,
      255,
      256,
      65535,
      65536,
      -129,
      2147483648,
      -2147483648,
      9007199254740991,
      9007199254740993n,
      -1180591620717411303424n,
      0.5,
      -1e300,
      Number.POSITIVE_INFINITY,
    ],
  ],
  [
    "numbers, protocol 3",
    "gANdcQAoSwBLAUr/////S/9NAAFN//9KAAABAEp/////igUAAACAAEoAAACAigf///////8figcBAAAAAAAgigkAAAAAAAAAAMBHP+AAAAAAAABH/jfkPIgAdZxHf/AAAAAAAABlLg==",
    [
      0,
      1,
      -1,
      255,
      256,
      65535,
      65536,
      -129,
      2147483648,
      -2147483648,
      9007199254740991,
      9007199254740993n,
      -1180591620717411303424n,
      0.5,
      -1e300,
      Number.POSITIVE_INFINITY,
    ],
  ],
  [
    "numbers, protocol 4",
    "gASVZAAAAAAAAABdlChLAEsBSv////9L/00AAU3//0oAAAEASn////+KBQAAAIAASgAAAICKB////////x+KBwEAAAAAACCKCQAAAAAAAAAAwEc/4AAAAAAAAEf+N+Q8iAB1nEd/8AAAAAAAAGUu",
    [
      0,
      1,
      -1,
      255,
      256,
      65535,
      65536,
      -129,
      2147483648,
      -2147483648,
      9007199254740991,
      9007199254740993n,
      -1180591620717411303424n,
      0.5,
      -1e300,
      Number.POSITIVE_INFINITY,
    ],
  ],
  [
    "numbers, protocol 5",
    "gAWVZAAAAAAAAABdlChLAEsBSv////9L/00AAU3//0oAAAEASn////+KBQAAAIAASgAAAICKB////////x+KBwEAAAAAACCKCQAAAAAAAAAAwEc/4AAAAAAAAEf+N+Q8iAB1nEd/8AAAAAAAAGUu",
    [
      0,
      1,
      -1,
      255,
      256,
      65535,
      65536,
      -129,
      2147483648,
      -2147483648,
      9007199254740991,
      9007199254740993n,
      -1180591620717411303424n,
      0.5,
      -1e300,
      Number.POSITIVE_INFINITY,
    ],
  ],
  [
    "text, protocol 2",
    "gAJdcQAoWAAAAABxAVgBAAAAYXECWAkAAADDvOKCrPCfmIBxA1gsAQAAeHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4cQRlLg==",
    [
      "",
      "a",
      "\u00fc\u20ac\ud83d\ude00",
      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ],
  ],
  [
    "text, protocol 3",
    "gANdcQAoWAAAAABxAVgBAAAAYXECWAkAAADDvOKCrPCfmIBxA1gsAQAAeHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4cQRlLg==",
    [
      "",
      "a",
      "\u00fc\u20ac\ud83d\ude00",
      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ],
  ],
  [
    "text, protocol 4",
    "gASVSgEAAAAAAABdlCiMAJSMAWGUjAnDvOKCrPCfmICUWCwBAAB4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHiUZS4=",
    [
      "",
      "a",
      "\u00fc\u20ac\ud83d\ude00",
      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ],
  ],
  [
    "text, protocol 5",
    "gAWVSgEAAAAAAABdlCiMAJSMAWGUjAnDvOKCrPCfmICUWCwBAAB4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHiUZS4=",
    [
      "",
      "a",
      "\u00fc\u20ac\ud83d\ude00",
      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ],
  ],
  [
    "bytes, protocol 2",
    "gAJdcQAoY19fYnVpbHRpbl9fCmJ5dGVzCnEBKVJxAmNfY29kZWNzCmVuY29kZQpxA1gDAAAAAMO/cQRYBgAAAGxhdGluMXEFhnEGUnEHZS4=",
    [Uint8Array.of(), Uint8Array.of(0, 255)],
  ],
  ["bytes, protocol 3", "gANdcQAoQwBxAUMCAP9xAmUu", [Uint8Array.of(), Uint8Array.of(0, 255)]],
  ["bytes, protocol 4", "gASVDQAAAAAAAABdlChDAJRDAgD/lGUu", [Uint8Array.of(), Uint8Array.of(0, 255)]],
  ["bytes, protocol 5", "gAWVDQAAAAAAAABdlChDAJRDAgD/lGUu", [Uint8Array.of(), Uint8Array.of(0, 255)]],
  [
    "containers, protocol 2",
    "gAJdcQAoKUsBhXEBSwFLAoZxAksBSwJLA4dxAyhLAUsCSwNLBHRxBF1xBV1xBihdcQdLAWFdcQgoSwJdcQlLA2FlZX1xCn1xCyhYAQAAAGFxDEsBSwJdcQ1LA2F1fXEOKEc/+AAAAAAAAE6IiXVlLg==",
    [
      [],
      [1],
      [1, 2],
      [1, 2, 3],
      [1, 2, 3, 4],
      [],
      [[1], [2, [3]]],
      new Map<PickleValue<object>, PickleValue<object>>([]),
      new Map<PickleValue<object>, PickleValue<object>>([
        ["a", 1],
        [2, [3]],
      ]),
      new Map<PickleValue<object>, PickleValue<object>>([
        [1.5, null],
        [true, false],
      ]),
    ],
  ],
  [
    "containers, protocol 3",
    "gANdcQAoKUsBhXEBSwFLAoZxAksBSwJLA4dxAyhLAUsCSwNLBHRxBF1xBV1xBihdcQdLAWFdcQgoSwJdcQlLA2FlZX1xCn1xCyhYAQAAAGFxDEsBSwJdcQ1LA2F1fXEOKEc/+AAAAAAAAE6IiXVlLg==",
    [
      [],
      [1],
      [1, 2],
      [1, 2, 3],
      [1, 2, 3, 4],
      [],
      [[1], [2, [3]]],
      new Map<PickleValue<object>, PickleValue<object>>([]),
      new Map<PickleValue<object>, PickleValue<object>>([
        ["a", 1],
        [2, [3]],
      ]),
      new Map<PickleValue<object>, PickleValue<object>>([
        [1.5, null],
        [true, false],
      ]),
    ],
  ],
  [
    "containers, protocol 4",
    "gASVXAAAAAAAAABdlCgpSwGFlEsBSwKGlEsBSwJLA4eUKEsBSwJLA0sEdJRdlF2UKF2USwFhXZQoSwJdlEsDYWVlfZR9lCiMAWGUSwFLAl2USwNhdX2UKEc/+AAAAAAAAE6IiXVlLg==",
    [
      [],
      [1],
      [1, 2],
      [1, 2, 3],
      [1, 2, 3, 4],
      [],
      [[1], [2, [3]]],
      new Map<PickleValue<object>, PickleValue<object>>([]),
      new Map<PickleValue<object>, PickleValue<object>>([
        ["a", 1],
        [2, [3]],
      ]),
      new Map<PickleValue<object>, PickleValue<object>>([
        [1.5, null],
        [true, false],
      ]),
    ],
  ],
  [
    "containers, protocol 5",
    "gAWVXAAAAAAAAABdlCgpSwGFlEsBSwKGlEsBSwJLA4eUKEsBSwJLA0sEdJRdlF2UKF2USwFhXZQoSwJdlEsDYWVlfZR9lCiMAWGUSwFLAl2USwNhdX2UKEc/+AAAAAAAAE6IiXVlLg==",
    [
      [],
      [1],
      [1, 2],
      [1, 2, 3],
      [1, 2, 3, 4],
      [],
      [[1], [2, [3]]],
      new Map<PickleValue<object>, PickleValue<object>>([]),
      new Map<PickleValue<object>, PickleValue<object>>([
        ["a", 1],
        [2, [3]],
      ]),
      new Map<PickleValue<object>, PickleValue<object>>([
        [1.5, null],
        [true, false],
      ]),
    ],
  ],
  [
    "sets, protocol 2",
    "gAJdcQAoY19fYnVpbHRpbl9fCnNldApxAV1xAihLAUsCSwNlhXEDUnEEY19fYnVpbHRpbl9fCmZyb3plbnNldApxBV1xBksEYYVxB1JxCGgBXXEJhXEKUnELZS4=",
    [
      new Set<PickleValue<object>>([1, 2, 3]),
      new Set<PickleValue<object>>([4]),
      new Set<PickleValue<object>>([]),
    ],
  ],
  [
    "sets, protocol 3",
    "gANdcQAoY2J1aWx0aW5zCnNldApxAV1xAihLAUsCSwNlhXEDUnEEY2J1aWx0aW5zCmZyb3plbnNldApxBV1xBksEYYVxB1JxCGgBXXEJhXEKUnELZS4=",
    [
      new Set<PickleValue<object>>([1, 2, 3]),
      new Set<PickleValue<object>>([4]),
      new Set<PickleValue<object>>([]),
    ],
  ],
  [
    "sets, protocol 4",
    "gASVFgAAAAAAAABdlCiPlChLAUsCSwOQKEsEkZSPlGUu",
    [
      new Set<PickleValue<object>>([1, 2, 3]),
      new Set<PickleValue<object>>([4]),
      new Set<PickleValue<object>>([]),
    ],
  ],
  [
    "sets, protocol 5",
    "gAWVFgAAAAAAAABdlCiPlChLAUsCSwOQKEsEkZSPlGUu",
    [
      new Set<PickleValue<object>>([1, 2, 3]),
      new Set<PickleValue<object>>([4]),
      new Set<PickleValue<object>>([]),
    ],
  ],
  [
    "an OrderedDict, protocol 2",
    "gAJjY29sbGVjdGlvbnMKT3JkZXJlZERpY3QKcQApUnEBKFgBAAAAYnECSwFYAQAAAGFxA0sChXEEdS4=",
    new Map<PickleValue<object>, PickleValue<object>>([
      ["b", 1],
      ["a", [2]],
    ]),
  ],
  [
    "an OrderedDict, protocol 3",
    "gANjY29sbGVjdGlvbnMKT3JkZXJlZERpY3QKcQApUnEBKFgBAAAAYnECSwFYAQAAAGFxA0sChXEEdS4=",
    new Map<PickleValue<object>, PickleValue<object>>([
      ["b", 1],
      ["a", [2]],
    ]),
  ],
  [
    "an OrderedDict, protocol 4",
    "gASVMgAAAAAAAACMC2NvbGxlY3Rpb25zlIwLT3JkZXJlZERpY3SUk5QpUpQojAFilEsBjAFhlEsChZR1Lg==",
    new Map<PickleValue<object>, PickleValue<object>>([
      ["b", 1],
      ["a", [2]],
    ]),
  ],
  [
    "an OrderedDict, protocol 5",
    "gAWVMgAAAAAAAACMC2NvbGxlY3Rpb25zlIwLT3JkZXJlZERpY3SUk5QpUpQojAFilEsBjAFhlEsChZR1Lg==",
    new Map<PickleValue<object>, PickleValue<object>>([
      ["b", 1],
      ["a", [2]],
    ]),
  ],
  ["a shared value, protocol 2", "gAJdcQAoXXEBSwFhaAFlLg==", [[1], [1]]],
  ["a shared value, protocol 3", "gANdcQAoXXEBSwFhaAFlLg==", [[1], [1]]],
  ["a shared value, protocol 4", "gASVDAAAAAAAAABdlChdlEsBYWgBZS4=", [[1], [1]]],
  ["a shared value, protocol 5", "gAWVDAAAAAAAAABdlChdlEsBYWgBZS4=", [[1], [1]]],
];

const load = (bytes: Uint8Array) =>
  unpickle<object>(bytes, {
    name: "x.pkl",
    functions: new Map(),
    constants: new Map(),
    persistentLoad: () => {
      throw new SparseLensError("no storages here");
    },
  });
const loadText = (text: string) => load(Buffer.from(text, "latin1"));

test.each(pickled)("%s", (_, base64, expected) => {
  expect(load(Buffer.from(base64, "base64"))).toEqual(expected);
});

describe("globals", () => {
  test.each([
    ["GLOBAL", "\x80\x02cos\nsystem\n(X\x02\x00\x00\x00lstR.", "os.system"],
    ["STACK_GLOBAL", "\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.", "builtins.eval"],
    ["not called", "\x80\x02cnumpy.core.multiarray\n_reconstruct\n.", "numpy.core.multiarray._reconstruct"],
    ["prototype", "\x80\x02c__proto__\nconstructor\n.", "__proto__.constructor"],
  ])("are refused by name: %s", (_, text, name) => {
    expect(() => loadText(text)).toThrow(SparseLensError);
    expect(() => loadText(text)).toThrow(`refers to the Python object "${name}"`);
    expect(() => loadText(text)).toThrow(/collections\.OrderedDict/);
  });

  test("opcodes that would call or look up are not known", () => {
    for (const text of ["\x80\x02(ios\nsystem\n.", "\x80\x02(cos\nsystem\no.", "\x80\x02\x82\x01."]) {
      expect(() => loadText(text)).toThrow(SparseLensError);
    }
  });

  test("a function is no value", () => {
    expect(() => loadText("\x80\x02ccollections\nOrderedDict\n.")).toThrow(/function, not data/);
  });
});

test("a key named __proto__ is a key", () => {
  const value = loadText("\x80\x02}X\x09\x00\x00\x00__proto__}s.") as Map<unknown, unknown>;
  expect(value.get("__proto__")).toEqual(new Map());
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});

test("attributes of an OrderedDict, such as the version numbers of a state_dict(), are passed over", () => {
  const dict = "\x80\x02ccollections\nOrderedDict\n)RK\x01K\x02s";
  expect(loadText(`${dict}}X\x09\x00\x00\x00_metadata}sb.`)).toEqual(new Map([[1, 2]]));
  expect(() => loadText("\x80\x02K\x01}b.")).toThrow(/sets attributes/);
});

describe("broken pickles are refused", () => {
  test.each([
    ["empty", "", /does not start/],
    ["protocol 0", "I1\n.", /does not start/],
    ["protocol 6", "\x80\x06N.", /protocol 6/],
    ["no end", "\x80\x02N", /truncated/],
    ["stack underflow", "\x80\x02.", /stack is empty/],
    ["mark as value", "\x80\x02(.", /stack is empty/],
    ["values left over", "\x80\x02NN.", /left over/],
    ["long string", "\x80\x02X\xff\xff\xff\xff.", /truncated/],
    ["long bytes", "\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.", /truncated/],
    ["negative long", "\x80\x02\x8b\xff\xff\xff\xff.", /integer has -1 bytes/],
    ["unknown memo", "\x80\x02h\x05.", /recalls value 5/],
    ["append to a number", "\x80\x02K\x01K\x02a.", /not a list/],
    ["odd items", "\x80\x02}(K\x01u.", /not a dict/],
    ["call of a number", "\x80\x02K\x01)R.", /not a function/],
    ["text that is not UTF-8", "\x80\x02X\x01\x00\x00\x00\xff.", /not UTF-8/],
  ])("%s", (_, text, message) => {
    expect(() => loadText(text)).toThrow(SparseLensError);
    expect(() => loadText(text)).toThrow(message);
  });
});

test("deep nesting needs no stack", () => {
  const depth = 200_000;
  let value = loadText(`\x80\x02${"]".repeat(depth)}${"a".repeat(depth - 1)}.`);
  for (let level = 1; level < depth; level++) value = (value as PickleValue<object>[])[0];
  expect(value).toEqual([]);
});

test("a small pickle cannot make a large heap", () => {
  // Each call copies the list made before.
  const list = `](${"N".repeat(1000)}e`;
  const copies = "c__builtin__\nset\nh\x00\x85R0".repeat(50_000);
  expect(() => loadText(`\x80\x02${list}q\x00${copies}.`)).toThrow(/far more objects/);
  expect(() => loadText(`\x80\x02${"}".repeat(3_000_000)}.`)).toThrow(/far more objects/);
});

test("random opcodes end in a value or an error of ours", () => {
  const opcodes = fc.constantFrom(
    ...Buffer.from(
      "N\x88\x89K\x01M\x01\x02J....\x8a\x01\x05G(0]})tlu\x85\x86\x87ae\x8f\x90\x91q\x00h\x00\x94Rb\x81Q2",
      "latin1",
    ),
  );
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 9, arbitrary: opcodes }, fc.nat(255)), { maxLength: 60 }),
      (codes) => {
        try {
          load(Uint8Array.of(0x80, 4, ...codes, 0x2e));
        } catch (error) {
          expect(error).toBeInstanceOf(SparseLensError);
        }
      },
    ),
    { numRuns: 20_000 },
  );
});
