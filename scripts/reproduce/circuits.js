// Circuits of a sparse model and of its dense twin, for every task that both solve (paper, Figure 2).
import * as Plot from "@observablehq/plot";
import { COLORS, sizeAxis, taskRows, writePlot } from "../svg.js";
import { count, nats, page, range, table } from "./markdown.js";
import { findCircuits } from "./search.js";
import { geometricMean, spread } from "./statistics.js";
import { progress, Subject } from "./subject.js";

/** A task is solved where the model itself is well within the target. */
const SOLVED = { accuracy: 0.97, loss: 0.1 };
const KINDS = ["sparse", "dense"];

export default async function circuits(context) {
  const { run, tasks, settings } = context;
  const result = { settings, models: {}, tasks: [], unsolved: [] };
  const solved = {};
  for (const kind of KINDS) {
    await withSubject(kind, context, async (subject) => {
      const { loss, tokens } = await subject.pretrainingLoss();
      const { nonzeros } = subject.model;
      const { path } = subject;
      result.models[kind] = { path, nonzeros, nodes: subject.index.count, pretraining_loss: loss, tokens };
      solved[kind] = new Map(
        (await subject.evaluations(tasks)).map(({ task, score }) => [task, score && isSolved(score)]),
      );
    });
  }
  const both = tasks.filter(({ name }) => KINDS.every((kind) => solved[kind].get(name)));
  result.unsolved = tasks
    .filter((task) => !both.includes(task))
    .map(({ name }) => ({ task: name, solved_by: KINDS.filter((kind) => solved[kind].get(name)) }));
  progress(`both models solve ${both.length} of ${tasks.length} tasks`);
  const found = {};
  for (const kind of KINDS) {
    found[kind] = await withSubject(kind, context, (subject) => findCircuits(subject, both));
  }
  result.tasks = both.map(({ name, endsAlike }, i) => ({
    ...{ task: name, ends_alike: endsAlike },
    ...Object.fromEntries(KINDS.map((kind) => [kind, found[kind][i]])),
  }));
  result.means = meansOf(result.tasks, settings);
  await run.writeJson("circuits.json", result);
  await run.write("circuits.md", report(result));
  await draw(run.file("circuits.svg"), result);
  console.log(report(result));
}

/** Opens a model for as long as something is done with it: two would share the cores. */
export async function withSubject(kind, context, work) {
  const path = context.paths[kind];
  if (path === undefined) throw new Error(`This step needs --${kind}.`);
  const subject = await Subject.open(kind, path, context);
  try {
    return await work(subject);
  } finally {
    await subject.close();
  }
}

export function isSolved({ accuracy, loss }) {
  return accuracy >= SOLVED.accuracy && loss <= SOLVED.loss;
}

/** Whether a task counts for averages: with all nodes ablated the model fails, and every seed has a circuit. */
export function counts(found, target) {
  return found.circuits.every(({ reached, empty_loss: empty }) => reached && empty > target);
}

const each = (measure) => (found) => found.circuits.map(measure);
const best = (measure) => (found) => found.circuits.map(measure).filter((value) => value !== undefined);
const reachedBy = (calibrated, size) => (calibrated?.reached ? calibrated[size] : undefined);
/** Sizes of a task's circuits, one for each search seed; of those that are measured on the best seed alone, one. */
const MEASURES = {
  nodes: each(({ nodes }) => nodes),
  edges: each(({ edges }) => edges),
  thinned_nodes: best(({ thinned }) => thinned?.nodes),
  thinned_edges: best(({ thinned }) => thinned?.edges),
  pruned: best(({ pruned }) => pruned?.edges),
  calibrated_nodes: best(({ calibrated }) => reachedBy(calibrated, "nodes")),
  calibrated_edges: best(({ calibrated }) => reachedBy(calibrated, "edges")),
};

/**
 * Geometric means over tasks, one for each search seed, and how they spread over the seeds. Each measure is taken over the
 * tasks of which both models' circuits have it.
 */
function meansOf(rows, { target }) {
  const counted = rows.filter((row) => KINDS.every((kind) => counts(row[kind], target)));
  const means = Object.entries(MEASURES).map(([name, measure]) => {
    const has = (row) =>
      KINDS.every((kind) => measure(row[kind]).length > 0 && !measure(row[kind]).includes(undefined));
    const measured = counted.filter(has);
    if (measured.length === 0) return [name, { tasks: 0 }];
    const bySeed = (kind) =>
      measure(measured[0][kind]).map((_, seed) =>
        geometricMean(measured.map((row) => measure(row[kind])[seed])),
      );
    const [sparse, dense] = KINDS.map(bySeed);
    return [
      name,
      {
        ...{ tasks: measured.length, sparse: spread(sparse), dense: spread(dense) },
        ratio: spread(sparse.map((value, seed) => dense[seed] / value)),
      },
    ];
  });
  return { tasks: counted.map(({ task }) => task), ...Object.fromEntries(means) };
}

