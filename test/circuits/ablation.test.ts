import { afterAll, beforeAll, expect, describe as group, test } from "vitest";
import {
  ablationConstants,
  type Circuit,
  circuitAblation,
  circuitEdges,
  computeMeans,
  loadModel,
  lossOfNodes,
  MaskedModel,
  type Means,
  type Model,
  type NodeAblation,
  NodeIndex,
} from "../../dist/node/index.js";
import { Random } from "../../src/random.js";
import { fixtures, readGolden } from "../support/fixtures.js";
import { distance } from "../support/golden.js";

const everything = fixtures.find((path) => path.endsWith("16_catpos_afrac_everything"))!;
const yolo = fixtures.find((path) => path.endsWith("05_yolo2_like_d64"))!;
const layerNorm = fixtures.find((path) => path.endsWith("01_ln_gelu_tied"))!;

/** Which nodes a test's circuit keeps: about half of them, whatever the model. */
function someNodes(index: NodeIndex): number[] {
  const random = new Random(8);
  return Array.from({ length: index.count }, (_, node) => node).filter(() => random.chance(0.5));
}

async function circuitOf(masked: MaskedModel, nodes: readonly number[]): Promise<Circuit> {
  return {
    ...{ model: { name: "fixture", sha256: null }, task: { name: "none", templates: "standard" } },
    ...{ target_loss: null, ablation: "mean", means: null, final_resid: false, edges_are: "all" },
    ...{ nodes: nodes.map((node) => masked.index.nameOf(node)), edges: await circuitEdges(masked, nodes) },
    ...{ node_scores: null, edge_scores: null, calibration: null, losses: {} },
    found: { method: "drawn", settings: {}, steps: [], candidates: 1 },
  };
}

