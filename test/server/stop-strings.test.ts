import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { StopStrings } from "../../src/server/stop-strings.js";

/** What comes out, piece by piece. */
function pieces(stop: string[], prompt: string, given: string[]): string[] {
  const cut = new StopStrings(stop, prompt);
  return [...given.map((piece) => cut.push(piece)), cut.flush()];
}

describe("a stop string", () => {
  test("cuts the text off before it", () => {
    expect(pieces(["\n\n"], "a", ["x\n", "\ny"])).toEqual(["x", "", ""]);
  });

  test("that does not come about is text", () => {
    expect(pieces(["abc"], "", ["xab", "d", "ab"])).toEqual(["x", "abd", "", "ab"]);
  });

  test("that the prompt holds is none, one that it began leaves nothing", () => {
    expect(pieces(["ab"], "ab", ["c"]).join("")).toBe("c");
    expect(pieces(["ab"], "a", ["bc"]).join("")).toBe("");
    expect(pieces(["aa"], "aa", ["b"]).join("")).toBe("b");
  });
});

test("however a text is cut into pieces, it ends before the stop string that is complete first", () => {
  const letters = (options: fc.StringConstraints) =>
    fc.string({ unit: fc.constantFrom("a", "b", "c"), ...options });
  fc.assert(
    fc.property(
      fc.array(letters({ minLength: 1, maxLength: 4 }), { maxLength: 3 }),
      letters({ maxLength: 5 }),
      fc.array(letters({ maxLength: 4 }), { maxLength: 8 }),
      (stop, prompt, given) => {
        const all = prompt + given.join("");
        let [start, end] = [all.length, Number.POSITIVE_INFINITY];
        for (let at = 0; at < all.length; at++) {
          for (const text of stop.filter((one) => all.startsWith(one, at))) {
            if (at + text.length > prompt.length && at + text.length < end)
              [start, end] = [at, at + text.length];
          }
        }
        expect(pieces(stop, prompt, given).join("")).toBe(
          all.slice(prompt.length, Math.max(prompt.length, start)),
        );
      },
    ),
  );
});
