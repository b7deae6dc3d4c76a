import { afterAll, beforeAll, expect, test } from "vitest";
import {
  attentionPoints,
  channelsOf,
  findTask,
  intervene,
  lastAttention,
  loadModel,
  type Model,
  prepareSplits,
  sinkLogit,
} from "../../dist/node/index.js";
import { parseHead } from "../../src/circuits/attention.js";
import { exchange } from "../../src/circuits/exchange.js";
import { trainedModel } from "../support/trained-model.js";

let model: Model;
beforeAll(async () => {
  model = await loadModel(trainedModel, { threads: 1, kernels: "simd" });
});
afterAll(() => model.dispose());

const batch = (task = "for_while") => prepareSplits(model, findTask(task), { selectPairs: 8 }).select;
const points = (...texts: string[]) => channelsOf(texts, model.description.hookPoints);

test("the attention through a head is what the head's output is a mean by", async () => {
  const prompt = model.tokenizer!.encode("def add(a, b):\n    return a +");
  const { d_head } = model.config;
  const { activations } = await model.forward(prompt, { record: ["*.attn.*"] });
  for (const head of [parseHead("0.0"), parseHead("1.3")]) {
    const [q, k] = attentionPoints(head).map((point) => activations.get(point)!);
    const { weights, sink } = lastAttention(model, head, q, k, await sinkLogit(model, head));
    expect(weights.reduce((sum, weight) => sum + weight, sink)).toBeCloseTo(1, 6);
    const [v, y] = ["v", "y"].map((name) => activations.get(`${head.layer}.attn.${name}`)!);
    for (let channel = head.head * d_head; channel < (head.head + 1) * d_head; channel++) {
      const at = (row: number) => row * v.shape[1] + channel;
      const mean = weights.reduce((sum, weight, row) => sum + weight * v.data[at(row)], 0);
      expect(y.data[at(prompt.length - 1)]).toBeCloseTo(mean, 4);
    }
  }
  expect(() => parseHead("1")).toThrow('"1" is not a head');
});

test("sides that exchange all that decides change places; a constant in its place leaves no difference", async () => {
  const common = { model, batch: batch("if_equals") };
  const exchanged = await intervene({
    ...common,
    exchanged: { channels: points("final_resid"), at: "last" },
  });
  expect(exchanged.pairs).toBe(8);
  expect(exchanged.differenceLeft).toBeCloseTo(-1, 4);
  expect(exchanged.after.accuracy).toBeCloseTo(1 - exchanged.before.accuracy, 6);
  const [first, second] = exchanged.before.margins;
  expect(first).toBeGreaterThan(second + 1);
  expect(exchanged.after.margins[0]).toBeCloseTo(second, 3);
  const constant = await intervene({ ...common, constants: { final_resid: { value: 0 } } });
  expect(constant.differenceLeft).toBeCloseTo(0, 5);
  // Constants come first: what is exchanged then is not constant any more.
  const both = await intervene({
    ...{ ...common, constants: { final_resid: { value: 0 } } },
    exchanged: { channels: points("final_resid"), at: "last" },
  });
  expect(both.after).toEqual(exchanged.after);
});

test("where prompts exchange values", () => {
  const [first, second] = [Int32Array.of(1, 2, 3, 4), Int32Array.of(1, 9, 3, 4)];
  const values = (sequences: Int32Array[], at: "all" | "differing" | "last") => {
    const tensors = sequences.map((tokens, i) => ({
      data: Float32Array.from(tokens, (_, row) => 10 * (i + 1) + row),
      shape: [tokens.length, 1],
    }));
    const replace = exchange(new Map([["p", [0]]]), sequences, new Map([["p", tensors]]), at).p as (
      value: unknown,
      context: unknown,
    ) => undefined;
    return tensors.map(({ data, shape }, sequence) => {
      const value = { data: data.slice(), shape };
      replace(value, { sequence });
      return [...value.data];
    });
  };
  expect(values([first, second], "all")[0]).toEqual([20, 21, 22, 23]);
  expect(values([first, second], "differing")).toEqual([
    [10, 21, 12, 13],
    [20, 11, 22, 23],
  ]);
  expect(values([first, second], "last")[1]).toEqual([20, 21, 22, 13]);
  // Of prompts that differ in length only their common end corresponds.
  const longer = Int32Array.of(1, 9, 9, 3, 4);
  expect(values([first, longer], "all")).toEqual([
    [10, 11, 23, 24],
    [20, 21, 22, 12, 13],
  ]);
  expect(values([first, longer], "differing")[0]).toEqual([10, 11, 12, 13]);
});

test("nodes that are not there", () => {
  expect([...points("0.attn.y:3,1-2", "0.attn.y:2")]).toEqual([["0.attn.y", [1, 2, 3]]]);
  expect([...points("*.attn.y:0").keys()]).toEqual(["0.attn.y", "1.attn.y"]);
  expect(() => points("0.attn.y:99999")).toThrow("has the channels 0 to 127, and no 99999");
  expect(() => points("9.attn.y:0")).toThrow("matches no hook point");
});
