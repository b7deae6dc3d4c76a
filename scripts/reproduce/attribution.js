// Learned masks against attribution (paper, Figure 31): how many nodes of either order reach the target.
import * as Plot from "@observablehq/plot";
import { orderByAttribution, selectNodes } from "../../dist/node/index.js";
import { COLORS, sizeAxis, taskRows, writePlot } from "../svg.js";
import { withSubject } from "./circuits.js";
import { count, page, range, table } from "./markdown.js";
import { countEdges } from "./search.js";
import { geometricMean, spread } from "./statistics.js";
import { progress } from "./subject.js";

/** Both ways to rank by attribution; the better one of a task counts. */
const WAYS = ["gain", "size"];

export default async function attribution(context) {
  const { run, settings } = context;
  if (!run.has("circuits.json"))
    throw new Error("This step compares with the circuits: run the step circuits first.");
  const { tasks: rows } = await run.read("circuits.json");
  const kinds = ["sparse", "dense"];
  const result = { settings, tasks: rows.map(({ task }) => ({ task })) };
  for (const kind of kinds) {
    await withSubject(kind, context, (subject) =>
      subject.each(rows, async (row, masked) => {
        const task = context.tasks.find(({ name }) => name === row.task);
        const byAttribution = await run.once(`${kind}/attribution/${row.task}.json`, () =>
          measure(subject, masked, task),
        );
        // As bisection found them: before anything is removed.
        const learned = row[kind].circuits.filter(({ reached }) => reached);
        result.tasks.find((one) => one.task === row.task)[kind] = compare(learned, byAttribution);
      }),
    );
  }
  result.means = Object.fromEntries(kinds.map((kind) => [kind, meansOf(result.tasks, kind)]));
  await run.writeJson("attribution.json", result);
  await run.write("attribution.md", report(result, kinds));
  await draw(run.file("attribution.svg"), result, kinds);
  console.log(report(result, kinds));
}

async function measure(subject, masked, task) {
  const splits = subject.splits(task);
  const ways = {};
  for (const by of WAYS) {
    const order = await orderByAttribution(masked, splits, by);
    const { k, loss, reached, nodes } = await selectNodes(masked, splits, order, subject.settings.target);
    ways[by] = { k, loss, reached, edges: reached ? await countEdges(masked, nodes) : null };
    progress(subject.label, task.name, `attribution by ${by}: ${reached ? `${k} nodes` : "not reached"}`);
  }
  return ways;
}

function compare(learned, byAttribution) {
  const reaching = Object.entries(byAttribution).filter(([, { reached }]) => reached);
  const [by, best] = reaching.reduce((a, b) => (b[1].k < a[1].k ? b : a), reaching[0] ?? [null, null]);
  return {
    learned:
      learned.length === 0
        ? null
        : {
            nodes: spread(learned.map(({ nodes }) => nodes)),
            edges: spread(learned.map(({ edges }) => edges)),
          },
    attribution: best && { by, nodes: best.k, edges: best.edges },
  };
}

function meansOf(tasks, kind) {
  const counted = tasks.filter((row) => row[kind].learned && row[kind].attribution);
  if (counted.length === 0) return { tasks: 0 };
  const mean = (measure) => geometricMean(counted.map((row) => measure(row[kind])));
  return {
    tasks: counted.length,
    learned: {
      nodes: mean(({ learned }) => learned.nodes.mean),
      edges: mean(({ learned }) => learned.edges.mean),
    },
    attribution: { nodes: mean((one) => one.attribution.nodes), edges: mean((one) => one.attribution.edges) },
  };
}

function report({ tasks, means, settings }, kinds) {
  const titles = ["nodes, masks", "nodes, attribution", "edges, masks", "edges, attribution"];
  const cells = ({ learned, attribution: best }) => [
    learned ? range(learned.nodes) : "–",
    best ? `${count(best.nodes)} (${best.by})` : "–",
    learned ? range(learned.edges) : "–",
    best ? count(best.edges) : "–",
  ];
  const sections = kinds.map((kind) => {
    const { learned, attribution: best, tasks: counted } = means[kind];
    const meanRow = [
      `geometric mean of ${counted}`,
      ...(counted === 0
        ? ["–", "–", "–", "–"]
        : [learned.nodes, best.nodes, learned.edges, best.edges].map(count)),
    ];
    const rows = tasks.map((row) => [`\`${row.task}\``, ...cells(row[kind])]);
    return `The ${kind} model:\n\n${table(["task", ...titles], [...rows, meanRow])}`;
  });
  return page([
    `Nodes that either order takes to a loss of ${settings.target} on prompts for choosing by, as bisection finds them, before removal. Masks: mean (least–greatest) of ${settings.seeds} seeds. Attribution: by gain or size, whichever takes fewer.`,
    ...sections,
  ]);
}

async function draw(file, { tasks, means }, kinds) {
  const ways = ["learned masks", "attribution"];
  const points = kinds.flatMap((kind) =>
    tasks.flatMap((row) => {
      const { learned, attribution: best } = row[kind];
      return [
        ...(learned ? [{ kind, task: row.task, way: ways[0], nodes: learned.nodes.mean }] : []),
        ...(best ? [{ kind, task: row.task, way: ways[1], nodes: best.nodes }] : []),
      ];
    }),
  );
  if (points.length === 0) return;
  const options = {
    ...taskRows(tasks.map(({ task }) => task)),
    width: 760,
    color: { domain: ways, range: [COLORS.blue, COLORS.vermilion] },
    fx: { domain: kinds, label: null, tickFormat: (kind) => `${kind} model` },
    x: sizeAxis("nodes at the target"),
    marks: [
      Plot.frame({ stroke: "#d0d4da" }),
      Plot.dot(points, { fx: "kind", x: "nodes", y: "task", fill: "way", r: 4 }),
    ],
  };
  const ratio = (kind) =>
    `${kind} model: ${count(means[kind].attribution.nodes / means[kind].learned.nodes)} times as many`;
  const ratios = kinds.filter((kind) => means[kind].tasks > 0).map(ratio);
  await writePlot(
    file,
    options,
    `Nodes at the target loss, blue by learned masks, red by attribution. Attribution takes, in the ${ratios.join("; in the ")}.`,
    [
      ["learned masks", COLORS.blue],
      ["attribution", COLORS.vermilion],
    ],
  );
}
