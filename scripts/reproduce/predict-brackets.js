// Reads the circuit of bracket counting, and predicts from it how the model fails: with long lists (context dilution, paper,
// Figure 8) and with unmatched brackets in comments (Figure 5). Nothing is run on such prompts here: only on lists of a few
// elements. Commit the file before the step `measure`.
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import {
  attentionPoints,
  findTask,
  lastAttention,
  readCircuitFile,
  sinkLogit,
} from "../../dist/node/index.js";
import {
  batchOf,
  COMMENTS,
  drawPrograms,
  flatOnes,
  lastValues,
  moveChannel,
  nestedOnes,
  REFERENCE,
  runPrompts,
  TASK,
} from "./brackets.js";
import { withSubject } from "./circuits.js";
import { page, percent, table } from "./markdown.js";
import { bestCircuit, findCircuits } from "./search.js";
import { mean } from "./statistics.js";
import { progress } from "./subject.js";

export const PREDICTION = "docs/circuits/bracket-counting-prediction.json";
/** What counts as having come true. */
const CRITERIA = {
  /** The channel's deviation at every length, relative to what was predicted. */
  deviation_within: 0.25,
  /** Mean probabilities, each. */
  probability_within: 0.15,
};

export default async function predict(context) {
  const { settings } = context;
  await withSubject("sparse", context, async (subject) => {
    const task = findTask(TASK);
    const [found] = await findCircuits(subject, [task]);
    const best = bestCircuit(found);
    if (!best) throw new Error(`There is no circuit for ${TASK}: no search seed reached the target.`);
    const circuit = await readCircuitFile(context.run.file(best.thinned.circuit));
    const prediction = await derive(subject, circuit, task);
    const file = settings.prediction ?? PREDICTION;
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, `${JSON.stringify(prediction, null, 1)}\n`);
    await writeFile(file.replace(/\.json$/, ".md"), describe(prediction));
    console.log(`${describe(prediction)}\nCommit ${file} before \`npm run reproduce -- measure\`.`);
  });
}

async function derive({ model, sha256, name }, circuit, task) {
  const { lengths, programs } = drawPrograms(model, task);
  const batch = batchOf(model, programs);
  progress(TASK, `${programs.length} programs, lists of ${REFERENCE} elements`);
  const writers = circuit.nodes.filter((node) => node.includes(".attn.resid_delta:")).map(parseNode);
  if (writers.length === 0) throw new Error("No attention writes to the residual stream in this circuit.");
  const points = [...new Set(writers.map(({ point }) => point))];
  const { layers, record } = attentionOf(points);
  const reference = await runPrompts(model, batch, { record: [...points, ...record] });

  // The channel that carries the most of the difference between flat and nested.
  const shares = [];
  for (const writer of writers) {
    shares.push({ ...writer, share: await interchangeShare(model, batch, reference, writer) });
  }
  const channel = shares.reduce((a, b) => (b.share > a.share ? b : a));
  const head = readHead(model, batch, reference, circuit, channel, layers.get(channel.point));
  const attention = await readAttention(model, reference, head);

  const tokens = (options) => mean(batchOf(model, programs, options).sequences.map(({ length }) => length));
  const context = tokens({});
  const deviation = mean(differences(lastValues(reference.activations, channel)));
  // A mean over n tokens and a sink that weighs as much as `sink` of them.
  const dilution = (length) => (context + attention.sink) / (length + attention.sink);
  const respond = async (factor) => {
    const interventions = moveChannel(batch, reference.activations, channel, factor);
    return (await runPrompts(model, batch, { interventions })).probabilities;
  };
  const lists = [];
  for (const elements of lengths) {
    const length = tokens({ elements });
    const factor = dilution(length);
    const probability = mean(nestedOnes(await respond(factor)));
    lists.push({
      elements,
      tokens: length,
      factor,
      deviation: factor * deviation,
      nested_probability: probability,
    });
  }
  const comments = [];
  for (const comment of COMMENTS) {
    const length = tokens({ comment: comment.text });
    const evidence =
      comment.brackets.reduce((sum, kind) => sum + head.evidence[kind], 0) / head.evidence.nested;
    const factor = evidence * dilution(length);
    const probability = mean(flatOnes(await respond(factor)));
    comments.push({ comment: comment.text, tokens: length, factor, flat_probability: probability });
  }
  return {
    ...{ format: "sparselens-prediction", model: { name, sha256 }, task: TASK, programs: programs.length },
    circuit: { nodes: circuit.nodes.length, edges: circuit.edges.length, found: circuit.found },
    reading: {
      channel: `${channel.point}:${channel.channel}`,
      interchange_share: channel.share,
      head: { layer: head.layer, head: head.head, values: head.values },
      evidence: head.evidence,
      attention,
      reference: {
        ...{ elements: REFERENCE, tokens: context, deviation },
        deviation_of_a_mean: head.evidence.nested / (context + attention.sink),
        flat_probability: mean(flatOnes(reference.probabilities)),
        nested_probability: mean(nestedOnes(reference.probabilities)),
      },
    },
    ...{ dilution: lists, distractors: comments, criteria: CRITERIA },
  };
}

