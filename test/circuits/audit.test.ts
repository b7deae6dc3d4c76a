import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type AuditSubject,
  ablationConstants,
  assembleCircuit,
  auditAblations,
  auditBinarization,
  auditFreezing,
  auditInterchange,
  auditNecessity,
  auditPartialAblation,
  auditSufficiency,
  type Circuit,
  computeMeans,
  findTask,
  loadModel,
  MaskedModel,
  type Means,
  type Model,
  NodeIndex,
  prepareAudit,
  prepareSplits,
} from "../../dist/node/index.js";
import { distributionOf } from "../../src/circuits/audit-criterion.js";
import { drawMatchedNodes } from "../../src/circuits/audit-necessity.js";
import { firstExchanged } from "../../src/circuits/exchange.js";
import { Random } from "../../src/random.js";
import { trainedModel } from "../support/trained-model.js";

const source = trainedModel;
const task = findTask("bracket_counting");
const splits = { trainPairs: 6, reportPairs: 5 };
let model: Model;
let means: Means;
let masked: MaskedModel;
let nodes: number[];
let circuit: Circuit;
let subject: AuditSubject;
let resampleFrom: number[][];

beforeAll(async () => {
  model = await loadModel(source, { threads: 1, kernels: "simd" });
  // Sequences of the model's longest length, of prompts of another task.
  const prompts = prepareSplits(model, findTask("else_elif"), { trainPairs: 30 }).train;
  const tokens = Array.from(prompts.tokens).filter((token) => token !== 0);
  resampleFrom = [0, 1, 2, 3].map((i) => tokens.slice(i * 128, i * 128 + 128));
  means = await computeMeans(model, resampleFrom, { source: "prompts", sha256: null });
  const index = new NodeIndex(model.description);
  masked = new MaskedModel(model, index, ablationConstants(index, "mean", means));
  // Every third node: far more than a circuit, far less than the model.
  nodes = Array.from({ length: index.count }, (_, node) => node).filter((node) => node % 3 === 0);
  circuit = await assembleCircuit(masked, prepareSplits(model, task, { ...splits, selectPairs: 2 }), [], {
    ...{ name: "default", target: 0.4, ablation: "mean", means: means.reference },
    found: { method: "hand", settings: {}, steps: [], candidates: 1 },
  });
  circuit = { ...circuit, nodes: nodes.map((node) => index.nameOf(node)), node_scores: null };
  subject = await prepareAudit({ model, circuit, task, means, resampleFrom, splits });
}, 120_000);
afterAll(() => model?.dispose());

/** Loss and accuracy, written out, of masks that training and search know. */
async function masksLoss(kept: readonly number[]) {
  const [logits] = await masked.evaluate(subject.report, [masked.masksOf(kept)]);
  let [loss, right] = [0, 0];
  for (let i = 0; i < logits.length; i += 2) {
    loss += Math.log(1 + Math.exp(logits[i + 1] - logits[i]));
    if (logits[i] > logits[i + 1]) right++;
  }
  return { loss: loss / (logits.length / 2), accuracy: right / (logits.length / 2) };
}

test("sufficiency: losses of model, circuit, complement and nothing are those of masks", async () => {
  const { measures, held, summary } = await auditSufficiency(subject);
  const all = Array.from({ length: masked.index.count }, (_, node) => node);
  const isNode = new Set(nodes);
  const expected = {
    model: await masksLoss(all),
    circuit: await masksLoss(nodes),
    complement: await masksLoss(all.filter((node) => !isNode.has(node))),
    empty: await masksLoss([]),
  };
  for (const [key, { loss, accuracy }] of Object.entries(expected)) {
    const score = measures.report[key as keyof typeof expected];
    expect(score.loss, key).toBeCloseTo(loss, 4);
    expect(score.accuracy, key).toBe(accuracy);
  }
  expect([measures.train.pairs, measures.report.pairs]).toEqual([6, 5]);
  expect(held).toBe(expected.circuit.loss <= 0.4);
  expect(summary).toContain(measures.report.circuit.loss.toFixed(4));
  const lax = await auditSufficiency({ ...subject, target: measures.report.circuit.loss });
  expect(lax.held).toBe(true);
  expect((await auditSufficiency({ ...subject, target: measures.report.circuit.loss - 1e-6 })).held).toBe(
    false,
  );
});

