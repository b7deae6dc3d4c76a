import { describe, expect, it } from "vitest";
import { SparseLensError } from "../../src/errors.js";
import { translateRegularExpression } from "../../src/tokenizer/regular-expression.js";

const matches = (pattern: string, text: string) =>
  text.match(translateRegularExpression(pattern, "test")) ?? [];

describe("translateRegularExpression", () => {
  const cases: [what: string, pattern: string, text: string, expected: string[]][] = [
    ["white space is Unicode's", "\\s+", "a\u0085\u3000b\ufeff", ["\u0085\u3000"]],
    ["and so is its complement in a class", "[^\\s]+", "a\u0085b\ufeff", ["a", "b\ufeff"]],
    ["and outside", "\\S", "\u0085\ufeff", ["\ufeff"]],
    ["words and digits are Unicode's", "\\w+|\\d", "é_٣ x", ["é_٣", "x"]],
    ["word boundaries", "\\bé\\w*", "né éa", ["éa"]],
    ["hexadecimal digits", "\\h+", "0fG", ["0f"]],
    ["a dot is anything but a line feed", ".+", "a\r\u2028b\nc", ["a\r\u2028b", "c"]],
    ["^ and $ are at lines", "^.|.$", "ab\ncd\n", ["a", "b", "c", "d"]],
    ["^ is not after the last line", "^", "a\n", [""]],
    ["\\A and \\z are at the ends", "\\A.|.\\z|.\\Z", "ab\ncd", ["a", "d"]],
    ["\\Z allows a last line feed", "d\\Z", "d\nd\n", ["d"]],
    ["case is ignored in a group only", "(?i:'s)s", "'Ss 'ſs 'sS", ["'Ss", "'ſs"]],
    ["and in classes", "(?i:[a-cK])+", "aBCdk\u212aK", ["aBC", "k\u212aK"]],
    ["or to the end", "(?i)é", "Éé", ["É", "é"]],
    ["and can be minded again", "(?i:a(?-i:b))", "Ab AB", ["Ab"]],
    ["possessive quantifiers do not give back", "a++a|b", "aaab", ["b"]],
    ["nor do atomic groups", "(?>a|ab)c|.", "abc", ["a", "b", "c"]],
    ["an optional possessive", "x?+x|y", "xy", ["y"]],
    ["{n,m}+ repeats the repetition", "\\d{1,3}+", "1234567", ["1234567"]],
    ["{,m} starts at none", "ba{,2}", "baaa", ["baa"]],
    ["lazy quantifiers", "a+?|b{2,3}?", "aabbb", ["a", "a", "bb"]],
    ["braces that are no quantifier", "a{x}|{}", "a{x}{}", ["a{x}", "{}"]],
    ["nested classes", "[^(\\s|[.,!?…])]+", "ab.c (d)", ["ab", "c", "d"]],
    ["intersections", "[a-z&&[^aeiou]]+", "hello", ["h", "ll"]],
    ["negated intersections", "[^a-z&&[^aeiou]]+", "hello", ["e", "o"]],
    ["POSIX brackets", "[[:alpha:]_]+|[[:^alpha:]]", "aé_1", ["aé_", "1"]],
    ["a hyphen at the edges is itself", "[-a]+|[b-]+|[\\w-]+", "-ab-_-", ["-a", "b-", "_-"]],
    ["a first ] is itself", "[]a]+|[^]b]", "]a]b", ["]a]"]],
    ["properties and their complements", "\\p{Lu}|\\P{L}|\\p{^Latin}|[\\p{Han}]", "aA1日", ["A", "1", "日"]],
    ["escaped punctuation", "\\/\\-\\ \\#[\\[\\]\\-\\&\\\\]", "/- #]", ["/- #]"]],
    ["code points", "\\x41\\x{1F642}\\u0042\\t", "A🙂B\t", ["A🙂B\t"]],
    ["a character outside the first plane is one", "[🙂-🙄]|.", "🙃x", ["🙃", "x"]],
    ["look-around", "(?<=a)b(?!c)|(?<!a)b(?=c)", "abc xbc ab", ["b", "b"]],
    ["captures and comments", "(a)(?<name>b)(?#note)c", "abc", ["abc"]],
  ];
  for (const [what, pattern, text, expected] of cases) {
    it(what, () => expect(matches(pattern, text)).toEqual(expected));
  }

  const refused: [pattern: string, construct: RegExp][] = [
    ["(a)\\1", /escape \\1 at position 4/],
    ["(?x: a)", /group of this kind at position 1/],
    ["(?<=a++)b", /look-behind/],
    ["\\R", /escape \\R/],
    ["\\p{Nonsense}", /property Nonsense/],
    ["(?i:\\p{Lu})", /property Lu under \(\?i\)/],
    ["[a", /without \]/],
    ["(a", /without \)/],
    ["a)", /unmatched \)/],
    ["*a", /quantifier without an atom/],
    ["[b-a]", /empty range/],
    ["[[:vowel:]]", /\[:vowel:\]/],
    ["a\\", /escape \\/],
    ["a{3,2}", /cannot be used/],
  ];
  for (const [pattern, construct] of refused) {
    it(`refuses ${pattern}`, () => {
      const translate = () => translateRegularExpression(pattern, "tokenizer.json: key");
      expect(translate).toThrow(SparseLensError);
      expect(translate).toThrow(construct);
      expect(translate).toThrow(/^tokenizer\.json: key: /);
    });
  }
});