for (const path of [yolo, everything, layerNorm]) {
  group(path.split("/").at(-1)!, () => {
    const golden = readGolden(path);
    const sequences = [0, 1, 2].map((i) => golden.numbers(`seq${i}/tokens`));
    let model: Model;
    let index: NodeIndex;
    let means: Means;
    let circuit: Circuit;
    let nodes: number[];
    beforeAll(async () => {
      model = await loadModel(path, { threads: 2, kernels: "simd" });
      index = new NodeIndex(model.description);
      means = await computeMeans(model, sequences, { source: "golden", sha256: null });
      nodes = someNodes(index);
      circuit = await circuitOf(new MaskedModel(model, index, new Float32Array(index.count)), nodes);
    });
    afterAll(() => model.dispose());
    const forward = (ablation: NodeAblation, record = "*") => model.forward(sequences, { ablation, record });

    test("everything but the circuit's nodes has its mean, or zero; of the complement, the nodes have", async () => {
      for (const complement of [false, true]) {
        for (const ablation of ["mean", "zero"] as const) {
          const { activations } = await forward(
            await circuitAblation(model, circuit, { ablation, means, complement }),
          );
          let seen = 0;
          for (const { name, offset, width } of index.locations) {
            const mean = means.values.get(name)!;
            for (const { data } of activations.get(name)!) {
              for (let i = 0; i < data.length; i++) {
                const channel = i % width;
                if (nodes.includes(offset + channel) !== complement) continue;
                seen++;
                if (data[i] !== (ablation === "mean" ? mean[channel] : 0))
                  throw new Error(`${name}:${channel}`);
              }
            }
          }
          expect(seen).toBeGreaterThan(100);
        }
      }
    });

    test("it is what interventions make of it, and what masks make of it", async () => {
      const ablation = await circuitAblation(model, circuit, { means });
      const declared = Object.fromEntries(
        Object.entries(ablation.channels).map(([point, { channels, values }]) => [
          point,
          { channels, value: values! },
        ]),
      );
      const expected = await model.forward(sequences, { interventions: declared });
      const actual = await forward(ablation);
      for (const i of [0, 1, 2]) expect(actual.logits[i].data).toEqual(expected.logits[i].data);
      const masked = new MaskedModel(model, index, ablationConstants(index, "mean", means));
      const [prompt, candidates] = [sequences[2], [3, 5]];
      const batch = {
        ...{ count: 1, width: prompt.length, tokens: Int32Array.from([...prompt, ...prompt]) },
        ...{ lengths: Int32Array.of(prompt.length, prompt.length) },
        candidates: Int32Array.from([...candidates, ...candidates]),
      };
      const last = expected.logits[2].data.slice(-model.config.vocab_size);
      const loss = await lossOfNodes(masked, batch as never, nodes);
      expect(loss).toBeCloseTo(Math.log1p(Math.exp(last[5] - last[3])), 4);
    });

    test("generation runs the circuit, token by token as forward does", async () => {
      const ablation = await circuitAblation(model, circuit, { means });
      const prompt = sequences[1].slice(0, 3);
      const { tokens } = await model.generate(prompt, { ablation, maxNewTokens: 5, endOfText: [] });
      for (let i = 0; i < 5; i++) {
        const { logits } = await model.forward([...prompt, ...tokens.slice(0, i)], {
          ablation,
          logits: "last",
        });
        expect(tokens[i]).toBe(logits.data.indexOf(Math.max(...logits.data)));
      }
      await expect(model.generate(prompt, { ablation: { ...ablation, frozenNorms: true } })).rejects.toThrow(
        /cannot freeze/,
      );
      const resampled = await circuitAblation(model, circuit, { ablation: "resample" });
      await expect(model.generate(prompt, { ablation: resampled })).rejects.toThrow(/cannot resample/);
    });

    test("resampled values are those of another sequence at the same positions", async () => {
      const source = [...sequences[2]].reverse();
      const [alone, ablated] = [
        await model.forward(source, { record: "*" }),
        await forward(
          await circuitAblation(model, circuit, { ablation: "resample", resampleFrom: [source, []] }),
        ),
      ];
      let different = 0;
      for (const { name, offset, width } of index.locations) {
        const from = alone.activations.get(name)!.data;
        for (const { data } of ablated.activations.get(name)!) {
          for (let i = 0; i < data.length; i++) {
            if (!nodes.includes(offset + (i % width))) expect(Math.abs(data[i] - from[i])).toBeLessThan(1e-5);
            else if (Math.abs(data[i] - from[i]) > 1e-3) different++;
          }
        }
      }
      expect(different).toBeGreaterThan(20);
      const tooShort = circuitAblation(model, circuit, { ablation: "resample", resampleFrom: [[1, 2]] });
      await expect(tooShort.then((one) => forward(one))).rejects.toThrow(/cannot be resampled/);
      // Without a circuit's nodes it is the sources' own run.
      const empty = await circuitAblation(
        model,
        { ...circuit, nodes: [], edges: [] },
        { ablation: "resample", resampleFrom: [source] },
      );
      const resid = (await forward(empty, "*.resid_delta")).activations.get("0.attn.resid_delta")!;
      const width = model.config.d_model;
      expect(distance(resid[2].data, alone.activations.get("0.attn.resid_delta")!.data)).toBeLessThan(1e-5);
      expect(resid[0].shape).toEqual([sequences[0].length, width]);
    });

    test("frozen norms and supports are those of the run without ablation", async () => {
      const clean = await model.forward(sequences, { record: "*" });
      const everyNode = await circuitAblation(
        model,
        { ...circuit, nodes: [], edges: [] },
        { complement: true, means },
      );
      for (const frozen of [
        { frozenNorms: true },
        { frozenSupports: true },
        { frozenNorms: true, frozenSupports: true },
      ]) {
        // Where nothing is ablated nothing changes.
        const same = await forward({ ...everyNode, ...frozen });
        for (const i of [0, 1, 2])
          expect(distance(same.logits[i].data, clean.logits[i].data)).toBeLessThan(2e-4);
      }
      const ablation = await circuitAblation(model, circuit, { means });
      const supports = await forward({ ...ablation, frozenSupports: true });
      let zeros = 0;
      for (const { name, offset, width } of index.locations) {
        for (const i of [0, 1, 2]) {
          const before = clean.activations.get(name)![i].data;
          supports.activations.get(name)![i].data.forEach((value, at) => {
            if (before[at] !== 0 || !nodes.includes(offset + (at % width)) || !isSparse(name)) return;
            zeros++;
            if (value !== 0) throw new Error(`${name}:${at % width} is ${value}`);
          });
        }
      }
      expect(zeros).toBeGreaterThan(model.config.afrac === null ? -1 : 100);
      // The last norm, by hand: each token of final_resid over the scale that it had.
      const norms = await forward({ ...ablation, frozenNorms: true });
      const free = await forward(ablation);
      expect(distance(norms.logits[2].data, free.logits[2].data)).toBeGreaterThan(1e-3);
    });

    function isSparse(name: string): boolean {
      const loctypes: Record<string, string> = {
        ...{ "attn.act_in": "attn_in", "attn.q": "attn_q", "attn.k": "attn_k", "attn.v": "attn_v" },
        ...{
          "attn.resid_delta": "attn_out",
          "mlp.act_in": "mlp_in",
          "mlp.post_act": "mlp_neuron",
          "mlp.resid_delta": "mlp_out",
        },
      };
      return model.config.afrac !== null && model.config.afrac_loctypes.has(loctypes[name.slice(2)] as never);
    }

    test("a pruned edge carries its mean, into the one target that it led to", async () => {
      const all: Circuit = {
        ...circuit,
        nodes: Array.from({ length: index.count }, (_, node) => index.nameOf(node)),
      };
      const edges = await circuitEdges(
        new MaskedModel(model, index, new Float32Array(index.count)),
        Array.from({ length: index.count }, (_, node) => node),
      );
      const random = new Random(3);
      const isKept = edges.map(() => random.chance(0.5));
      const pruned = await forward(
        await circuitAblation(
          model,
          { ...all, edges: edges.filter((_, i) => isKept[i]), edges_are: "pruned" },
          { means },
        ),
      );
      const whole = await forward(await circuitAblation(model, { ...all, edges }, { means }));
      // The first layer's MLP by hand, before its activation would hide anything: mlp.resid_delta from post_act.
      const [name, from] = ["0.mlp.resid_delta", "0.mlp.post_act"];
      const zeroTopK = model.config.afrac !== null && model.config.afrac_loctypes.has("mlp_out");
      const [outputs, inputs] = [name, from].map((point) => pruned.activations.get(point)![1]);
      const mean = means.values.get(from)!;
      const bias = offsetsOf(
        whole.activations.get(name)![1],
        whole.activations.get(from)![1],
        edges,
        () => true,
      );
      const rows = offsetsOf(outputs, inputs, edges, (i) => isKept[i]);
      let compared = 0;
      for (let t = 0; t < outputs.shape[0]; t++) {
        for (let channel = 0; channel < outputs.shape[1]; channel++) {
          const at = t * outputs.shape[1] + channel;
          // What AbsTopK dropped says nothing.
          if (zeroTopK && (outputs.data[at] === 0 || whole.activations.get(name)![1].data[at] === 0))
            continue;
          const expected = edges.reduce(
            (sum, [source, target, weight], i) =>
              target === `${name}:${channel}` && !isKept[i]
                ? sum + weight * mean[Number(source.split(":")[1])]
                : sum,
            bias[at],
          );
          compared++;
          expect(rows[at]).toBeCloseTo(expected, 3);
        }
      }
      expect(compared).toBeGreaterThan(20);

      /** What is left of each output without what its edges bring. */
      function offsetsOf(
        out: { data: Float32Array; shape: readonly number[] },
        input: { data: Float32Array; shape: readonly number[] },
        edges: Circuit["edges"],
        counts: (i: number) => boolean,
      ): Float32Array {
        const rest = out.data.slice();
        edges.forEach(([source, target, weight], i) => {
          const [location, channel] = target.split(":");
          if (location !== name || !counts(i)) return;
          for (let t = 0; t < out.shape[0]; t++) {
            rest[t * out.shape[1] + Number(channel)] -=
              weight * input.data[t * input.shape[1] + Number(source.split(":")[1])];
          }
        });
        return rest;
      }
    });
  });
}