test("ablations: each kind is measured, or said not to be", async () => {
  const { measures } = await auditAblations(subject);
  const losses = [measures.mean, measures.zero, measures.resample].map((one) => one!.circuit.loss);
  expect(new Set(losses).size).toBe(3);
  expect(losses[0]).toBeCloseTo((await masksLoss(nodes)).loss, 4);
  const zero = new MaskedModel(model, masked.index, new Float32Array(masked.index.count));
  const [logits] = await zero.evaluate(subject.report, [zero.masksOf(nodes)]);
  const margins = Array.from({ length: 10 }, (_, i) => logits[2 * i] - logits[2 * i + 1]);
  expect(losses[1]).toBeCloseTo(
    margins.reduce((sum, m) => sum + Math.log1p(Math.exp(-m)) / 10, 0),
    4,
  );
  // Not decided without a corpus, unless what is measured falls short already.
  const without = await auditAblations({ ...subject, resampleFrom: null, target: 100 });
  expect(without).toMatchObject({ held: null, measures: { resample: null } });
  expect(without.summary).toMatch(/resample not measured/);
  expect((await auditAblations({ ...subject, resampleFrom: null, target: 0 })).held).toBe(false);
  expect((await auditAblations({ ...subject, target: 100 })).held).toBe(true);
});

test("freezing changes what a circuit does, and nothing where nothing is ablated", async () => {
  const { measures, held } = await auditFreezing(subject);
  const losses = Object.values(measures).map(({ loss }) => loss);
  expect(new Set(losses).size).toBe(4);
  expect(measures.free.loss).toBeCloseTo((await masksLoss(nodes)).loss, 4);
  expect(held).toBe(losses.slice(1).every((loss) => loss <= 0.4));
  const whole = { ...subject, ablation: { ...subject.ablation, channels: {} } };
  const unchanged = Object.values((await auditFreezing(whole)).measures).map(({ loss }) => loss);
  for (const loss of unchanged) expect(loss).toBeCloseTo(unchanged[0], 5);
});

test("a circuit of another model, another task, and means that are missing", async () => {
  const options = { model, circuit, task, means, resampleFrom, splits };
  const other = { ...circuit, model: { name: "other", sha256: "0".repeat(64) } };
  await expect(prepareAudit({ ...options, circuit: other })).rejects.toThrow(/is a circuit of another model/);
  await expect(prepareAudit({ ...options, means: null })).rejects.toThrow(/needs the means/);
  await expect(prepareAudit({ ...options, task: findTask("else_elif") })).rejects.toThrow(
    /is of the task bracket_counting, not of else_elif/,
  );
  const resampled = { ...circuit, ablation: "resample" as const };
  await expect(prepareAudit({ ...options, circuit: resampled, resampleFrom: null })).rejects.toThrow(
    /needs a corpus/,
  );
});

