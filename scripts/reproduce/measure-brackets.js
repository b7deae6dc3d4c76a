// Measures what predict-brackets.js has predicted, and says what came true.
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import * as Plot from "@observablehq/plot";
import { findTask } from "../../dist/node/index.js";
import { COLORS, writePlot } from "../svg.js";
import { batchOf, drawPrograms, flatOnes, lastValues, nestedOnes, runPrompts, TASK } from "./brackets.js";
import { withSubject } from "./circuits.js";
import { page, table } from "./markdown.js";
import { PREDICTION } from "./predict-brackets.js";
import { fitLine, mean } from "./statistics.js";
import { progress } from "./subject.js";

export default async function measure(context) {
  const { run, settings } = context;
  const file = settings.prediction ?? PREDICTION;
  const commit = committed(file);
  const prediction = JSON.parse(await readFile(file, "utf8"));
  await withSubject("sparse", context, async (subject) => {
    if (subject.sha256 !== prediction.model.sha256) throw new Error(`${file} is about another model.`);
    const result = { prediction: file, commit, ...(await compare(subject, prediction)) };
    await run.writeJson("brackets.json", result);
    await run.write("brackets.md", report(result));
    await draw(run.file("brackets.svg"), result);
    console.log(report(result));
  });
}

/** The commit that a file was last changed in. @throws Error where it is not committed as it is */
function committed(file) {
  const git = (...args) =>
    execFileSync("git", ["-C", dirname(file), ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    }).trim();
  let commit = "";
  try {
    if (git("status", "--porcelain", "--ignored", "--", basename(file)) === "")
      commit = git("log", "-1", "--format=%H", "--", basename(file));
  } catch {
    // No repository, or no such file.
  }
  if (commit === "")
    throw new Error(`${file} is not committed: write it with the step predict, and commit it first.`);
  return commit;
}

async function compare({ model }, { reading, dilution, distractors, criteria }) {
  const { programs } = drawPrograms(model, findTask(TASK));
  const [point, number] = reading.channel.split(":");
  const channel = { point, channel: Number(number) };
  const within = (measured, predicted, limit) => Math.abs(measured - predicted) <= limit;
  const lists = [];
  for (const { elements, tokens, deviation, nested_probability: predicted } of dilution) {
    progress(TASK, `lists of ${elements} elements`);
    const { probabilities, activations } = await runPrompts(model, batchOf(model, programs, { elements }), {
      record: point,
    });
    const values = lastValues(activations, channel);
    const measured = {
      deviation: mean(nestedOnes(values)) - mean(flatOnes(values)),
      nested_probability: mean(nestedOnes(probabilities)),
      flat_probability: mean(flatOnes(probabilities)),
    };
    lists.push({
      ...{ elements, tokens, predicted: { deviation, nested_probability: predicted }, measured },
      deviation_held: within(measured.deviation / deviation, 1, criteria.deviation_within),
      probability_held: within(measured.nested_probability, predicted, criteria.probability_within),
    });
  }
  const comments = [];
  for (const { comment, flat_probability: predicted } of distractors) {
    progress(TASK, comment);
    const { probabilities } = await runPrompts(model, batchOf(model, programs, { comment }));
    const measured = mean(flatOnes(probabilities));
    const wrong = mean(flatOnes(probabilities).map((p) => (p > 0.5 ? 1 : 0)));
    comments.push({
      ...{ comment, predicted, measured, wrong },
      held: within(measured, predicted, criteria.probability_within),
    });
  }
  const { sink } = reading.attention;
  const fitted = lists.every(({ measured }) => measured.deviation > 0)
    ? fitLine(lists.map(({ tokens, measured }) => [Math.log(tokens + sink), Math.log(measured.deviation)]))
        .slope
    : null;
  return { criteria, exponent: { predicted: -1, measured: fitted }, dilution: lists, distractors: comments };
}

