import { Tokenizer as Oracle } from "@huggingface/tokenizers";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SparseLensError } from "../../src/errors.js";
import { isTinypython, toVocabularyAndMerges } from "../../src/formats/tokenizer-files.js";
import { Tokenizer } from "../../src/tokenizer/tokenizer.js";
import { anyText, BYTE_LEVEL, sequence, split, tokenizerJson, vocabularyFiles } from "./fixture.js";

const location = "tokenizer.json";
const tokenizer = Tokenizer.fromTokenizerJson(tokenizerJson());
const isWellFormed = (text: string) => !/\p{Surrogate}/u.test(text);
const utf8 = (text: string) => new TextEncoder().encode(text);

const CL100K =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const CL100K_POSSESSIVE =
  "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s*[\\r\\n]|\\s+(?!\\S)|\\s";
const O200K =
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const QWEN2 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const DEEPSEEK =
  "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

const selfToken = {
  id: 359,
  content: "self",
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: false,
};

const variations: Record<string, ReturnType<typeof tokenizerJson>> = {
  "as trained": tokenizerJson(),
  "GPT-2": tokenizerJson({ pre_tokenizer: { ...BYTE_LEVEL, use_regex: true } }),
  "with prefix space": tokenizerJson({
    pre_tokenizer: { ...BYTE_LEVEL, use_regex: true, add_prefix_space: true },
  }),
  "one piece": tokenizerJson({ pre_tokenizer: BYTE_LEVEL }),
  cl100k: tokenizerJson({ pre_tokenizer: sequence(split({ Regex: CL100K }), BYTE_LEVEL) }),
  o200k: tokenizerJson({ pre_tokenizer: sequence(split({ Regex: O200K }), BYTE_LEVEL) }),
  "qwen 2": tokenizerJson({
    normalizer: { type: "NFC" },
    pre_tokenizer: sequence(split({ Regex: QWEN2 }), BYTE_LEVEL),
  }),
  "deepseek v3": tokenizerJson({
    normalizer: { type: "Sequence", normalizers: [] },
    pre_tokenizer: sequence(
      split({ Regex: "\\p{N}{1,3}" }),
      split({ Regex: "[一-龥぀-ゟ゠-ヿ]+" }),
      split({ Regex: DEEPSEEK }),
      BYTE_LEVEL,
    ),
  }),
  starcoder: tokenizerJson({
    pre_tokenizer: sequence({ type: "Digits", individual_digits: true }, { ...BYTE_LEVEL, use_regex: true }),
  }),
  "NFKC, whole pieces first, pairs of merges": tokenizerJson({
    normalizer: { type: "NFKC" },
    model: {
      ...tokenizerJson().model,
      ignore_merges: true,
      merges: tokenizerJson().model.merges.map((merge) => (merge as string).split(" ")),
    },
  }),
  "added tokens": tokenizerJson({
    added_tokens: [...tokenizerJson().added_tokens, selfToken],
  }),
  "a string, isolated": tokenizerJson({ pre_tokenizer: sequence(split({ String: "e" }), BYTE_LEVEL) }),
  "spaces, removed": tokenizerJson({
    pre_tokenizer: sequence(split({ Regex: " +" }, "Removed"), BYTE_LEVEL),
  }),
};

/**
 * Where @huggingface/tokenizers departs from the Rust library, which we follow: it has JavaScript's white space in
 * GPT-2's pattern and folds the case of ASCII only. Its Digits pre-tokenizer, besides, knows ASCII digits only.
 */
const ORACLE_DIFFERS = /[\u0085\ufeff\u017f\u212a]/u;
const DIGITS_BEYOND_ASCII = /(?![0-9])\p{N}/u;

describe("against @huggingface/tokenizers", () => {
  for (const [name, json] of Object.entries(variations)) {
    it(name, () => {
      const ours = Tokenizer.fromTokenizerJson(json);
      const oracle = new Oracle(json, { clean_up_tokenization_spaces: false });
      fc.assert(
        fc.property(anyText, (text) => {
          fc.pre(!ORACLE_DIFFERS.test(text));
          fc.pre(name !== "starcoder" || !DIGITS_BEYOND_ASCII.test(text));
          const ids = ours.encode(text);
          expect(ids).toEqual(oracle.encode(text).ids);
          if (ids.length > 0) expect(ours.decode(ids)).toBe(oracle.decode(ids));
        }),
        { numRuns: 300 },
      );
    });
  }

  it("possessive quantifiers mean what tiktoken's pattern says", () => {
    const json = tokenizerJson({ pre_tokenizer: sequence(split({ Regex: CL100K_POSSESSIVE }), BYTE_LEVEL) });
    const greedy = tokenizerJson({
      pre_tokenizer: sequence(split({ Regex: CL100K_POSSESSIVE.replace(/([+*?])\+/g, "$1") }), BYTE_LEVEL),
    });
    const possessive = Tokenizer.fromTokenizerJson(json);
    const oracle = new Oracle(greedy, { clean_up_tokenization_spaces: false });
    fc.assert(
      fc.property(anyText, (text) => {
        // In this pattern nothing that follows a possessive part can match what it took, so greedy is the same.
        fc.pre(!ORACLE_DIFFERS.test(text));
        expect(possessive.encode(text)).toEqual(oracle.encode(text).ids);
      }),
    );
  });
});

