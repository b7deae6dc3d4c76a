import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadModel, type Model, SparseLensError } from "../../dist/node/index.js";
import { trainedModel } from "../support/trained-model.js";

// The edges of the API, on a small trained model.
describe("Model", () => {
  let model: Model;
  beforeAll(async () => {
    model = await loadModel(trainedModel, { threads: 2, kernels: "simd" });
  });
  afterAll(() => model.dispose());

  it("takes tokens in typed arrays, alone and in batches", async () => {
    const { logits } = await model.forward([7, 8, 9]);
    expect((await model.forward(Uint32Array.of(7, 8, 9))).logits).toEqual(logits);
    const batch = await model.forward([Int32Array.of(7, 8, 9), [4]], {
      targets: [Int16Array.of(8, 9, -1), [-1]],
    });
    expect(batch.logits[0]).toEqual(logits);
    expect(batch.losses?.map(({ shape }) => shape)).toEqual([[3], [1]]);
    const { tokens } = await model.generate([7, 8], { maxNewTokens: 4 });
    expect((await model.generate(Uint16Array.of(7, 8), { maxNewTokens: 4 })).tokens).toEqual(tokens);
  });

  it("names what cannot be computed", async () => {
    const message = (promise: Promise<unknown>) =>
      promise.then(
        () => "nothing was thrown",
        (error) => (error instanceof SparseLensError ? error.message : `not for people: ${error}`),
      );
    expect(await message(model.forward([]))).toBe("The sequence is empty: give at least one token.");
    expect(await message(model.forward([[1], []]))).toMatch("Sequence 1 is empty");
    expect(await message(model.forward([1, 768]))).toMatch("Token 768 at position 1");
    expect(await message(model.forward(new Array(129).fill(1)))).toMatch("block_size is 128");
    expect(await message(model.forward([1, 2], { targets: [1] }))).toMatch("2 tokens but 1 targets");
    expect(await message(model.forward([[1], [2]], { targets: [[1]] }))).toMatch(
      "2 sequences but targets for 1",
    );
    expect(await message(model.forward([1], { intervention: {} } as never))).toMatch(
      "Unknown option intervention",
    );
    const nowhere = { "0.attn.q": { value: 0, positions: [-1] } };
    expect(await message(model.forward([1], { interventions: nowhere }))).toMatch(
      "position -1 does not exist",
    );
    expect(await message(model.forward([1], { record: "9.mlp" }))).toMatch("matches no hook point");
    expect(
      await message(model.forward([1], { interventions: { "0.attn.q": { channels: [128], value: 0 } } })),
    ).toMatch("0.attn.q:128 does not exist");
    expect(
      await message(model.forward([1, 2], { interventions: { "0.attn.q": () => new Float32Array(3) } })),
    ).toMatch("256 values");
  });

  it("passes on what a function throws, and goes on working", async () => {
    const mine = new Error("mine");
    const late = {
      "0.attn.q": (_: unknown, { position }: { position: number }) => {
        if (position > 3) throw mine;
        return undefined;
      },
    };
    await expect(
      model.generate([1, 2], { interventions: late, maxNewTokens: 9, endOfText: [] }),
    ).rejects.toBe(mine);
    expect((await model.forward([1, 2])).logits.shape).toEqual([2, 768]);
  });

  it("forgets what an earlier call left in memory", async () => {
    const prompt = [7, 8, 9, 10, 11];
    const before = await model.generate(prompt, { maxNewTokens: 8, endOfText: [] });
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      await model.forward(prompt, {
        interventions: { "*.attn.q": { channels: [0], value }, "*.mlp.post_act": { channels: [1], value } },
      });
      expect((await model.generate(prompt, { maxNewTokens: 8, endOfText: [] })).tokens).toEqual(
        before.tokens,
      );
    }
  });

  it("reads its arguments when it is called", async () => {
    const tokens = [7, 8, 9];
    const pending = model.forward(tokens);
    tokens.push(99999);
    expect((await pending).logits.shape).toEqual([3, 768]);
  });

  it("keeps recordings and timing when a stop string ends the text", async () => {
    const options = { maxNewTokens: 40, endOfText: [], record: "0.attn.q" };
    const prompt = model.tokenizer!.encode("def f(x):\n");
    const whole = await model.generate(prompt, options);
    const stop = model.tokenizer!.decode(whole.tokens.slice(4, 5));
    const { tokens, text, activations, finishReason, timing } = await model.generate(prompt, {
      ...options,
      stop,
    });
    expect(finishReason).toBe("stop");
    expect(text.endsWith(stop)).toBe(true);
    expect(tokens).toEqual(whole.tokens.slice(0, tokens.length));
    const { data, shape } = activations.get("0.attn.q")!;
    expect(shape[0]).toBe(prompt.length + tokens.length - 1);
    expect(data).toEqual(whole.activations.get("0.attn.q")!.data.slice(0, data.length));
    expect(timing.promptMilliseconds).toBeGreaterThan(0);
  });

  it("rejects a call that is aborted while it waits for its turn, at once", async () => {
    const long = model.generate([7], { maxNewTokens: 2000, endOfText: [] });
    const controller = new AbortController();
    const waiting = model.forward([7], { signal: controller.signal });
    let longIsOver = false;
    long.then(() => {
      longIsOver = true;
    });
    controller.abort(new Error("never mind"));
    await expect(waiting).rejects.toThrow("never mind");
    expect(longIsOver).toBe(false);
    await long;
  });

  it("tells hooks where they are when the window slides", async () => {
    const seen: number[][] = [];
    await model.generate(new Array(127).fill(7), {
      ...{ maxNewTokens: 4, endOfText: [] },
      interventions: {
        "0.attn.q": ({ shape }, { position }) => {
          seen.push([position, shape[0]]);
          return undefined;
        },
      },
    });
    expect(seen).toEqual([
      [0, 127],
      [127, 1],
      [1, 128],
      [2, 128],
    ]);
  });

  it("applies interventions at the positions that are named", async () => {
    const tokens = [7, 8, 9, 10];
    const { activations } = await model.forward(tokens, {
      record: "0.mlp.post_act",
      interventions: { "0.mlp.post_act": { channels: [5], value: 3.5, positions: [1, 3] } },
    });
    const { data, shape } = activations.get("0.mlp.post_act")!;
    expect(tokens.map((_, t) => data[t * shape[1] + 5] === 3.5)).toEqual([false, true, false, true]);
  });

  it("records every position while generating, the same as a forward pass over the whole", async () => {
    const prompt = [7, 8, 9];
    const { tokens, activations } = await model.generate(prompt, {
      ...{ maxNewTokens: 6, endOfText: [], record: "0.attn.act_in" },
    });
    const { data, shape } = activations.get("0.attn.act_in")!;
    expect(shape).toEqual([8, 128]);
    const whole = await model.forward([...prompt, ...tokens.slice(0, -1)], { record: "0.attn.act_in" });
    const expected = whole.activations.get("0.attn.act_in")!.data;
    expect(Math.max(...data.map((value, i) => Math.abs(value - expected[i])))).toBeLessThan(1e-5);
  });

  it("stops at the longest sequence when asked to", async () => {
    const { tokens, finishReason } = await model.generate(new Array(126).fill(7), {
      ...{ maxNewTokens: 10, endOfText: [], overflow: "stop" },
    });
    expect(finishReason).toBe("block-size");
    expect(tokens.length).toBe(3);
  });

  it("computes in float64 what float32 approximates", async () => {
    const exact = await loadModel(trainedModel, { threads: 1, precision: "float64" });
    const [a, b] = await Promise.all([exact.forward([7, 8, 9]), model.forward([7, 8, 9])]);
    const difference = a.logits.data.map((value, i) => Math.abs(value - b.logits.data[i]));
    expect(Math.max(...difference)).toBeLessThan(1e-4);
    await exact.dispose();
  });

  it("rejects a load that is aborted", async () => {
    const reason = new Error("changed my mind");
    await expect(loadModel(trainedModel, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