test("necessity: the loss without the circuit, and without as many random nodes at the same locations", async () => {
  const { index } = masked;
  const drawn = drawMatchedNodes(index, nodes, new Random(3));
  const sizes = (of: readonly number[]) =>
    [...index.byLocation(of)].map(([{ name }, channels]) => [name, new Set(channels).size]);
  expect(sizes(drawn)).toEqual(sizes(nodes));
  expect(drawn.some((node) => node % 3 === 0)).toBe(false);
  expect(drawMatchedNodes(index, nodes, new Random(4))).not.toEqual(drawn);
  // Where a location has not enough others, its own too.
  const most = Array.from({ length: index.locations[0].width - 1 }, (_, channel) => channel);
  expect(new Set(drawMatchedNodes(index, most, new Random(0))).size).toBe(most.length);

  const { held, measures } = await auditNecessity(subject, 3);
  const all = Array.from({ length: index.count }, (_, node) => node);
  const without = await masksLoss(all.filter((node) => node % 3 > 0));
  expect(measures.complement.loss).toBeCloseTo(without.loss, 4);
  expect(held).toBe(without.loss >= 0.5);
  const first = new Set(drawMatchedNodes(index, nodes, new Random(0)));
  expect(measures.randomLosses[0]).toBeCloseTo(
    (await masksLoss(all.filter((node) => !first.has(node)))).loss,
    4,
  );
  expect(measures.random).toEqual(distributionOf(measures.randomLosses));
  expect(new Set(measures.randomLosses).size).toBe(3);
  // Nothing ablated: the model's own loss.
  const nothing = await auditNecessity({ ...subject, nodes: [] }, 1);
  expect(nothing.measures.complement).toEqual(nothing.measures.model);
  expect(nothing.measures.model.loss).toBeLessThan(0.5);
  expect(nothing.held).toBe(false);
  // A model that is wrong anyway decides nothing.
  const { report } = subject;
  const candidates = report.candidates.map((_, i) => report.candidates[i ^ 1]);
  expect((await auditNecessity({ ...subject, report: { ...report, candidates } }, 1)).held).toBe(null);
});

test("partial ablation: of one other node, each draw is either of the two ends", async () => {
  const { index } = masked;
  const location = index.location("0.mlp.resid_delta");
  const all = Array.from({ length: index.count }, (_, node) => node);
  // A node that matters.
  const losses = await Promise.all(
    all.slice(location.offset, location.offset + location.width).map(async (node) => ({
      node,
      loss: (await masksLoss(all.filter((other) => other !== node))).loss,
    })),
  );
  const worst = losses.reduce((a, b) => (b.loss > a.loss ? b : a));
  const { measures, held } = await auditPartialAblation({ ...subject, others: [worst.node], target: 0 }, 12);
  const ends = [measures.model, worst.loss];
  const seen = measures.draws.map(({ share, loss }) => {
    expect(loss).toBeCloseTo(ends[share], 4);
    return share;
  });
  expect(new Set(seen)).toEqual(new Set([0, 1]));
  expect(measures.worst.loss).toBeCloseTo(worst.loss, 4);
  expect(held).toBe(false);
  const many = await auditPartialAblation({ ...subject, target: 100 }, 5);
  expect(many.held).toBe(true);
  expect(new Set(many.measures.draws.map(({ loss }) => loss)).size).toBe(5);
  expect(many.measures.circuit).toBeCloseTo((await masksLoss(nodes)).loss, 4);
  expect(await auditPartialAblation({ ...subject, target: 100 }, 5)).toEqual(many);
});