function report({ models, tasks, unsolved, means, settings }) {
  const { target, seeds, kCoefs } = settings;
  const sizes = (found, measure) => {
    const values = measure(found).filter((value) => value !== undefined);
    if (values.length === 0) return "–";
    const few = found.circuits.some(({ reached }) => !reached);
    return `${range(spread(values))}${few && values.length > 1 ? ` [${values.length} of ${seeds}]` : ""}`;
  };
  const losses = ({ circuits }, measure) => {
    const stands = circuits.find(({ thinned }) => thinned);
    const value = stands && measure(stands);
    return value === undefined ? "–" : nats(value);
  };
  const bothOf = (row, measure, format = sizes) => KINDS.map((kind) => format(row[kind], measure));
  const isCounted = ({ task }) => means.tasks.includes(task);
  const name = (row) => `\`${row.task}\`${isCounted(row) ? "" : " ¹"}`;
  const meanRow = (keys) => [
    `geometric mean of ${keys.map((key) => means[key].tasks).join(", ")}`,
    ...keys.flatMap((key) => KINDS.map((kind) => (means[key][kind] ? range(means[key][kind]) : "–"))),
  ];
  const ratioRow = (keys) => [
    "dense : sparse",
    ...keys.flatMap((key) => ["", means[key].ratio ? `${range(means[key].ratio)} ×` : "–"]),
  ];
  const titles = (names) => ["task", ...names.flatMap((one) => KINDS.map((kind) => `${one}, ${kind}`))];
  const plain = ["nodes", "edges"];
  const thinned = ["thinned_nodes", "thinned_edges", "pruned"];
  const fitted = ["calibrated_nodes", "calibrated_edges"];
  return page([
    seeds === 0
      ? `Circuits at a target loss of ${target}: of each task and model the best of ${kCoefs.length} searches, one for each value of k_coef, on one seed.`
      : `Circuits at a target loss of ${target}: mean (least–greatest) of ${seeds} search seeds, at the k_coef that was the best of ${kCoefs.length} on another seed; ${kCoefs.length + seeds} searches for each task and model.`,
    table(
      ["model", "nodes in all", "nonzeros", "pretraining loss"],
      KINDS.map((kind) => [
        `${kind}: \`${models[kind].path}\``,
        ...[models[kind].nodes, models[kind].nonzeros].map((value) => value.toLocaleString("en-US")),
        nats(models[kind].pretraining_loss),
      ]),
    ),
    "Without calibration, as bisection cuts the nodes:",
    table(titles(["nodes", "edges"]), [
      ...tasks.map((row) => [name(row), ...plain.flatMap((key) => bothOf(row, MEASURES[key]))]),
      meanRow(plain),
      ratioRow(plain),
    ]),
    "The best seed's, without the nodes, and then without the edges, that it can do without:",
    table(titles(["nodes", "edges", "edges after pruning"]), [
      ...tasks.map((row) => [name(row), ...thinned.flatMap((key) => bothOf(row, MEASURES[key]))]),
      meanRow(thinned),
      ratioRow(thinned),
    ]),
    "The best seed's order of nodes, cut by losses after calibration:",
    table(titles(["nodes", "edges"]), [
      ...tasks.map((row) => [name(row), ...fitted.flatMap((key) => bothOf(row, MEASURES[key]))]),
      meanRow(fitted),
      ratioRow(fitted),
    ]),
    "Task losses on held-out prompts (nat), of the best seed's circuit after node removal:",
    table(
      titles([
        "empty circuit",
        "whole model",
        "circuit",
        "after edge pruning",
        "the circuit, calibrated",
        "without the circuit",
      ]),
      tasks.map((row) => [
        name(row),
        ...[
          ({ thinned: { losses: of } }) => of.report.empty,
          ({ thinned: { losses: of } }) => of.report.model,
          ({ thinned: { losses: of } }) => of.report.circuit,
          ({ pruned }) => pruned?.report,
          ({ thinned: { losses: of } }) => of.report.calibrated,
          ({ thinned: { losses: of } }) => of.report.complement,
        ].flatMap((measure) => bothOf(row, measure, losses)),
      ]),
    ),
    `¹ Not in the means: the empty circuit reaches the target, or a seed has no circuit. [n of ${seeds}]: as many seeds reached the target.`,
    unsolved.length === 0
      ? "Both models solve all tasks."
      : `Not solved by both (accuracy ${100 * SOLVED.accuracy} %, loss ${SOLVED.loss} on prompts for choosing by): ${unsolved
          .map(({ task, solved_by: by }) => `\`${task}\` (${by.length === 0 ? "neither" : `${by} only`})`)
          .join(", ")}.`,
  ]);
}

async function draw(file, { tasks, means }) {
  const titles = { nodes: "nodes", edges: "edges", pruned: "edges after pruning" };
  const points = tasks.flatMap((row) =>
    KINDS.flatMap((kind) =>
      Object.entries(titles).flatMap(([key, what]) =>
        MEASURES[key](row[kind])
          .filter((size) => size !== undefined)
          .map((size) => ({ task: row.task, kind, what, size: Math.max(1, size) })),
      ),
    ),
  );
  if (points.length === 0) return;
  const ratios = Object.entries(titles)
    .filter(([key]) => means[key].ratio)
    .map(([key, what]) => `${count(means[key].ratio.mean)} times fewer ${what}`);
  const options = {
    ...taskRows(tasks.map(({ task }) => task)),
    width: 860,
    color: { domain: KINDS, range: [COLORS.blue, COLORS.vermilion], legend: false },
    fx: { domain: Object.values(titles), label: null },
    x: sizeAxis("size"),
    marks: [
      Plot.frame({ stroke: "#d0d4da" }),
      Plot.dot(points, { fx: "what", x: "size", y: "task", fill: "kind", r: 3.5, fillOpacity: 0.75 }),
    ],
  };
  const title = `Circuit sizes task by task; blue the sparse model, red the dense one. ${ratios.join(", ")} in the sparse model.`;
  const legend = [
    ["sparse model", COLORS.blue],
    ["dense model", COLORS.vermilion],
  ];
  await writePlot(file, options, title, legend);
}
