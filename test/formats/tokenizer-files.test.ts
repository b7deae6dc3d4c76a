import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  endOfTextId,
  isTinypython,
  toTokenizerJson,
  toVocabularyAndMerges,
} from "../../src/formats/tokenizer-files.js";
import { committedFixtures } from "./fixture-files.js";

const read = (name: string) => readFileSync(`${committedFixtures}/tokenizer/${name}`, "utf8");
const location = "tokenizer";
const pair = { vocabulary: JSON.parse(read("encoder.json")), merges: read("vocab.bpe"), location };
const single = { tokenizerJson: JSON.parse(read("tokenizer.json")), location };

test("the two published forms turn into each other", () => {
  expect(toTokenizerJson(pair)).toEqual(single.tokenizerJson);
  expect(toVocabularyAndMerges(single)).toEqual({ vocabulary: pair.vocabulary, merges: pair.merges });
  expect(toTokenizerJson(single)).toBe(single.tokenizerJson);
  expect(toVocabularyAndMerges(pair)).toMatchObject({ merges: pair.merges });
  expect([endOfTextId(pair), endOfTextId(single)]).toEqual([767, 767]);
});

test("newer files list merges as pairs, and added tokens outside the vocabulary", () => {
  const { model, added_tokens } = structuredClone(single.tokenizerJson);
  delete model.vocab["<|endoftext|>"];
  model.merges = model.merges.map((merge: string) => merge.split(" "));
  expect(toVocabularyAndMerges({ tokenizerJson: { model, added_tokens }, location })).toEqual(
    toVocabularyAndMerges(single),
  );
});

test("another way to split text is noticed", () => {
  expect(isTinypython(pair)).toBe(true);
  expect(isTinypython(single)).toBe(true);
  const other = structuredClone(single.tokenizerJson);
  other.pre_tokenizer.pretokenizers[0].pattern.Regex = "\\s+";
  expect(isTinypython({ tokenizerJson: other, location })).toBe(false);
  const byteLevel = { ...single.tokenizerJson, pre_tokenizer: { type: "ByteLevel", use_regex: true } };
  expect(isTinypython({ tokenizerJson: byteLevel, location })).toBe(false);
});

test("what is no such tokenizer is refused", () => {
  expect(() => toVocabularyAndMerges({ tokenizerJson: { model: { type: "Unigram" } }, location })).toThrow(
    /only a BPE/,
  );
  expect(() => toTokenizerJson({ ...pair, merges: "a b c" })).toThrow(
    /merges, line 1: expected two tokens with a space between them, got "a b c"/,
  );
  expect(() => toTokenizerJson({ location })).toThrow(/not a complete tokenizer/);
  const model = { type: "BPE", vocab: { a: -1 }, merges: [] };
  expect(() => toVocabularyAndMerges({ tokenizerJson: { model }, location })).toThrow(
    /id of token "a" is -1/,
  );
});