test("interchange: all nodes carry everything, none nothing, one what forward makes of it", async () => {
  const { index } = masked;
  const all = Array.from({ length: index.count }, (_, node) => node);
  const { report } = subject;
  const prompt = (i: number) =>
    report.tokens.subarray(i * report.width, i * report.width + report.lengths[i]);
  const record = "1.mlp.resid_delta";
  const runs = await Promise.all([0, 1].map((i) => model.forward(prompt(i), { record, logits: "last" })));
  const rows = runs.map(({ activations }) =>
    activations.get(record)!.data.slice(-index.location(record).width),
  );
  const channel = rows[0].reduce(
    (best, value, i) => (Math.abs(value - rows[1][i]) > Math.abs(rows[0][best] - rows[1][best]) ? i : best),
    0,
  );
  const margin = (data: Float32Array) => data[report.candidates[0]] - data[report.candidates[1]];
  const after = await Promise.all(
    [0, 1].map((i) =>
      model.forward(prompt(i), {
        logits: "last",
        interventions: {
          [record]: { channels: [channel], value: rows[1 - i][channel], positions: [report.lengths[i] - 1] },
        },
      }),
    ),
  );
  const [a, b, c, d] = [...runs, ...after].map(({ logits }) => margin(logits.data));
  const { measures } = await auditInterchange(
    { ...subject, nodes: [index.location(record).offset + channel] },
    1,
  );
  expect(measures.nodes).toEqual([
    { node: `${record}:${channel}`, share: expect.closeTo((a - c + d - b) / (2 * (a - b)), 4) },
  ]);
  expect(measures.circuit).toBe(measures.nodes[0].share);
  expect(measures.pairs).toBe(1);

  // All that is added to the residual stream: the last tokens are alike, so that the sides change places.
  const added = all.filter((node) => index.locationOf(node).name.endsWith("resid_delta"));
  const swapped = await auditInterchange({ ...subject, nodes: added }, 2);
  expect(swapped.measures.circuit).toBeCloseTo(1, 4);
  expect(swapped.held).toBe(true);
  const none = await auditInterchange({ ...subject, nodes: [] }, 5);
  expect(none).toMatchObject({ held: false, measures: { circuit: 0, nodes: [] } });
});

test("binarisation: what is measured is what forward makes of two values at each node", {
  timeout: 120_000,
}, async () => {
  const { index } = masked;
  const some = nodes.filter((_, i) => i % 8 === 0);
  const few = { ...subject, nodes: some };
  const { measures, held } = await auditBinarization(few, masked, { steps: 3, trialPairs: 1 });
  expect(held).toBe(measures[measures.chosen].loss <= few.target);
  const isNode = new Set(some);
  const others = Array.from({ length: index.count }, (_, node) => node).filter((node) => !isNode.has(node));
  const constants = ablationConstants(index, "mean", means);
  const channels = Object.fromEntries(
    [...index.byLocation(others)].map(([{ name, offset }, list]) => [
      name,
      { channels: list, values: list.map((channel) => constants[offset + channel]) },
    ]),
  );
  const ablation = { channels };
  const values = new Set<number>();
  const interventions = Object.fromEntries(
    [...index.byLocation(some)].map(([{ name, width, offset }, channels]) => [
      name,
      ({ data }: { data: Float32Array }) => {
        for (const channel of channels) {
          const { left, right, threshold } = measures.nodes[some.indexOf(offset + channel)];
          for (let at = channel; at < data.length; at += width) {
            data[at] = data[at] > threshold ? right : left;
            values.add(data[at]);
          }
        }
        return undefined;
      },
    ]),
  );
  const { report } = subject;
  let loss = 0;
  for (let i = 0; i < 2 * report.count; i++) {
    const prompt = report.tokens.subarray(i * report.width, i * report.width + report.lengths[i]);
    const { logits } = await model.forward(prompt, { ablation, interventions, logits: "last" });
    const [right, wrong] = [0, 1].map((side) => logits.data[report.candidates[2 * i + side]]);
    loss += Math.log1p(Math.exp(wrong - right)) / (2 * report.count);
  }
  expect(values.size).toBeGreaterThan(10);
  expect(measures[measures.chosen].loss).toBeCloseTo(loss, 4);
  expect(measures.circuit.loss).toBeCloseTo((await masksLoss(some)).loss, 4);
});

test("prompts of different lengths correspond where they end alike", () => {
  const first = (a: number[], b: number[]) => firstExchanged(Int32Array.from(a), Int32Array.from(b));
  expect(first([1, 2, 3], [1, 4, 3])).toBe(0);
  expect(first([1, 2, 3, 4], [1, 3, 4])).toBe(2);
  expect(first([1, 3, 4], [1, 2, 3, 4])).toBe(1);
  expect(first([1, 2, 5, 9], [1, 5, 8])).toBe(4);
});
