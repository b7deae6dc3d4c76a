import type { Audit } from "./audit.js";
import type { AuditCriterion, Distribution } from "./audit-criterion.js";
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
  const [sufficiency, ablations, freezing, necessity, partial, interchange] = criteria;
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
  ];
  return `${sections.join("\n\n")}\n`;
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
