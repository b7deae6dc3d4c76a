import type { Audit } from "./audit.js";
import { NECESSITY_LOSS } from "./audit-necessity.js";
import type { SearchOutcome } from "./audit-search.js";
import { ABLATIONS } from "./circuit.js";
import { barPlot, pointPlot } from "./svg-plot.js";

/** A plot of an audit, as a file beside its report. */
export interface AuditPlot {
  readonly file: string;
  /** The criterion that it belongs to, and what it shows. */
  readonly criterion: Audit["criteria"][number]["name"];
  readonly title: string;
  readonly svg: string;
}

/** Nodes that interchange is drawn of. */
const NODES = 24;

/** The plots of an audit: of whatever was measured. */
export function plotAudit(audit: Audit): AuditPlot[] {
  const [sufficiency, ablations, freezing, necessity, partial, interchange, , controls, stability] =
    audit.criteria;
  const target = { label: `target ${audit.target_loss}`, value: audit.target_loss };
  const { report } = sufficiency.measures;
  const plots: AuditPlot[] = [];
  const add = (
    criterion: AuditPlot["criterion"],
    title: string,
    draw: (title: string) => string,
    file = `${criterion.replaceAll(" ", "-")}.svg`,
  ) => plots.push({ file, criterion, title, svg: draw(title) });
  const { frozenNorms, frozenSupports, frozenBoth } = freezing.measures;
  add("sufficiency", "Held-out task loss", (title) =>
    barPlot({
      ...{ title, axis: "nats", lines: [target, { label: "chance", value: Math.LN2 }] },
      bars: [
        { label: "model", value: report.model.loss },
        { label: "circuit", value: report.circuit.loss },
        ...(report.calibrated ? [{ label: "circuit, calibrated", value: report.calibrated.loss }] : []),
        ...ABLATIONS.filter((kind) => kind !== audit.ablation).map((kind) => ({
          label: `circuit, ${kind} ablation`,
          value: ablations.measures[kind]?.circuit.loss ?? null,
        })),
        { label: "circuit, frozen norms", value: frozenNorms.loss },
        { label: "circuit, frozen supports", value: frozenSupports.loss },
        { label: "circuit, both frozen", value: frozenBoth.loss },
        { label: "complement", value: report.complement.loss },
        { label: "empty circuit", value: report.empty.loss },
      ],
    }),
  );
  add("necessity", "Random nodes ablated in the circuit's place", (title) => {
    const losses = [...necessity.measures.randomLosses].sort((a, b) => a - b);
    return pointPlot({
      ...{ title, x: "held-out task loss (nats)", y: "share of the random sets with at most this loss" },
      points: losses.map((loss, i) => [loss, (i + 1) / losses.length]),
      vertical: [
        { label: "the circuit ablated", value: necessity.measures.complement.loss },
        { label: `needed ${NECESSITY_LOSS}`, value: NECESSITY_LOSS },
        { label: "the whole model", value: necessity.measures.model.loss },
      ],
    });
  });
  add("partial ablation", "A random part of everything else ablated", (title) =>
    pointPlot({
      ...{ title, x: "share ablated", y: "held-out task loss (nats)", horizontal: [target] },
      points: partial.measures.draws.map(({ share, loss }) => [share, loss]),
    }),
  );
  add("interchange", "Share of the difference between the sides that a node carries", (title) =>
    barPlot({
      ...{ title, axis: "share" },
      bars: [
        { label: "the circuit", value: interchange.measures.circuit },
        { label: "as many random nodes", value: interchange.measures.random },
        ...[...interchange.measures.nodes]
          .sort((a, b) => b.share - a.share)
          .slice(0, NODES)
          .map(({ node, share }) => ({ label: node, value: share })),
      ],
    }),
  );
  if (controls.measures) {
    const { task, nonsense, random } = controls.measures;
    const searches: [string, Omit<SearchOutcome, "nodes"> | null][] = [
      ["the task", task],
      ["a meaningless task", nonsense],
      ["random weights", random],
    ];
    add("controls", "Nodes that the same search needs", (title) =>
      barPlot({
        ...{ title, axis: "nodes" },
        bars: searches.flatMap(([label, outcome]) =>
          (["plain", "calibrated"] as const).map((how) => ({
            label: how === "plain" ? label : `${label}, calibrated`,
            value: outcome?.[how].reached ? outcome[how].nodes : null,
            text: outcome && !outcome[how].reached ? "misses the target" : undefined,
          })),
        ),
      }),
    );
  }
  if (stability.measures) {
    const { circuits } = stability.measures;
    add("stability", "Circuits from other seeds of the search", (title) =>
      barPlot({
        ...{ title, axis: "nodes" },
        bars: circuits.map(({ seed, nodes, jaccard }) => ({
          label: seed === null ? "the circuit" : `seed ${seed}`,
          value: nodes,
          text: seed === null ? String(nodes) : `${nodes}, Jaccard index ${jaccard.toFixed(2)}`,
        })),
      }),
    );
  }
  return plots;
}
