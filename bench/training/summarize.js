import { readFile } from "node:fs/promises";
import { mean } from "../../scripts/reproduce/statistics.js";

/** Steps whose densities are near those that the table names; the last is that of the trained model. */
const bandsOf = (finalDensity) => [
  { name: "1", holds: (density) => density >= 0.9 },
  { name: "1/4", holds: (density) => density >= 0.2 && density <= 0.3 },
  { name: fraction(finalDensity), holds: (density) => density === finalDensity },
];

const fraction = (density) =>
  Number.isInteger(1 / density) && density < 1 ? `1/${1 / density}` : String(density);

/** The lines of a mode's file: versions, steps, and what was measured at the end. */
export async function readMode(file) {
  const lines = (await readFile(file, "utf8")).trimEnd().split("\n").map(JSON.parse);
  return { versions: lines[0].versions, steps: lines.slice(1, -1), validationLoss: lines.at(-1).final_loss };
}

/** Figures of a mode: times in seconds, loss in nats per token. */
export function summarizeMode({ versions, steps, validationLoss }, finalDensity) {
  const seconds = steps.map(({ elapsed }, i) => elapsed - (i > 0 ? steps[i - 1].elapsed : 0));
  const last = steps.at(-1);
  const bands = bandsOf(finalDensity).map(({ name, holds }) => {
    const times = seconds.filter((_, i) => holds(steps[i].density));
    return [name, { steps: times.length, median: median(times) }];
  });
  return {
    versions,
    steps: steps.length,
    seconds: last.elapsed,
    tokens_per_second: last.tokens / last.elapsed,
    step_seconds: Object.fromEntries(bands),
    training_loss: mean(steps.slice(-Math.ceil(steps.length / 20)).map(({ loss }) => loss)),
    validation_loss: validationLoss,
  };
}

/** Beside each mode, how it compares with PyTorch, where that is among them. */
export function compare(modes) {
  const { pytorch } = modes;
  if (!pytorch) return modes;
  const compared = Object.entries(modes).map(([mode, figures]) => [
    mode,
    {
      ...figures,
      times_faster: pytorch.seconds / figures.seconds,
      loss_difference: figures.validation_loss / pytorch.validation_loss - 1,
    },
  ]);
  return Object.fromEntries(compared);
}

/** In Markdown. */
export function formatTable(modes) {
  const bands = Object.keys(Object.values(modes)[0].step_seconds);
  const header = [
    ...[
      "",
      "whole run",
      "tokens/s",
      "faster than PyTorch",
      ...bands.map((name) => `step at density ${name}`),
    ],
    ...["validation loss", "against PyTorch's"],
  ];
  const rows = Object.entries(modes).map(([mode, figures]) => [
    mode,
    `${figures.seconds.toFixed(1)} s`,
    Math.round(figures.tokens_per_second).toLocaleString("en-US"),
    optional(figures.times_faster, (times) => `${times.toFixed(2)} ×`),
    ...bands.map((name) =>
      optional(figures.step_seconds[name].median, (time) => `${(1000 * time).toFixed(0)} ms`),
    ),
    figures.validation_loss.toFixed(4),
    optional(
      figures.loss_difference,
      (part) => `${part < 0 ? "−" : "+"}${Math.abs(100 * part).toFixed(2)} %`,
    ),
  ]);
  return [header, header.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

const optional = (value, format) => (value === undefined || value === null ? "–" : format(value));

/** null for none. */
function median(numbers) {
  if (numbers.length === 0) return null;
  const sorted = numbers.toSorted((a, b) => a - b);
  return mean(sorted.slice((sorted.length - 1) >> 1, (sorted.length >> 1) + 1));
}