describe("the layout of the blob store", () => {
  it("gives the ids of the Hugging Face layout", () => {
    const other = Tokenizer.fromVocabulary(vocabularyFiles());
    expect(other.vocabularySize).toBe(768);
    expect(other.endOfText).toBe(767);
    fc.assert(
      fc.property(anyText, (text) => {
        expect(other.encode(text)).toEqual(tokenizer.encode(text));
      }),
    );
  });

  it("is written back as it was, and converts to a tokenizer.json and back", () => {
    const files = vocabularyFiles();
    const other = Tokenizer.fromVocabulary(files);
    expect(toVocabularyAndMerges({ tokenizerJson: other.toTokenizerJson(), location })).toEqual(files);
    expect(other.toTokenizerJson()).toEqual(tokenizerJson());
  });

  it("takes special tokens that the vocabulary does not hold", () => {
    const files = vocabularyFiles();
    delete files.vocabulary["<|endoftext|>"];
    expect(Tokenizer.fromVocabulary(files).endOfText).toBeUndefined();
    const other = Tokenizer.fromVocabulary({ ...files, specialTokens: { "<|endoftext|>": 800 } });
    expect(other.endOfText).toBe(800);
    expect(other.vocabularySize).toBe(801);
    expect(other.encode("<|endoftext|>")).toEqual([800]);
    expect(other.token(790)).toBeUndefined();
    expect(other.decode([800, 790, 800])).toBe("<|endoftext|><|endoftext|>");
    const parts = { tokenizerJson: other.toTokenizerJson(), location };
    expect(toVocabularyAndMerges(parts).vocabulary["<|endoftext|>"]).toBe(800);
  });

  it("cannot express other pre-tokenizers", () => {
    const names = Object.keys(variations).filter((name) =>
      isTinypython({ tokenizerJson: variations[name], location }),
    );
    expect(names).toEqual(["as trained"]);
  });

  it("accepts merges files with Windows line ends and without a version", () => {
    const files = vocabularyFiles();
    const merges = files.merges.replace(/^#version.*\n/, "").replaceAll("\n", "\r\n");
    expect(Tokenizer.fromVocabulary({ ...files, merges }).encode("def f(x):")).toEqual(
      tokenizer.encode("def f(x):"),
    );
  });
});

/** Merging as tiktoken does it: the adjacent pair whose concatenation has the lowest id, again and again. */
function mergeSlowly(bytes: Uint8Array): number[] {
  const { vocabulary } = vocabularyFiles();
  const parts = Array.from(bytes, (byte) => tokenizer.token(tokenizer.encode(Uint8Array.of(byte))[0])!);
  for (;;) {
    const ids = parts.slice(1).map((part, index) => vocabulary[parts[index] + part] ?? Infinity);
    const best = Math.min(...ids);
    if (best === Infinity) return parts.map((part) => vocabulary[part]);
    const at = ids.indexOf(best);
    parts.splice(at, 2, parts[at] + parts[at + 1]);
  }
}

describe("bytes", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    // Cut and corrupted UTF-8 in the middle of text.
    fc.tuple(anyText, fc.uint8Array({ maxLength: 3 }), fc.nat()).map(([text, noise, position]) => {
      const content = [...utf8(text)];
      content.splice(position % (content.length + 1), noise.length && 1, ...noise);
      return Uint8Array.from(content);
    }),
  );

  it("come back from every encoding", () => {
    fc.assert(
      fc.property(bytes, (content) => {
        expect(tokenizer.decodeBytes(tokenizer.encode(content))).toEqual(content);
      }),
      { numRuns: 1000 },
    );
  });

  it("are encoded as the text that they spell", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        fc.pre(isWellFormed(text));
        expect(tokenizer.encode(utf8(text))).toEqual(tokenizer.encode(text));
      }),
    );
  });

  it("decode to the text with U+FFFD for what is not UTF-8", () => {
    fc.assert(
      fc.property(bytes, (content) => {
        const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(content);
        expect(tokenizer.decode(tokenizer.encode(content))).toBe(text);
      }),
    );
  });

  it("merge to the tokens that the slow definition gives", () => {
    const word = fc.string({ unit: fc.constantFrom(..."selfrturn_ =(inx:\n"), maxLength: 40 });
    const oneWord = Tokenizer.fromTokenizerJson(tokenizerJson({ pre_tokenizer: BYTE_LEVEL }));
    fc.assert(
      fc.property(word, (text) => {
        expect(oneWord.encode(text)).toEqual(mergeSlowly(utf8(text)));
      }),
      { numRuns: 300 },
    );
  });

  it("in a long word take time that grows with n log n", () => {
    const letters = "selfreturn";
    const word = Array.from(
      { length: 400_000 },
      (_, index) => letters[(index * index * 7 + index) % 10],
    ).join("");
    const start = performance.now();
    const ids = tokenizer.encode(word);
    // Quadratic merging takes minutes.
    expect(performance.now() - start).toBeLessThan(5000);
    expect(tokenizer.decode(ids)).toBe(word);
  });

  it("that the vocabulary lacks are an error naming the byte", () => {
    const files = vocabularyFiles();
    delete files.vocabulary.é;
    const merges = "";
    const lacking = Tokenizer.fromVocabulary({ ...files, merges }, "some/encoder.json");
    expect(() => lacking.encode(Uint8Array.of(0xe9))).toThrow(/^some\/encoder.json: .* byte 0xe9/);
    expect(lacking.decode(lacking.encode("è"))).toBe("è");
  });
});