function parseNode(node) {
  const [point, channel] = node.split(":");
  return { point, channel: Number(channel) };
}

/** Of each layer that writes: its number, and what of its attention is recorded. */
function attentionOf(points) {
  const layers = new Map(points.map((point) => [point, Number(point.split(".")[0])]));
  const record = [...layers.values()].flatMap((layer) =>
    ["q", "k", "v", "y"].map((name) => `${layer}.attn.${name}`),
  );
  return { layers, record };
}

/** Nested minus flat, of each pair. */
const differences = (values) => nestedOnes(values).map((nested, pair) => nested - values[2 * pair]);

/** By how much the margin between flat and nested moves when a channel changes sides: 1 is all of it. */
async function interchangeShare(model, batch, { margins, activations }, channel) {
  const marginsAt = async (factor) =>
    (await runPrompts(model, batch, { interventions: moveChannel(batch, activations, channel, factor) }))
      .margins;
  const [asFlat, asNested] = [await marginsAt(0), await marginsAt(1)];
  const moved = margins.map((margin, i) => (i % 2 === 0 ? asNested[i] - margin : margin - asFlat[i]));
  return mean(moved) / mean(differences(margins));
}

/** The head that moves the channel most between flat and nested, and what each token says through it. */
function readHead({ config, tokenizer }, { sequences }, { activations }, circuit, { point, channel }, layer) {
  const inputs = circuit.edges
    .filter(([, target]) => target === `${point}:${channel}`)
    .map(([source, , weight]) => ({ ...parseNode(source), weight }));
  if (inputs.length === 0) throw new Error(`No value feeds ${point}:${channel} in this circuit.`);
  const heads = new Map();
  for (const { channel: value, weight } of inputs) {
    const head = Math.floor(value / config.d_head);
    const moved =
      weight * mean(differences(lastValues(activations, { point: `${layer}.attn.y`, channel: value })));
    const before = heads.get(head) ?? { moved: 0, values: [] };
    heads.set(head, { moved: before.moved + moved, values: [...before.values, { channel: value, weight }] });
  }
  const [head, { values }] = [...heads].reduce((a, b) =>
    Math.abs(b[1].moved) > Math.abs(a[1].moved) ? b : a,
  );
  // What a token adds to the channel when it has all of the head's attention.
  const said = activations
    .get(`${layer}.attn.v`)
    .map(({ data, shape: [rows, width] }) =>
      Array.from({ length: rows }, (_, row) =>
        values.reduce((sum, { channel: value, weight }) => sum + weight * data[row * width + value], 0),
      ),
    );
  const isOpener = sequences.map((tokens) => opensList(tokens, tokenizer));
  const sums = said.map((each) => each.reduce((sum, value) => sum + value, 0));
  const others = said.flatMap((each, i) => each.filter((_, row) => !isOpener[i].has(row)));
  const background = mean(others);
  const opening = (which) =>
    mean(
      which(said.map((each, i) => [...isOpener[i]].reduce((sum, row) => sum + each[row] - background, 0))),
    );
  return {
    ...{ layer, head, values },
    evidence: {
      /** All that a nested prompt says more than a flat one. */
      nested: mean(differences(sums)),
      "[": opening(flatOnes),
      "[[": opening(nestedOnes),
      background,
    },
  };
}

