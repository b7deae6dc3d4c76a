import { describe, expect, it } from "vitest";
import { SparseLensError } from "../../src/errors.js";
import { type GenerationOptions, normalizeGenerationOptions } from "../../src/generation/options.js";

const context = { endOfText: 767, vocabularySize: 768 };
const normalize = (options: object) => normalizeGenerationOptions(options as GenerationOptions, context);

describe("normalizeGenerationOptions", () => {
  it("fills in defaults", () => {
    expect(normalize({})).toEqual({
      maxNewTokens: 64,
      doSample: false,
      temperature: 1,
      topK: 50,
      topP: 1,
      minP: 0,
      repetitionPenalty: 1,
      seed: 0,
      stop: [],
      endOfText: [767],
      overflow: "crop",
    });
    expect(normalizeGenerationOptions({}, {}).endOfText).toEqual([]);
    expect(normalize({ maxNewTokens: undefined }).maxNewTokens).toBe(64);
  });

  it("keeps what is given, in one form", () => {
    const settings = normalize({
      doSample: true,
      temperature: 0.8,
      topK: 0,
      topP: 0,
      minP: 1,
      stop: "\n\n",
      endOfText: 5,
      overflow: "stop",
    });
    expect(settings).toMatchObject({ temperature: 0.8, topK: 0, topP: 0, minP: 1, overflow: "stop" });
    expect(settings.stop).toEqual(["\n\n"]);
    expect(settings.endOfText).toEqual([5]);
    expect(normalize({ endOfText: [] }).endOfText).toEqual([]);
    expect(normalize({ stop: ["a", "b", "a"] }).stop).toEqual(["a", "b"]);
  });

  it("can be posted to a worker, whatever travels along", () => {
    const settings = normalize({ interventions: { "0.attn.q": () => {} }, record: /x/, signal: null });
    expect(structuredClone(settings)).toEqual(normalize({}));
  });

  it("wants doSample for options that act on draws", () => {
    expect(() => normalize({ temperature: 0.8, topP: 0.9 })).toThrow(
      /temperature, topP only act.*doSample: true/,
    );
    expect(normalize({ doSample: false, temperature: 0.8 }).temperature).toBe(0.8);
    expect(normalize({ temperature: 1 }).doSample).toBe(false);
  });

  const refused: [options: object, message: RegExp][] = [
    [{ max_new_tokens: 5 }, /unknown generation option max_new_tokens/],
    [{ maxNewTokens: 0 }, /maxNewTokens must be an integer from 1, not 0/],
    [{ maxNewTokens: 1.5 }, /maxNewTokens/],
    [{ doSample: "yes" }, /doSample must be true or false, not "yes"/],
    [{ doSample: true, temperature: 0 }, /temperature must be a number greater than 0.*doSample: false/],
    [{ doSample: true, temperature: Number.POSITIVE_INFINITY }, /temperature/],
    [{ doSample: true, topK: -1 }, /topK/],
    [{ doSample: true, topP: 1.01 }, /topP must be a number from 0 to 1, not 1.01/],
    [{ doSample: true, topP: Number.NaN }, /topP/],
    [{ doSample: true, minP: -0.1 }, /minP/],
    [{ repetitionPenalty: 0 }, /repetitionPenalty/],
    [{ seed: -1 }, /seed/],
    [{ seed: 2 ** 53 }, /seed/],
    [{ stop: "" }, /stop must hold non-empty strings/],
    [{ stop: [3] }, /stop/],
    [{ stop: 3 }, /stop must be a string or a list/],
    [{ endOfText: [768] }, /endOfText must hold token ids from 0 to 767, not 768/],
    [{ endOfText: "x" }, /endOfText/],
    [{ overflow: "wrap" }, /overflow must be "crop" or "stop", not "wrap"/],
  ];
  for (const [options, message] of refused) {
    it(`refuses ${Object.entries(options).join(" ")}`, () => {
      expect(() => normalize(options)).toThrow(SparseLensError);
      expect(() => normalize(options)).toThrow(message);
    });
  }
});
