import type { Audit } from "./audit.js";
import type { AuditCriterion, Distribution } from "./audit-criterion.js";
import { plotAudit } from "./audit-plots.js";
import type { SearchedSize } from "./audit-search.js";
import type { AuditScore } from "./audit-subject.js";
import { ABLATIONS } from "./circuit.js";
import { markdownCode as code, markdownTable as table } from "./markdown.js";

/** One line: `sufficiency: held: …`, of one criterion. */
export function summaryLine({ name, held, summary }: AuditCriterion): string {
  return `${name}: ${verdictOf(held)}: ${summary}`;
}

/** An audit as Markdown: a line for each criterion, then their tables. */
export function formatAudit(audit: Audit): string {
  const { model, task, target_loss, ablation, nodes, edges, pairs, seed, criteria } = audit;
  const [sufficiency, ablations, freezing, necessity, partial, interchange, ...searched] = criteria;
  const plots = plotAudit(audit);
  const plotOf = (criterion: string) =>
    plots
      .filter((plot) => plot.criterion === criterion)
      .map(({ file, title }) => `![${title}](${file})`)
      .join("\n");
  const { train, report } = sufficiency.measures;
  const calibratedRow =
    train.calibrated && report.calibrated
      ? [["circuit, calibrated", ...scores(train.calibrated), ...scores(report.calibrated)]]
      : [];
  const sections = [
    `# Audit: a circuit for ${task.name}`,
    `Of the model ${code(model.name)}: ${nodes} nodes, ${edges} edges, found by ${ablation} ablation. Target: a task loss of ${target_loss} nat. ${pairs.train} pairs that masks are trained on, ${pairs.report} held-out pairs; seed ${seed}. Losses are uncalibrated unless said otherwise, and of held-out prompts.`,
    criteria
      .map((criterion) => `- **${criterion.name}: ${verdictOf(criterion.held)}**: ${criterion.summary}`)
      .join("\n"),
    "## Sufficiency",
    table(
      ["", "loss (train)", "accuracy (train)", "loss (held out)", "accuracy (held out)"],
      [
        ...(["model", "circuit", "complement", "empty"] as const).map((key) => [
          key,
          ...scores(train[key]),
          ...scores(report[key]),
        ]),
        ...calibratedRow,
      ],
    ),
    plotOf("sufficiency"),
    "## Ways to ablate",
    table(
      ["", "circuit: loss", "accuracy", "complement: loss", "accuracy"],
      ABLATIONS.map((kind) => {
        const measured = ablations.measures[kind];
        return measured
          ? [kind, ...scores(measured.circuit), ...scores(measured.complement)]
          : [kind, "not measured", "", "", ""];
      }),
    ),
    "## Frozen norm scales and AbsTopK supports",
    table(
      ["frozen", "loss", "accuracy"],
      [
        ["nothing", ...scores(freezing.measures.free)],
        ["norm scales", ...scores(freezing.measures.frozenNorms)],
        ["supports", ...scores(freezing.measures.frozenSupports)],
        ["both", ...scores(freezing.measures.frozenBoth)],
      ],
    ),
    "## Necessity",
    table(
      ["ablated", "loss", "accuracy"],
      [
        ["nothing", ...scores(necessity.measures.model)],
        ["the circuit", ...scores(necessity.measures.complement)],
      ],
    ),
    `Random node sets, as many at each location; ${(100 * necessity.measures.asHarmful).toFixed(1)} % of them cost at least as much as the circuit:`,
    distributionTable(necessity.measures.random),
    plotOf("necessity"),
    "## Partial ablation of everything else",
    distributionTable(partial.measures.losses),
    table(
      ["share ablated", "draws", "mean loss", "worst loss"],
      [0, 1, 2, 3].flatMap((quarter) => {
        const losses = partial.measures.draws
          .filter(({ share }) => Math.min(3, Math.floor(4 * share)) === quarter)
          .map(({ loss }) => loss);
        if (losses.length === 0) return [];
        const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
        const range = `${25 * quarter} to ${25 * quarter + 25} %`;
        return [[range, String(losses.length), number(mean), number(Math.max(...losses))]];
      }),
    ),
    plotOf("partial ablation"),
    "## Interchange",
    `Shares of the difference between the two sides of a pair, in the whole model; ${interchange.measures.pairs} pairs, of which ${interchange.measures.aligned} have prompts of the same length.`,
    table(
      ["exchanged", "share"],
      [
        ["the circuit", number(interchange.measures.circuit)],
        ["as many random nodes", number(interchange.measures.random)],
        ...[...interchange.measures.nodes]
          .sort((a, b) => b.share - a.share)
          .map(({ node, share }) => [code(node), number(share)]),
      ],
    ),
    plotOf("interchange"),
    ...searchedSections(searched, plotOf),
  ];
  return `${sections.filter((section) => section !== "").join("\n\n")}\n`;
}

