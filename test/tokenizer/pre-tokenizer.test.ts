import { describe, expect, it } from "vitest";
import { AlignedText } from "../../src/tokenizer/aligned-text.js";
import { Field } from "../../src/tokenizer/definition.js";
import { parsePreTokenizer } from "../../src/tokenizer/pre-tokenizer.js";
import { BYTE_LEVEL, sequence, split } from "./fixture.js";

function pieces(definition: object, text: string): string[] {
  const preTokenizer = parsePreTokenizer(new Field(definition, "tokenizer.json", "pre_tokenizer"));
  return preTokenizer(AlignedText.unchanged(text, 0)).map((piece) => piece.text);
}

describe("Split", () => {
  const behaviors: [behavior: string, expected: string[], inverted: string[]][] = [
    ["Isolated", ["the", "-", "final", "-", "-", "down"], ["the", "-", "final", "-", "-", "down"]],
    ["Removed", ["the", "final", "down"], ["-", "-", "-"]],
    ["MergedWithPrevious", ["the-", "final-", "-", "down"], ["the", "-final", "-", "-down"]],
    ["MergedWithNext", ["the", "-final", "-", "-down"], ["the-", "final-", "-", "down"]],
    ["Contiguous", ["the", "-", "final", "--", "down"], ["the", "-", "final", "--", "down"]],
  ];
  for (const [behavior, expected, inverted] of behaviors) {
    it(behavior, () => {
      for (const pattern of [{ String: "-" }, { Regex: "-" }]) {
        expect(pieces(sequence(split(pattern, behavior), BYTE_LEVEL), "the-final--down")).toEqual(expected);
        expect(pieces(sequence(split(pattern, behavior, true), BYTE_LEVEL), "the-final--down")).toEqual(
          inverted,
        );
      }
    });
  }

  it("takes a string as it is and drops what is empty", () => {
    expect(pieces(sequence(split({ String: ".*" }), BYTE_LEVEL), "a.*b")).toEqual(["a", ".*", "b"]);
    expect(pieces(sequence(split({ Regex: "x*" }), BYTE_LEVEL), "🙂xx🙂")).toEqual(["🙂", "xx", "🙂"]);
    expect(pieces(BYTE_LEVEL, "")).toEqual([]);
  });
});

describe("Digits", () => {
  const digits = (individual: boolean) =>
    sequence({ type: "Digits", individual_digits: individual }, BYTE_LEVEL);
  it("knows digits of all scripts", () => {
    expect(pieces(digits(true), "\n\nⅧ12a")).toEqual(["\n\n", "Ⅷ", "1", "2", "a"]);
    expect(pieces(digits(false), "a12٣b")).toEqual(["a", "12٣", "b"]);
  });
});

describe("ByteLevel", () => {
  it("has Unicode's white space in GPT-2's pattern", () => {
    const gpt2 = { ...BYTE_LEVEL, use_regex: true };
    expect(pieces(gpt2, "a\ufeff b\u0085\u0085 c's")).toEqual([
      "a",
      "\ufeff",
      " b",
      "\u0085\u0085",
      " c",
      "'s",
    ]);
  });

  it("puts a space in front of every section", () => {
    const prefixed = sequence(split({ String: "b" }, "Removed"), { ...BYTE_LEVEL, add_prefix_space: true });
    expect(pieces(prefixed, "ab cb\u00a0d")).toEqual([" a", " c", " \u00a0d"]);
  });
});