function report({ commit, prediction, criteria, exponent, dilution, distractors }) {
  const fixed = (value) => value.toFixed(3);
  const verdict = (held) => (held ? "held" : "failed");
  const all = (rows, key) => rows.every((row) => row[key]);
  return page([
    `Predicted in \`${prediction}\`, commit ${commit.slice(0, 12)}, before it was measured. A deviation holds within ${100 * criteria.deviation_within} %, a probability within ${criteria.probability_within}.`,
    `- Dilution of the channel: **${verdict(all(dilution, "deviation_held"))}**. As a power of the context the deviation falls with the exponent ${exponent.measured === null ? "– (it changes its sign)" : fixed(exponent.measured)}; predicted: −1.\n- Dilution of P(\`]]\`): **${verdict(all(dilution, "probability_held"))}**.\n- Unmatched brackets: **${verdict(all(distractors, "held"))}**.`,
    table(
      [
        "elements of a nested list",
        "tokens",
        "deviation, predicted",
        "measured",
        "",
        "P(`]]`), predicted",
        "measured",
        "",
      ],
      dilution.map(
        ({ elements, tokens, predicted, measured, deviation_held: first, probability_held: second }) => [
          ...[
            String(elements),
            tokens.toFixed(1),
            fixed(predicted.deviation),
            fixed(measured.deviation),
            verdict(first),
          ],
          ...[fixed(predicted.nested_probability), fixed(measured.nested_probability), verdict(second)],
        ],
      ),
    ),
    table(
      ["first line of a flat list's program", "P(`]]`), predicted", "measured", "", "closed by `]]`"],
      distractors.map(({ comment, predicted, measured, wrong, held }) => [
        ...[
          `\`${comment}\``,
          fixed(predicted),
          fixed(measured),
          verdict(held),
          `${(100 * wrong).toFixed(1)} %`,
        ],
      ]),
    ),
  ]);
}

async function draw(file, { dilution }) {
  const measures = {
    deviation: "deviation of the channel",
    nested_probability: "P(]]) behind a nested list",
  };
  const points = dilution.flatMap(({ tokens, elements, predicted, measured }) =>
    Object.entries(measures).flatMap(([key, what]) => [
      { tokens, elements, what, kind: "predicted", value: predicted[key] },
      { tokens, elements, what, kind: "measured", value: measured[key] },
    ]),
  );
  const plots = Object.values(measures).map((what) => points.filter((point) => point.what === what));
  // Each in its own units: shares of its greatest value.
  const scaled = plots.flatMap((list) => {
    const greatest = Math.max(...list.map(({ value }) => Math.abs(value)));
    return list.map((point) => ({ ...point, share: point.value / greatest }));
  });
  const at = { fx: "what", x: "tokens", y: "share" };
  const options = {
    ...{ width: 760, height: 340, marginTop: 44, marginBottom: 44, marginLeft: 56 },
    color: { domain: ["predicted", "measured"], range: [COLORS.grey, COLORS.vermilion] },
    fx: { label: null, domain: Object.values(measures) },
    x: { label: "tokens of context", labelAnchor: "center", labelArrow: "none" },
    y: { label: "share of the greatest", labelArrow: "none", grid: true, zero: true },
    marks: [
      Plot.frame({ stroke: "#d0d4da" }),
      Plot.line(scaled, { ...at, stroke: "kind", strokeWidth: 2 }),
      Plot.dot(scaled, { ...at, fill: "kind", r: 3.5 }),
      Plot.text(
        scaled.filter(({ kind }) => kind === "predicted"),
        { ...at, text: "elements", dy: -10, fontSize: 10 },
      ),
    ],
  };
  const title =
    "Context dilution in bracket counting: grey what the circuit predicts, red what was measured, against the tokens of context; points are named by the list's elements.";
  const legend = [
    ["predicted", COLORS.grey],
    ["measured", COLORS.vermilion],
  ];
  await writePlot(file, options, title, legend);
}
