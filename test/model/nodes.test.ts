import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SparseLensError } from "../../src/errors.js";
import { parseAblations, parseNode } from "../../src/model/nodes.js";

describe("parseNode", () => {
  test.each([
    ["4.attn.resid_delta:1079", { point: "4.attn.resid_delta", channels: [1079] }],
    ["0.mlp.post_act:3,17,40-43", { point: "0.mlp.post_act", channels: [3, 17, 40, 41, 42, 43] }],
    ["0.mlp.post_act:9,2-4,3", { point: "0.mlp.post_act", channels: [2, 3, 4, 9] }],
    ["0.mlp.post_act", { point: "0.mlp.post_act" }],
    ["*.mlp.post_act:0", { point: "*.mlp.post_act", channels: [0] }],
    ["final_resid:0-0", { point: "final_resid", channels: [0] }],
  ])("%s", (text, expected) => expect(parseNode(text)).toEqual(expected));

  test.each([
    ["", "is not the name of a hook point"],
    [":3", "is not the name of a hook point"],
    ["0.mlp/post_act", "is not the name of a hook point"],
    ["0.mlp.post_act:", "neither a channel nor a range"],
    ["0.mlp.post_act:3,", "neither a channel nor a range"],
    ["0.mlp.post_act:-3", "neither a channel nor a range"],
    ["0.mlp.post_act:1.5", "neither a channel nor a range"],
    ["0.mlp.post_act:3:4", "neither a channel nor a range"],
    ["0.mlp.post_act:7-3", "ends before it begins"],
    ["0.mlp.post_act:0-99999999999", "no hook point has a channel 99999999999"],
  ])("%j is refused", (text, problem) => {
    expect(() => parseNode(text)).toThrow(SparseLensError);
    expect(() => parseNode(text)).toThrow(problem);
    expect(() => parseNode(text)).toThrow(JSON.stringify(text));
  });

  test("reads back any channels", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(5000), { minLength: 1 }), (channels) => {
        const sorted = [...channels].sort((a, b) => a - b);
        expect(parseNode(`1.attn.q:${channels}`)).toEqual({ point: "1.attn.q", channels: sorted });
      }),
    );
  });

  test("any text is either read or refused with an explanation", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[\w.*:,=-]{0,20}$/), (text) => {
        try {
          parseNode(text);
        } catch (error) {
          expect(error).toBeInstanceOf(SparseLensError);
        }
      }),
    );
  });
});

describe("parseAblations", () => {
  test("zero unless a constant is given", () => {
    expect(parseAblations(["0.mlp.post_act:3", "1.attn.q=-0.5", "1.attn.k:0=1e-3"])).toEqual({
      "0.mlp.post_act": [{ channels: [3], value: 0 }],
      "1.attn.q": [{ channels: undefined, value: -0.5 }],
      "1.attn.k": [{ channels: [0], value: 1e-3 }],
    });
  });

  test("several of one hook point keep their order", () => {
    expect(parseAblations(["0.attn.q=1", "0.attn.q:3=2"])).toEqual({
      "0.attn.q": [
        { channels: undefined, value: 1 },
        { channels: [3], value: 2 },
      ],
    });
  });

  test("none", () => expect(parseAblations([])).toEqual({}));

  test.each([
    "0.attn.q:3=",
    "0.attn.q=mean",
    "0.attn.q=1=2",
    "0.attn.q=Infinity",
    "0.attn.q=0x10",
    "0.attn.q= 1",
  ])("%j is refused", (text) => {
    expect(() => parseAblations([text])).toThrow("is not a number");
    expect(() => parseAblations([text])).toThrow(SparseLensError);
  });
});