describe("lone surrogates", () => {
  it("are encoded as U+FFFD", () => {
    expect(tokenizer.encode("a\ud800b")).toEqual(tokenizer.encode("a\ufffdb"));
    expect(tokenizer.encode("\udc00\ud800")).toEqual(tokenizer.encode("\ufffd\ufffd"));
    expect(tokenizer.encodeWithOffsets("\ud800x").characterOffsets.at(-1)).toEqual([1, 2]);
  });
});

describe("offsets", () => {
  const codePointStart = (text: string, unit: number) =>
    unit > 0 && /[\udc00-\udfff]/.test(text[unit]) && /[\ud800-\udbff]/.test(text[unit - 1])
      ? unit - 1
      : unit;

  it("cover the text byte by byte, and the characters that these bytes belong to", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        fc.pre(isWellFormed(text));
        const content = utf8(text);
        const encoding = tokenizer.encodeWithOffsets(text);
        expect(encoding.ids).toEqual(tokenizer.encode(text));
        let position = 0;
        encoding.ids.forEach((id, index) => {
          const [start, end] = encoding.byteOffsets[index];
          expect(start).toBe(position);
          expect(content.subarray(start, end)).toEqual(Uint8Array.from(tokenizer.tokenBytes(id)));
          expect(encoding.tokens[index]).toBe(tokenizer.token(id));
          position = end;
          const [first, last] = encoding.characterOffsets[index];
          expect(codePointStart(text, first)).toBe(first);
          expect(utf8(text.slice(0, first)).length).toBeLessThanOrEqual(start);
          expect(utf8(text.slice(0, last)).length).toBeGreaterThanOrEqual(end);
          // No smaller range would do.
          expect(
            utf8(text.slice(0, first + 1 + Number(text.codePointAt(first)! > 0xffff))).length,
          ).toBeGreaterThan(start);
          expect(utf8(text.slice(0, codePointStart(text, last - 1))).length).toBeLessThan(end);
        });
        expect(position).toBe(content.length);
      }),
      { numRuns: 300 },
    );
  });

  it("of a character split over tokens share its range", () => {
    const { byteOffsets, characterOffsets } = tokenizer.encodeWithOffsets("x🙂");
    expect(byteOffsets).toEqual([
      [0, 1],
      [1, 2],
      [2, 3],
      [3, 4],
      [4, 5],
    ]);
    expect(characterOffsets).toEqual([
      [0, 1],
      [1, 3],
      [1, 3],
      [1, 3],
      [1, 3],
    ]);
  });

  it("of bytes that are not UTF-8 point into the decoded text", () => {
    // One cut-off character (two bytes, one U+FFFD), one stray byte, between letters.
    const { byteOffsets, characterOffsets } = tokenizer.encodeWithOffsets(
      Uint8Array.of(0x78, 0xe2, 0x82, 0xff, 0x79),
    );
    expect(byteOffsets).toEqual([
      [0, 1],
      [1, 2],
      [2, 3],
      [3, 4],
      [4, 5],
    ]);
    expect(characterOffsets).toEqual([
      [0, 1],
      [1, 2],
      [1, 2],
      [2, 3],
      [3, 4],
    ]);
  });

  it("go through normalisation", () => {
    const nfc = Tokenizer.fromTokenizerJson(variations["qwen 2"]);
    // e and an accent become é, two bytes in two tokens, which both stand for all of what was composed.
    const { ids, byteOffsets, characterOffsets } = nfc.encodeWithOffsets("xe\u0301 1");
    expect(ids).toEqual(nfc.encode("x\u00e9 1"));
    expect(byteOffsets).toEqual([
      [0, 1],
      [1, 4],
      [1, 4],
      [4, 5],
      [5, 6],
    ]);
    expect(characterOffsets).toEqual([
      [0, 1],
      [1, 3],
      [1, 3],
      [3, 4],
      [4, 5],
    ]);
    fc.assert(
      fc.property(anyText, (text) => {
        fc.pre(isWellFormed(text));
        const encoding = nfc.encodeWithOffsets(text);
        let reached = 0;
        for (const [start, end] of encoding.characterOffsets) {
          expect(start).toBeLessThanOrEqual(reached);
          expect(end).toBeGreaterThan(start);
          reached = Math.max(reached, end);
        }
        expect(reached).toBe(text.length);
      }),
    );
  });

  it("of an inserted space are empty", () => {
    const prefixed = Tokenizer.fromTokenizerJson(variations["with prefix space"]);
    const { tokens, byteOffsets } = prefixed.encodeWithOffsets("7");
    expect(tokens).toEqual(["Ġ", "7"]);
    expect(byteOffsets).toEqual([
      [0, 0],
      [0, 1],
    ]);
  });
});