type Searched = Audit["criteria"] extends readonly [
  ...[unknown, unknown, unknown, unknown, unknown, unknown],
  ...infer Rest,
]
  ? Rest
  : never;

/** What trained anew: binarisation, controls, stability. What was not measured has its line above alone. */
function searchedSections(
  [binarisation, controls, stability, training]: Searched,
  plotOf: (criterion: string) => string,
): string[] {
  const sections: string[] = [];
  if (binarisation.measures) {
    const { circuit, initial, trained, nodes } = binarisation.measures;
    sections.push(
      "## Binarisation",
      table(
        ["each node", "loss", "accuracy"],
        [
          ["its activation", ...scores(circuit)],
          ["one of two values, as first set", ...scores(initial)],
          ["one of two values, trained", ...scores(trained)],
        ],
      ),
      table(
        ["node", "at or below", "threshold", "above"],
        nodes.map(({ node, left, right, threshold }) => [
          ...[code(node), number(left), number(threshold), number(right)],
        ]),
      ),
    );
  }
  if (controls.measures) {
    const { trials, task, nonsense, random } = controls.measures;
    const rows = (
      [
        ["the task", task],
        ["a meaningless task", nonsense],
        ["random weights", random],
      ] as const
    ).map(([name, outcome]) =>
      outcome
        ? [name, ...searchedSize(outcome.plain), ...searchedSize(outcome.calibrated)]
        : [name, "not measured", "", "", ""],
    );
    sections.push(
      "## Controls",
      `The same search, of ${trials} ${trials === 1 ? "training" : "trainings"} of masks, for:`,
      table(["", "nodes", "loss (held out)", "nodes, calibrated", "loss (held out)"], rows),
    );
    if (nonsense) {
      const words = nonsense.words.map((word) => code(JSON.stringify(word))).join(", ");
      const [first, second] = nonsense.candidates.map((token) => code(JSON.stringify(token)));
      sections.push(`The meaningless task: ${first} behind prompts with ${words}, ${second} behind others.`);
    }
    sections.push(plotOf("controls"));
  }
  if (stability.measures) {
    const { circuits, common } = stability.measures;
    sections.push(
      "## Stability",
      table(
        ["circuit", "nodes", "Jaccard index with it", ""],
        circuits.map(({ seed, nodes, jaccard, reached }) => [
          seed === null ? "that is audited" : `seed ${seed}`,
          ...[String(nodes), number(jaccard), reached ? "" : "target missed"],
        ]),
      ),
      `In all of them: ${common.length === 0 ? "none" : common.map(code).join(", ")}.`,
      plotOf("stability"),
    );
  }
  if (training.measures && training.measures.circuits.length > 1) {
    const { circuits, locations } = training.measures;
    sections.push(
      "## Training seeds",
      "Nodes at each location; channels have no meaning beyond their model.",
      table(
        ["", ...circuits.map(({ model }) => code(model))],
        [
          ["nodes", ...circuits.map(({ nodes, reached }) => `${nodes}${reached ? "" : " (target missed)"}`)],
          ...locations.map((location, i) => [location, ...circuits.map(({ counts }) => String(counts[i]))]),
        ],
      ),
    );
  }
  return sections;
}

function searchedSize({ nodes, reached, loss }: SearchedSize): string[] {
  return [reached ? String(nodes) : "target missed", number(loss)];
}

function verdictOf(held: boolean | null): string {
  return held === null ? "not decided" : held ? "held" : "fell short";
}

function distributionTable(distribution: Distribution): string {
  const { count, mean, minimum, quartile, median, upperQuartile, maximum } = distribution;
  return table(
    ["draws", "mean", "least", "quartile", "median", "upper quartile", "worst"],
    [[String(count), ...[mean, minimum, quartile, median, upperQuartile, maximum].map(number)]],
  );
}

function scores({ loss, accuracy }: AuditScore): string[] {
  return [number(loss), `${(100 * accuracy).toFixed(1)} %`];
}

function number(value: number): string {
  const text = value.toFixed(4);
  return text === "-0.0000" ? "0.0000" : text;
}
