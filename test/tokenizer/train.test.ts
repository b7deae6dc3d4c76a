import { Tokenizer as Oracle } from "@huggingface/tokenizers";
import fc from "fast-check";
import { expect, test } from "vitest";
import { toVocabularyAndMerges } from "../../src/formats/tokenizer-files.js";
import { byteCharacters, spellBytes } from "../../src/tokenizer/byte-alphabet.js";
import { TINYPYTHON_PATTERN } from "../../src/tokenizer/tinypython.js";
import { Tokenizer } from "../../src/tokenizer/tokenizer.js";
import { trainTokenizer } from "../../src/tokenizer/train.js";
import { anyText } from "./fixture.js";

const END_OF_TEXT = "<|endoftext|>";
/** What @huggingface/tokenizers takes for white space differs from the Rust library, which we follow. */
const ORACLE_DIFFERS = /[\u0085\ufeff]/u;

/** Few letters, so that pairs repeat, overlap (a a a) and tie. */
const repetitiveText = fc.string({ unit: fc.constantFrom("a", "b", "c", " ", "\n", "é"), maxLength: 60 });
const documents = fc.array(fc.oneof(repetitiveText, anyText), { minLength: 1, maxLength: 6 });

/** Counts everything again for every merge. */
function trainNaively(texts: string[], vocabularySize: number, minimumCount: number) {
  const pattern = new RegExp(
    TINYPYTHON_PATTERN.replaceAll("\\s", "\\p{White_Space}").replaceAll("\\S", "\\P{White_Space}"),
    "gu",
  );
  let words = texts
    .flatMap((text) => text.replace(/\p{Surrogate}/gu, "\ufffd").match(pattern) ?? [])
    .map((word) => [...spellBytes(new TextEncoder().encode(word))]);
  const tokens = [...byteCharacters].sort();
  const merges: string[] = [];
  while (tokens.length < vocabularySize - 1) {
    const counts = new Map<string, number>();
    for (const word of words) {
      for (let index = 1; index < word.length; index++) {
        const pair = `${word[index - 1]} ${word[index]}`;
        counts.set(pair, (counts.get(pair) ?? 0) + 1);
      }
    }
    const rank = (pair: string) => pair.split(" ").map((token) => tokens.indexOf(token));
    const [best] = [...counts]
      .filter(([, count]) => count >= minimumCount)
      .sort(([a, m], [b, n]) => n - m || rank(a)[0] - rank(b)[0] || rank(a)[1] - rank(b)[1]);
    if (!best) break;
    merges.push(best[0]);
    const [left, right] = best[0].split(" ");
    tokens.push(left + right);
    words = words.map((word) => {
      const merged: string[] = [];
      for (let index = 0; index < word.length; index++) {
        if (word[index] === left && word[index + 1] === right) {
          merged.push(left + right);
          index++;
        } else merged.push(word[index]);
      }
      return merged;
    });
  }
  return { tokens: [...tokens, END_OF_TEXT], merges };
}

const tokensOf = (tokenizer: Tokenizer) =>
  Array.from({ length: tokenizer.vocabularySize }, (_, id) => tokenizer.token(id));
const vocabularyOf = (tokenizer: Tokenizer) =>
  toVocabularyAndMerges({ tokenizerJson: tokenizer.toTokenizerJson(), location: "trained" });
const mergesOf = (tokenizer: Tokenizer) => vocabularyOf(tokenizer).merges.split("\n").slice(1, -1);

test("learns what counting everything anew for every merge learns", async () => {
  await fc.assert(
    fc.asyncProperty(
      documents,
      fc.integer({ min: 257, max: 320 }),
      fc.constantFrom(1, 2, 3),
      async (texts, vocabularySize, minimumCount) => {
        fc.pre(texts.some((text) => text !== ""));
        const tokenizer = await trainTokenizer(texts, { vocabularySize, minimumCount });
        const naive = trainNaively(texts, vocabularySize, minimumCount);
        expect(tokensOf(tokenizer)).toEqual(naive.tokens);
        expect(new Set(naive.tokens).size).toBe(naive.tokens.length);
        expect(mergesOf(tokenizer)).toEqual(naive.merges);
      },
    ),
  );
});

test("encodes as @huggingface/tokenizers does with the same tokenizer.json, and both forms say the same", async () => {
  await fc.assert(
    fc.asyncProperty(documents, async (texts) => {
      fc.pre(texts.some((text) => text !== ""));
      const tokenizer = await trainTokenizer(texts, { vocabularySize: 300 });
      const json = JSON.parse(JSON.stringify(tokenizer.toTokenizerJson()));
      const oracle = new Oracle(json, { clean_up_tokenization_spaces: false });
      const other = Tokenizer.fromVocabulary(vocabularyOf(tokenizer));
      for (const text of texts) {
        if (ORACLE_DIFFERS.test(text)) continue;
        const ids = tokenizer.encode(text);
        expect(ids).toEqual(oracle.encode(text).ids);
        expect(other.encode(text)).toEqual(ids);
      }
    }),
    { numRuns: 50 },
  );
});

test("neither the order of the documents nor how they are cut changes the result", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(repetitiveText, { minLength: 2, maxLength: 6 }), async (texts) => {
      fc.pre(texts.some((text) => text !== ""));
      const train = (documents: Iterable<string> | AsyncIterable<string>) =>
        trainTokenizer(documents, { vocabularySize: 290 });
      const expected = (await train(texts)).toTokenizerJson();
      expect((await train([...texts].reverse())).toTokenizerJson()).toEqual(expected);
      const stream = (async function* () {
        yield* texts;
      })();
      expect((await train(stream)).toTokenizerJson()).toEqual(expected);
    }),
    { numRuns: 50 },
  );
});

test("the end of text is the last id, and never learned from text", async () => {
  const tokenizer = await trainTokenizer([`${END_OF_TEXT} `.repeat(50)], { vocabularySize: 280 });
  expect(tokenizer.vocabularySize).toBeLessThanOrEqual(280);
  expect(tokenizer.endOfText).toBe(tokenizer.vocabularySize - 1);
  const plain = tokenizer.encode(END_OF_TEXT, { recognizeSpecialTokens: false });
  expect(plain).not.toContain(tokenizer.endOfText);
  expect(tokenizer.encode(END_OF_TEXT)).toEqual([tokenizer.endOfText]);
  const without = await trainTokenizer(["x"], { vocabularySize: 257 });
  expect([without.vocabularySize, without.endOfText]).toEqual([257, 256]);
});

test("a merge that reads like a header is a merge", async () => {
  // "#versions" is one word: the last merges start with "#version".
  const tokenizer = await trainTokenizer(["#version\n".repeat(9), "#versions\n".repeat(3)], {
    vocabularySize: 300,
  });
  expect(mergesOf(tokenizer)).toContain("#version s");
  expect(tokenizer.encode("#versions")).toHaveLength(1);
});

test("what cannot be trained is said", async () => {
  for (const vocabularySize of [256, 65537, 300.5, Number.NaN]) {
    await expect(trainTokenizer(["text"], { vocabularySize })).rejects.toThrow(/from 257 .* to 65536/);
  }
  await expect(trainTokenizer([""], { vocabularySize: 300 })).rejects.toThrow(/no text/);
  const controller = new AbortController();
  const trained = trainTokenizer(["ab".repeat(1000), "cde"], {
    vocabularySize: 300,
    minimumCount: 1,
    signal: controller.signal,
  });
  controller.abort(new Error("stopped"));
  await expect(trained).rejects.toThrow("stopped");
});