describe("special tokens", () => {
  it("are recognised unless that is turned off", () => {
    expect(tokenizer.endOfText).toBe(767);
    expect(tokenizer.encode("a<|endoftext|>")).toEqual([tokenizer.id("a"), 767]);
    const plain = tokenizer.encode("<|endoftext|>", { recognizeSpecialTokens: false });
    expect(plain).not.toContain(767);
    expect(tokenizer.decode(plain)).toBe("<|endoftext|>");
  });

  it("are left out of the text on request", () => {
    expect(tokenizer.decode([767, 64, 767])).toBe("<|endoftext|>a<|endoftext|>");
    expect(tokenizer.decode([767, 64, 767], { skipSpecialTokens: true })).toBe("a");
  });

  it("take white space, stay whole words, and prefer the longest", () => {
    const token = (id: number, content: string, more: object) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
      ...more,
    });
    const custom = Tokenizer.fromTokenizerJson(
      tokenizerJson({
        added_tokens: [
          token(768, "<l>", { lstrip: true }),
          token(769, "<r>", { rstrip: true }),
          token(770, "kiwi", { single_word: true }),
          token(771, "<l><r>", {}),
        ],
      }),
    );
    const { ids, characterOffsets } = custom.encodeWithOffsets("a \n<l> b<r>\t c<l><r>");
    expect(ids).toEqual([64, 768, ...custom.encode(" b"), 769, custom.id("c"), 771]);
    expect(characterOffsets[1]).toEqual([1, 6]);
    expect(characterOffsets[ids.indexOf(769)]).toEqual([8, 13]);
    expect(custom.encode("a kiwi.")).toContain(770);
    expect(custom.encode("akiwis kiwis 𝒳kiwi")).not.toContain(770);
  });

  it("come around the text where the post-processor says so", () => {
    const framed = Tokenizer.fromTokenizerJson(
      tokenizerJson({
        post_processor: {
          type: "Sequence",
          processors: [
            { type: "ByteLevel", add_prefix_space: true, trim_offsets: false, use_regex: true },
            {
              type: "TemplateProcessing",
              single: [
                { SpecialToken: { id: "<|endoftext|>", type_id: 0 } },
                { Sequence: { id: "A", type_id: 0 } },
                { SpecialToken: { id: "<|endoftext|>", type_id: 0 } },
              ],
              pair: [],
              special_tokens: {
                "<|endoftext|>": { id: "<|endoftext|>", ids: [767], tokens: ["<|endoftext|>"] },
              },
            },
          ],
        },
      }),
    );
    expect(framed.encode("a")).toEqual([767, 64, 767]);
    expect(framed.encode("a", { addSpecialTokens: false })).toEqual([64]);
    expect(framed.encodeWithOffsets("ä").byteOffsets).toEqual([
      [0, 0],
      [0, 1],
      [1, 2],
      [2, 2],
    ]);
    expect(framed.encodeWithOffsets(Uint8Array.of(0x61, 0xff)).characterOffsets.at(-1)).toEqual([2, 2]);
  });

  it("name the end of a text", () => {
    expect(Tokenizer.fromTokenizerJson(tokenizerJson(), "t", { endOfText: "a" }).endOfText).toBe(64);
    expect(() => Tokenizer.fromTokenizerJson(tokenizerJson(), "t", { endOfText: "</s>" })).toThrow(/"<\/s>"/);
  });
});

