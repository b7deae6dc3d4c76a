// Draws the training loss against wall-clock time, for each way that run.js has measured; of several runs their mean.
//
//   node bench/training/picture.js DIR [DIR…] docs/training-speed.svg
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as Plot from "@observablehq/plot";
import { mean } from "../../scripts/reproduce/statistics.js";
import { COLORS, writePlot } from "../../scripts/svg.js";
import { readMode } from "./summarize.js";

const directories = process.argv.slice(2, -1);
const file = process.argv.at(-1);
if (directories.length === 0 || !directories.every((one) => existsSync(join(one, "summary.json")))) {
  console.error(
    "usage: node bench/training/picture.js DIR [DIR…] FILE.svg, where each DIR is one that run.js has written",
  );
  process.exit(2);
}

const styles = {
  exact: { label: "exact", color: COLORS.blue },
  periodic: { label: "periodic", color: COLORS.vermilion },
  pytorch: { label: "PyTorch", color: COLORS.grey },
};

const { modes } = JSON.parse(await readFile(join(directories[0], "summary.json"), "utf8"));
const runs = await Promise.all(
  Object.keys(modes).map(async (mode) => {
    const read = async (directory) => (await readMode(join(directory, `${mode}.jsonl`))).steps;
    return { ...styles[mode], steps: meanOf(await Promise.all(directories.map(read))) };
  }),
);
runs.sort((a, b) => a.steps.at(-1).elapsed - b.steps.at(-1).elapsed);
const span = Math.ceil(runs[0].steps.length / 20);
const curves = runs.map(({ steps, ...style }) => ({ ...style, points: smooth(steps) }));
const losses = curves.flatMap(({ points }) => points.map(({ loss }) => loss));
const [lowest, highest] = [Math.min(...losses), Math.max(...losses)];

const at = { x: "elapsed", y: "loss" };
const halo = { stroke: "#fff", strokeWidth: 4 };
const options = {
  ...{ width: 720, height: 400, marginTop: 32, marginLeft: 52, marginRight: 16, marginBottom: 44 },
  x: {
    label: "wall-clock time of training (seconds)",
    ...{ labelAnchor: "center", labelArrow: "none" },
    zero: true,
  },
  y: {
    label: `training loss (nats per token, mean of ${span} steps)`,
    labelArrow: "none",
    grid: true,
    // Below the ends of the curves, room for their names.
    domain: [lowest - 0.15 * (highest - lowest), highest],
  },
  marks: curves.flatMap(({ label, color, points }, i) => {
    const end = [points.at(-1)];
    // Away from the neighbour, which may end soon after.
    const textAnchor = i % 2 === 0 ? "end" : "start";
    const text = ({ elapsed }) => `${label}\n${elapsed.toFixed(0)} s`;
    return [
      Plot.lineY(points, { ...at, stroke: color, strokeWidth: 2 }),
      Plot.dot(end, { ...at, r: 4, fill: color }),
      Plot.text(end, {
        ...at,
        text,
        textAnchor,
        dy: 10,
        lineAnchor: "top",
        fontWeight: "bold",
        fill: color,
        ...halo,
      }),
    ];
  }),
};

const ends = curves.map(
  ({ label, points }) => `${label} ends at ${points.at(-1).elapsed.toFixed(0)} seconds`,
);
await writePlot(file, options, `Training loss against wall-clock time: ${ends.join(", ")}`);

/** Of several runs of as many steps, step by step. */
function meanOf(runs) {
  const meanAt = (i, key) => mean(runs.map((steps) => steps[i][key]));
  return runs[0].map((_, i) => ({ elapsed: meanAt(i, "elapsed"), loss: meanAt(i, "loss") }));
}

/** Means of `span` steps around each, of fewer at the ends. */
function smooth(steps) {
  return steps.map(({ elapsed }, i) => {
    const around = steps.slice(Math.max(0, i - (span >> 1)), i + ((span + 1) >> 1));
    return { elapsed, loss: mean(around.map(({ loss }) => loss)) };
  });
}
