import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TextStream } from "../../src/generation/text-stream.js";
import { Tokenizer } from "../../src/tokenizer/tokenizer.js";
import { anyText, tokenizerJson } from "../tokenizer/fixture.js";

const tokenizer = Tokenizer.fromTokenizerJson(tokenizerJson());
const token = (text: string) => tokenizer.id(text)!;

/** A token for each of the given byte sequences. */
const bytesOf = (...contents: (string | number[])[]) => ({
  tokenBytes: (id: number) => {
    const content = contents[id];
    return typeof content === "string" ? new TextEncoder().encode(content) : Uint8Array.from(content);
  },
});

describe("TextStream", () => {
  const tokens = fc.oneof(
    fc.array(fc.nat(800), { maxLength: 40 }),
    anyText.map((text) => tokenizer.encode(text)),
  );

  it("gives the decoded text in pieces of whole characters", () => {
    fc.assert(
      fc.property(tokens, (ids) => {
        const stream = new TextStream(tokenizer);
        const pieces = ids.map((id) => stream.push(id));
        pieces.push(stream.flush());
        expect(pieces.join("")).toBe(tokenizer.decode(ids));
        for (const piece of pieces) expect(piece).not.toMatch(/\p{Surrogate}/u);
      }),
      { numRuns: 500 },
    );
  });

  it("waits for the rest of a character, not longer", () => {
    const [, first, second, third, fourth] = tokenizer.encode("x🙂");
    const stream = new TextStream(tokenizer);
    expect([first, second, third, fourth, token("x")].map((id) => stream.push(id))).toEqual([
      "",
      "",
      "",
      "🙂",
      "x",
    ]);
    expect(stream.push(first)).toBe("");
    expect(stream.push(token("x"))).toBe("\ufffdx");
    expect(stream.push(first)).toBe("");
    expect(stream.flush()).toBe("\ufffd");
  });

  it("leaves out special tokens on request", () => {
    const ids = [token("x"), tokenizer.endOfText!];
    const text = (skipSpecialTokens: boolean) => {
      const stream = new TextStream(tokenizer, [], { skipSpecialTokens });
      return ids.map((id) => stream.push(id)).join("");
    };
    expect(text(true)).toBe("x");
    expect(text(false)).toBe("x<|endoftext|>");
  });

  it("stops after the token that completes a stop string, like StopStringCriteria", () => {
    // The examples of its documentation.
    for (const parts of [
      ["st", "op"],
      ["stop"],
      ["st", "opera"],
      ["sto", "pper"],
      ["las", "topper"],
      ["s", "to", "pped"],
    ]) {
      const stream = new TextStream(bytesOf(...parts), ["stop"]);
      const stopped = parts.map((_, id) => [stream.push(id), stream.stopped]);
      expect(stopped).toEqual(
        parts.map((part, index) => [part, index === parts.length - 1 ? "stop" : undefined]),
      );
    }
  });

  it("finds a stop string that begins in the prompt, but none that ends there", () => {
    const stream = new TextStream(bytesOf("\n", "x"), ["\n\n"], { context: "a\n\nb\n" });
    expect(stream.push(1)).toBe("x");
    expect(stream.stopped).toBeUndefined();
    const other = new TextStream(bytesOf("\n"), ["\n\n"], { context: "a\n" });
    other.push(0);
    expect(other.stopped).toBe("\n\n");
  });

  it("names the stop string that is complete first", () => {
    const stream = new TextStream(bytesOf("abcd"), ["bcd", "bc", "d"]);
    stream.push(0);
    expect(stream.stopped).toBe("bc");
  });

  it("finds a stop string exactly when the text holds one, whatever the tokens", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "é", "🙂"), maxLength: 14 });
    const stops = fc.array(
      fc.string({ unit: fc.constantFrom("a", "b", "é", "🙂"), minLength: 1, maxLength: 4 }),
      {
        minLength: 1,
        maxLength: 3,
      },
    );
    fc.assert(
      fc.property(
        letters,
        stops,
        fc.array(fc.nat(3), { minLength: 20, maxLength: 20 }),
        (text, stop, cuts) => {
          // Cut between bytes at will.
          const content = [...new TextEncoder().encode(text)];
          const parts: number[][] = [];
          for (let index = 0; content.length > 0; index++)
            parts.push(content.splice(0, 1 + (cuts[index % 20] ?? 0)));
          const stream = new TextStream(bytesOf(...parts), stop);
          let sofar = "";
          for (let id = 0; id < parts.length; id++) {
            sofar += stream.push(id);
            expect(stream.stopped !== undefined).toBe(stop.some((candidate) => sofar.includes(candidate)));
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