describe("errors name the file and the key", () => {
  const model = tokenizerJson().model;
  const cases: [string, unknown, RegExp][] = [
    ["not an object", [], /expected an object/],
    ["another model", tokenizerJson({ model: { ...model, type: "Unigram" } }), /model\.type: "Unigram"/],
    ["byte fallback", tokenizerJson({ model: { ...model, byte_fallback: true } }), /model\.byte_fallback/],
    ["dropout", tokenizerJson({ model: { ...model, dropout: 0.1 } }), /model\.dropout: 0\.1/],
    [
      "a suffix",
      tokenizerJson({ model: { ...model, end_of_word_suffix: "</w>" } }),
      /model\.end_of_word_suffix/,
    ],
    [
      "a bad id",
      tokenizerJson({ model: { ...model, vocab: { a: 1.5 } } }),
      /model\.vocab\.a: expected a token id/,
    ],
    ["an id twice", tokenizerJson({ model: { ...model, vocab: { a: 1, b: 1 } } }), /model\.vocab\.b: id 1/],
    ["a bad merge", tokenizerJson({ model: { ...model, merges: ["a b c"] } }), /model\.merges\[0\]/],
    [
      "an unknown merge",
      tokenizerJson({ model: { ...model, merges: [["a", "日"]] } }),
      /merges\[0\]: .*"日"/,
    ],
    ["a normalizer", tokenizerJson({ normalizer: { type: "Lowercase" } }), /normalizer\.type: Lowercase/],
    ["no pre-tokenizer", tokenizerJson({ pre_tokenizer: null }), /pre_tokenizer: missing/],
    ["no bytes", tokenizerJson({ pre_tokenizer: { type: "Whitespace" } }), /pre_tokenizer: .*ByteLevel/],
    [
      "another pre-tokenizer",
      tokenizerJson({ pre_tokenizer: sequence({ type: "Metaspace" }, BYTE_LEVEL) }),
      /pretokenizers\[0\]\.type: Metaspace/,
    ],
    [
      "a behavior",
      tokenizerJson({ pre_tokenizer: sequence(split({ String: "x" }, "Merged"), BYTE_LEVEL) }),
      /pretokenizers\[0\]\.behavior/,
    ],
    [
      "a regular expression",
      tokenizerJson({ pre_tokenizer: sequence(split({ Regex: "(a)\\1" }), BYTE_LEVEL) }),
      /pretokenizers\[0\]\.pattern\.Regex: the escape \\1 at position 4/,
    ],
    [
      "a post-processor",
      tokenizerJson({ post_processor: { type: "BertProcessing" } }),
      /post_processor\.type/,
    ],
    ["a decoder", tokenizerJson({ decoder: { type: "Metaspace" } }), /decoder\.type: "Metaspace"/],
    [
      "an added token",
      tokenizerJson({ added_tokens: [{ id: 5, content: "<x>", special: true }] }),
      /added_tokens\[0\]: id 5 belongs/,
    ],
    [
      "an added token with another id",
      tokenizerJson({ added_tokens: [{ id: 900, content: "a", special: true }] }),
      /added_tokens\[0\]: "a" has id 900 here and 64/,
    ],
    ["an unknown key", tokenizerJson({ surprise: true }), /surprise: true/],
  ];
  for (const [name, json, message] of cases) {
    it(name, () => {
      const load = () => Tokenizer.fromTokenizerJson(json, "some/tokenizer.json");
      expect(load).toThrow(SparseLensError);
      expect(load).toThrow(message);
      expect(load).toThrow(/^some\/tokenizer\.json: /);
    });
  }

  it("in a merges file the line", () => {
    const load = () =>
      Tokenizer.fromVocabulary({ vocabulary: { a: 0 }, merges: "#version: 0.2\na\n" }, "vocab.bpe");
    expect(load).toThrow(/^vocab\.bpe: merges, line 2/);
  });

  it("ids that are none", () => {
    expect(() => tokenizer.decode([-1])).toThrow(/-1 is not a token id/);
    expect(() => tokenizer.decode([0.5])).toThrow(SparseLensError);
  });
});