/** Rows of the tokens that open the list: the last ones with a bracket. */
function opensList(tokens, tokenizer) {
  const has = (row) => tokenizer.decode([tokens[row]]).includes("[");
  let row = tokens.length - 1;
  while (row > 0 && !has(row)) row--;
  const rows = new Set([row]);
  while (row > 0 && has(row - 1)) rows.add(--row);
  return rows;
}

/**
 * Whether the last token's attention is a mean over the context: the number of tokens that it is spread over, as a share of
 * all, 1 for a mean; and the sink's weight, in tokens.
 */
async function readAttention(model, { activations }, head) {
  const sink = await sinkLogit(model, head);
  const [q, k] = attentionPoints(head).map((point) => activations.get(point));
  const each = q.map((values, i) => {
    const attention = lastAttention(model, head, values, k[i], sink);
    const total = 1 - attention.sink;
    const shares = Array.from(attention.weights, (weight) => weight / total);
    const entropy = -shares.reduce((sum, share) => sum + (share > 0 ? share * Math.log(share) : 0), 0);
    return { spread: Math.exp(entropy) / shares.length, sink: (attention.sink / total) * shares.length };
  });
  return { spread: mean(each.map((one) => one.spread)), sink: mean(each.map((one) => one.sink)) };
}

function describe({ reading, dilution, distractors, criteria, circuit }) {
  const { reference, head, attention, evidence } = reading;
  const fixed = (value) => value.toFixed(3);
  return page([
    "# Bracket counting: what its circuit predicts",
    `Written before it was measured, from a circuit of ${circuit.nodes} nodes and ${circuit.edges} edges and from lists of ${reference.elements} elements.`,
    `Reading: \`${reading.channel}\` carries ${percent(reading.interchange_share)} of the difference between flat and nested. Head ${head.layer}.${head.head} writes it, from ${head.values.map(({ channel }) => `\`${head.layer}.attn.v:${channel}\``).join(", ")}. A nested list's brackets say ${fixed(evidence.nested)} more than a flat one's. The last token's attention is spread over ${percent(attention.spread)} of the context (100 %: a mean), its sink weighs as much as ${fixed(attention.sink)} tokens. A mean over ${reference.tokens.toFixed(1)} tokens makes that a deviation of ${fixed(reference.deviation_of_a_mean)}; it is ${fixed(reference.deviation)}.`,
    "So the deviation falls as 1 / (tokens + sink). The probabilities are those of the reference prompts when the channel is set to what is predicted for the others.",
    "## Context dilution",
    table(
      ["elements", "tokens", "share of the deviation", "deviation", "P(`]]`), nested list"],
      dilution.map(({ elements, tokens, factor, deviation, nested_probability: p }) => [
        ...[String(elements), tokens.toFixed(1), fixed(factor), fixed(deviation), fixed(p)],
      ]),
    ),
    "## Unmatched brackets in a comment",
    table(
      ["first line", "tokens", "share of the deviation", "P(`]]`), flat list"],
      distractors.map(({ comment, tokens, factor, flat_probability: p }) => [
        ...[`\`${comment}\``, tokens.toFixed(1), fixed(factor), fixed(p)],
      ]),
    ),
    `It holds if every deviation is within ${percent(criteria.deviation_within)} of what is predicted and every probability within ${criteria.probability_within}.`,
  ]);
}
