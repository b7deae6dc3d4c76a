// What a model does without its circuit (paper, Figure 32), and without as many random nodes in its place.
import * as Plot from "@observablehq/plot";
import { auditNecessity, prepareAudit, readCircuitFile } from "../../dist/node/index.js";
import { COLORS, taskRows, writePlot } from "../svg.js";
import { withSubject } from "./circuits.js";
import { nats, page, percent, table } from "./markdown.js";
import { bestCircuit } from "./search.js";
import { progress } from "./subject.js";

/** Loss without the circuit that counts as failing, and chance; in nats. */
const [FAILING, CHANCE] = [0.5, Math.LN2];

export default async function necessity(context) {
  const { run, settings } = context;
  if (!run.has("circuits.json"))
    throw new Error("This step is about the circuits: run the step circuits first.");
  const { tasks: rows } = await run.read("circuits.json");
  const kinds = ["sparse", "dense"];
  const result = { settings, draws: settings.draws };
  for (const kind of kinds) {
    const measured = await withSubject(kind, context, (subject) =>
      subject.each(rows, async (row, masked) => {
        const best = bestCircuit(row[kind]);
        if (!best) return null;
        return run.once(`${kind}/necessity/${row.task}.json`, async () => {
          const circuit = await readCircuitFile(run.file(best.thinned.circuit));
          const { trainPairs, selectPairs, reportPairs } = settings;
          const audited = await prepareAudit({
            ...{ model: masked.model, circuit, means: subject.means, resampleFrom: null },
            task: context.tasks.find(({ name }) => name === row.task),
            splits: { trainPairs, selectPairs, reportPairs },
          });
          const { held, measures } = await auditNecessity(audited, settings.draws);
          progress(kind, row.task, `without the circuit ${nats(measures.complement.loss)}`);
          return { task: row.task, seed: best.seed, nodes: circuit.nodes.length, held, measures };
        });
      }),
    );
    result[kind] = measured.filter((one) => one !== null);
  }
  await run.writeJson("necessity.json", result);
  await run.write("necessity.md", report(result, kinds));
  await draw(run.file("necessity.svg"), result, kinds);
  console.log(report(result, kinds));
}

function report(result, kinds) {
  const titles = [
    ...["task", "nodes", "whole model", "without the circuit", "accuracy"],
    ...["random nodes, median", "random nodes, worst", "at least as harmful"],
  ];
  const sections = kinds.map((kind) => {
    const rows = result[kind].map(({ task, nodes, measures }) => [
      ...[`\`${task}\``, String(nodes), nats(measures.model.loss), nats(measures.complement.loss)],
      ...[percent(measures.complement.accuracy), nats(measures.random.median)],
      ...[nats(measures.random.maximum), percent(measures.asHarmful)],
    ]);
    const failing = result[kind].filter(({ measures }) => measures.complement.loss >= FAILING).length;
    return `The ${kind} model: without the circuit the loss is at least ${FAILING} for ${failing} of ${rows.length} tasks.\n\n${table(titles, rows)}`;
  });
  return page([
    `Held-out task loss (nat) with only the circuit ablated, to means, everything else kept; and with as many random nodes at each location ablated instead, ${result.draws} draws. Chance is ln 2 = 0.693.`,
    ...sections,
  ]);
}

async function draw(file, result, kinds) {
  const points = kinds.flatMap((kind) =>
    result[kind].map((one) => ({ kind, task: one.task, ...one.measures })),
  );
  if (points.length === 0) return;
  const tasks = [...new Set(points.map(({ task }) => task))];
  const at = { fx: "kind", y: "task" };
  // On a logarithmic axis losses of 0 have no place.
  const loss = (value) => Math.max(1e-4, value);
  const options = {
    ...taskRows(tasks),
    width: 760,
    fx: { domain: kinds, label: null, tickFormat: (kind) => `${kind} model` },
    x: {
      type: "log",
      label: "held-out task loss (nat)",
      labelAnchor: "center",
      labelArrow: "none",
      grid: true,
      ticks: 5,
      tickFormat: "~g",
    },
    marks: [
      Plot.frame({ stroke: "#d0d4da" }),
      Plot.ruleX([FAILING], { stroke: "#24292f", strokeDasharray: "3,3" }),
      Plot.ruleX([CHANCE], { stroke: "#24292f" }),
      Plot.ruleY(points, {
        ...at,
        x1: ({ random }) => loss(random.minimum),
        x2: ({ random }) => loss(random.maximum),
        ...{ stroke: COLORS.grey, strokeWidth: 4, strokeOpacity: 0.5 },
      }),
      Plot.tickX(points, { ...at, x: ({ random }) => loss(random.median), stroke: COLORS.grey, inset: 4 }),
      Plot.dot(points, { ...at, x: ({ model }) => loss(model.loss), r: 3.5, fill: COLORS.blue }),
      Plot.dot(points, { ...at, x: ({ complement }) => loss(complement.loss), r: 4, fill: COLORS.vermilion }),
    ],
  };
  await writePlot(
    file,
    options,
    "Held-out task losses: red without the circuit, blue the whole model, grey without as many random nodes (from the least to the worst, the median marked). Dashed: 0.5; solid: chance.",
    [
      ["whole model", COLORS.blue],
      ["without the circuit", COLORS.vermilion],
      ["without random nodes", COLORS.grey],
    ],
  );
}
