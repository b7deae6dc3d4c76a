import { describe, expect, it } from "vitest";
import {
  type Address,
  DEFAULT_ADDRESS,
  formatAddress,
  formatSet,
  parseAddress,
  setValues,
} from "../../web/state/address.js";

describe("the address of the explorer", () => {
  it("says nothing that is as it is by default", () => {
    expect(formatAddress(DEFAULT_ADDRESS)).toBe("#circuit");
    expect(parseAddress("")).toEqual(DEFAULT_ADDRESS);
  });

  it("holds the whole state", () => {
    const state: Address = {
      ...{ view: "intervene", model: "a", circuit: "b", other: "local:c d.json", node: "1.mlp.post_act:3" },
      ...{
        prompt: 'print("a&b=c\n ü #?,',
        pair: 3,
        side: 1,
        position: 7,
        sample: true,
        temperature: 1.25,
        topP: 0.5,
      },
      ...{
        seed: 42,
        length: 12,
        scope: "complement",
        ablation: "resample",
        off: ["0.attn.v:1", "0.attn.q:2"],
      },
      ...{
        set: ["0.attn.k:3=-0.5"],
        drop: ["1.attn.v:4"],
        add: ["1.attn.v:5"],
        layer: 0,
        edges: 0.25,
        nodes: 0.01,
      },
      ...{ colour: "change", step: 2, kernels: "simd" },
    };
    const hash = formatAddress(state);
    expect(parseAddress(hash)).toEqual(state);
    expect(hash).toContain("off=0.attn.v:1,0.attn.q:2");
    for (const key of Object.keys(DEFAULT_ADDRESS)) {
      expect(state[key as keyof Address], key).not.toEqual(DEFAULT_ADDRESS[key as keyof Address]);
    }
  });

  it("leaves what it cannot read at its default", () => {
    const read = parseAddress("#nonsense?temperature=warm&topP=7&scope=all&seed=1.5&side=2&node=x");
    expect(read).toEqual({ ...DEFAULT_ADDRESS, node: "x" });
  });

  it("holds values that nodes are set to", () => {
    expect(setValues(["0.attn.v:1=0.5", "0.attn.v:2=", "0.attn.v:3=x"])).toEqual(
      new Map([["0.attn.v:1", 0.5]]),
    );
    expect(formatSet(new Map([["0.attn.v:1", 1 / 3]]))).toEqual(["0.attn.v:1=0.333333"]);
  });
});
