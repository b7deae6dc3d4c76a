// A ladder of models: what each has learned against how large its circuits are (paper, Figure 3).
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as Plot from "@observablehq/plot";
import { COLORS, writePlot } from "../svg.js";
import { counts } from "./circuits.js";
import { count, nats, page, table } from "./markdown.js";
import { findCircuits } from "./search.js";
import { geometricMean } from "./statistics.js";
import { progress, Subject } from "./subject.js";

const PALETTE = Object.values(COLORS);

/** Nine models cost nine times what one does: of each task the best circuit of the sweep. */
const BRIEF = { seeds: 0, removal: false, edgePruning: false, calibration: false };

export default async function frontier(context) {
  const { run, settings, paths, tasks } = context;
  if (paths.ladder === undefined)
    throw new Error("This step needs --ladder: a directory of `sparselens train --grid`.");
  const rungs = await readLadder(paths.ladder);
  const onLadder = { ...context, settings: { ...settings, ...BRIEF } };
  const open = (rung) => Subject.open(`ladder/${rung.run}`, join(paths.ladder, rung.run, "model"), onLadder);
  for (const rung of rungs) {
    await using(await open(rung), async (subject) => {
      rung.nonzeros = subject.model.nonzeros;
      rung.loss = (await subject.pretrainingLoss()).loss;
      rung.evaluations = await subject.evaluations(tasks);
    });
  }
  // Of these every model can have a circuit; the same tasks for all, or else the means would not compare.
  const common = tasks.filter(({ name, endsAlike }) =>
    rungs.every(({ evaluations }) => {
      const { score } = evaluations.find(({ task }) => task === name);
      return endsAlike && score && score.loss < settings.target;
    }),
  );
  progress(`ladder: ${common.length} tasks that every model does within ${settings.target}`);
  for (const rung of rungs) {
    await using(await open(rung), async (subject) => {
      rung.found = await findCircuits(subject, common);
    });
  }
  const counted = common.filter((_, i) => rungs.every(({ found }) => counts(found[i], settings.target)));
  const models = rungs.map(({ run: name, values, parameters, nonzeros, loss, found }) => {
    const circuits = found
      .filter(({ task }) => counted.some((one) => one.name === task))
      .map((one) => one.circuits[0]);
    const size = (measure) => (circuits.length > 0 ? geometricMean(circuits.map(measure)) : null);
    return {
      ...{ run: name, values, parameters, nonzeros, pretraining_loss: loss },
      ...{ nodes: size(({ nodes }) => nodes), edges: size(({ edges }) => edges) },
      tasks: found.map(({ task, circuits: [one] }) => ({
        task,
        reached: one.reached,
        nodes: one.nodes,
        edges: one.edges,
      })),
    };
  });
  const result = { settings: onLadder.settings, tasks: counted.map(({ name }) => name), models };
  await run.writeJson("frontier.json", result);
  await run.write("frontier.md", report(result, common.length));
  if (counted.length > 0) await draw(run.file("frontier.svg"), result);
  console.log(report(result, common.length));
}

async function using(subject, work) {
  try {
    return await work(subject);
  } finally {
    await subject.close();
  }
}

/** Finished runs of a grid, each with the values that tell it from the others. */
async function readLadder(directory) {
  const file = join(directory, "results.json");
  if (!existsSync(file))
    throw new Error(`${file} is not there: --ladder is a directory of \`sparselens train --grid\`.`);
  const { runs } = JSON.parse(await readFile(file, "utf8"));
  return runs.filter(({ status }) => status === "finished");
}

/** `1/32` where a density is one over a whole number. */
function written(value) {
  const inverse = 1 / value;
  const whole = Math.abs(inverse - Math.round(inverse)) < 1e-9 && inverse > 1;
  return whole ? `1/${Math.round(inverse)}` : String(value);
}

function report({ models, tasks, settings }, common) {
  const keys = Object.keys(models[0].values);
  const rows = models.map(({ values, parameters, nonzeros, pretraining_loss: loss, nodes, edges }) => [
    ...keys.map((key) => written(values[key])),
    ...[parameters, nonzeros].map((value) => value.toLocaleString("en-US")),
    ...[nats(loss), count(nodes), count(edges)],
  ]);
  return page([
    `Geometric mean circuit size at a target loss of ${settings.target} (uncalibrated, as bisection cuts the nodes) over ${tasks.length} tasks: of the ${common} that every model of the ladder itself does within the target, those for which a circuit was found in each, and no empty one. The best of ${settings.kCoefs.length} values of k_coef, on one search seed.`,
    table([...keys, "parameters", "nonzeros", "pretraining loss", "nodes", "edges"], rows),
    `Tasks: ${tasks.map((task) => `\`${task}\``).join(", ") || "none"}.`,
  ]);
}

async function draw(file, { models, tasks }) {
  // A line joins what differs in the last key alone: models of one width, of the first.
  const [first, ...others] = Object.keys(models[0].values);
  const sizes = { nodes: "nodes", edges: "edges" };
  const points = models.flatMap(({ values, pretraining_loss: loss, ...rest }) =>
    Object.entries(sizes).map(([key, what]) => ({
      ...{ what, loss, size: rest[key], series: `${first} ${written(values[first])}` },
      label: others.map((key) => written(values[key])).join(", "),
    })),
  );
  const series = [...new Set(points.map((point) => point.series))];
  const colors = series.map((_, i) => PALETTE[i % PALETTE.length]);
  const at = { fx: "what", x: "loss", y: "size" };
  const options = {
    ...{ width: 820, height: 400, marginTop: 44, marginBottom: 44, marginLeft: 56, marginRight: 24 },
    color: { domain: series, range: colors, legend: false },
    fx: { label: null, domain: Object.values(sizes) },
    x: { label: "pretraining loss (nats per token)", labelAnchor: "center", labelArrow: "none", inset: 16 },
    y: {
      type: "log",
      label: "geometric mean circuit size",
      labelArrow: "none",
      grid: true,
      inset: 12,
      tickFormat: "~s",
      ticks: 5,
    },
    marks: [
      Plot.frame({ stroke: "#d0d4da" }),
      Plot.line(points, { ...at, stroke: "series", strokeWidth: 2 }),
      Plot.dot(points, { ...at, fill: "series", r: 4 }),
      Plot.text(points, { ...at, text: "label", dy: -11, fontSize: 10, stroke: "#fff", fill: "#24292f" }),
    ],
  };
  await writePlot(
    file,
    options,
    `Pretraining loss against geometric mean circuit size over ${tasks.length} tasks, for ${models.length} models; a line for each ${first}, points named by ${others.join(", ")}. Down and to the left is better.`,
    series.map((name, i) => [name, colors[i]]),
  );
}
