import type { Audit } from "../../src/index.js";
import { Chart } from "../charts/chart.js";
import { fetchJson, fetchText } from "../engine/fetch.js";
import { scoreRun } from "../engine/task.js";
import { weightsOverview } from "../engine/weights-overview.js";
import { CircuitPicker } from "../parts/circuit-picker.js";
import { MissingTask } from "../parts/missing-task.js";
import { chooseCircuit } from "../state/actions.js";
import { resource } from "../state/resource.js";
import { address, entry, go, theme } from "../state/store.js";
import {
  ablation,
  areScoresPending,
  baselines,
  circuit,
  fits,
  measured,
  nodeScores,
  original,
  quickBatch,
  runOf,
  session,
} from "../state/work.js";

/** Numbers of nodes at which the loss is measured. */
const POINTS = 16;

const isOpen = () => address.value.view === "evidence";

/** The loss of the circuit's k nodes that matter most, for several k. */
const lossByK = resource(
  () => {
    const scores = nodeScores.value;
    if (!isOpen() || !scores || !fits.value || !measured.value || !quickBatch.value) return null;
    return [measured.value, circuit.value!, scores, ablation.value, quickBatch.value] as const;
  },
  async ([of, one, scores, , batch], abort) => {
    const order = one.nodes.map((_, i) => i).sort((a, b) => scores[b] - scores[a]);
    const { length } = order;
    const counts = Array.from({ length: POINTS + 1 }, (_, i) => Math.round((length * i) / POINTS));
    const points: { k: number; loss: number }[] = [];
    for (const k of [...new Set(counts)]) {
      abort.throwIfAborted();
      const off = order.slice(k).map((i) => one.nodes[i]);
      const { loss } = await scoreRun(of, runOf({ off, set: [] }, "circuit"), batch, abort);
      points.push({ k, loss });
    }
    return points;
  },
);

interface Trial {
  readonly task: string;
  readonly settings: Readonly<Record<string, number>>;
  readonly outcomes: readonly {
    readonly target: number;
    readonly k: number;
    readonly loss: number;
    readonly reached: boolean;
  }[];
}

function jsonLines<T>(text: string): T[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => JSON.parse(line));
}

const trials = resource(
  () => (isOpen() && entry.value?.trials ? ([entry.value.trials] as const) : null),
  async ([path], abort) => jsonLines<Trial>(await fetchText(path, abort)),
);

const curve = resource(
  () => (isOpen() && entry.value?.curve ? ([entry.value.curve] as const) : null),
  async ([path], abort) => jsonLines<Record<string, number>>(await fetchText(path, abort)),
);

const audit = resource(
  () => {
    const id = original.value.value?.id;
    const found = entry.value?.circuits.find((one) => one.id === id)?.audit;
    return isOpen() && found ? ([found] as const) : null;
  },
  async ([path], abort) => (await fetchJson(path, abort)) as unknown as Audit,
);

const card = resource(
  () => (isOpen() && entry.value?.card ? ([entry.value.card] as const) : null),
  ([path], abort) => fetchText(path, abort),
);

const weights = resource(
  () => (isOpen() && session.value ? ([session.value] as const) : null),
  ([of]) => weightsOverview(of),
);

export function EvidenceView() {
  return (
    <div class="evidence">
      <div class="toolbar">
        <CircuitPicker of="circuit" />
      </div>
      <div class="sheets">
        <LossAgainstK />
        <AuditPart />
        <Controls />
        <SearchHistory />
        <TrainingCurve />
        <WeightsPart />
        {card.value.value && (
          <section class="sheet wide">
            <h2>The model's card</h2>
            <details>
              <summary>{entry.value?.title}</summary>
              <pre class="card">{card.value.value}</pre>
            </details>
          </section>
        )}
      </div>
    </div>
  );
}

function LossAgainstK() {
  const one = circuit.value;
  const points = lossByK.value.value;
  const isWaiting =
    lossByK.value.pending || areScoresPending.value || baselines.value.pending || !measured.value;
  if (!one) return null;
  return (
    <section class="sheet">
      <h2>Loss against the number of nodes</h2>
      {points ? (
        <Chart
          label={`Task loss of the k nodes that matter most, from ${points[0].loss.toFixed(2)} nat with none to ${points.at(-1)!.loss.toFixed(2)} with all ${one.nodes.length}`}
          of={[points, theme.value]}
          draw={(plot, width) =>
            plot.plot({
              ...{ width, height: 240, marginLeft: 44, marginBottom: 36, marginTop: 24 },
              x: { label: "k: nodes kept, those that matter most first", domain: [0, one.nodes.length] },
              y: {
                label: "task loss (nat)",
                domain: [0, Math.max(0.75, ...points.map(({ loss }) => loss))],
                grid: true,
              },
              marks: [
                plot.ruleY([Math.LN2], { strokeDasharray: "4 3", stroke: "currentColor" }),
                plot.text([[one.nodes.length, Math.LN2]], {
                  ...{ text: () => "chance", dy: -8, textAnchor: "end", fill: "currentColor" },
                }),
                ...(one.target_loss === null
                  ? []
                  : [
                      plot.ruleY([one.target_loss], { stroke: "var(--negative)", strokeDasharray: "2 3" }),
                      plot.text([[0, one.target_loss]], {
                        ...{
                          text: () => "target",
                          dy: -8,
                          dx: 4,
                          textAnchor: "start",
                          fill: "var(--negative)",
                        },
                      }),
                    ]),
                plot.lineY(points, { x: "k", y: "loss", stroke: "var(--positive)", strokeWidth: 2 }),
                plot.dot(points, {
                  ...{ x: "k", y: "loss", fill: "var(--positive)", r: 3 },
                  title: ({ k, loss }) => `${k} nodes: ${loss.toFixed(4)} nat`,
                }),
              ],
            })
          }
          caption={`Measured here on ${quickBatch.value?.count} pairs, everything else ablated (${ablation.value}).`}
        />
      ) : isWaiting || lossByK.value.error ? (
        <p class="note">{lossByK.value.error ?? "Measuring …"}</p>
      ) : fits.value ? (
        <MissingTask />
      ) : (
        <p class="note">The circuit is of another model than the one here: nothing can be measured.</p>
      )}
    </section>
  );
}

function AuditPart() {
  const found = audit.value.value;
  return (
    <section class="sheet">
      <h2>Audit</h2>
      {audit.value.error && <p class="problem">{audit.value.error}</p>}
      {found ? (
        <>
          <p class="note">
            What a sceptic would ask, on {found.pairs.report} held-out pairs; target {found.target_loss} nat.
          </p>
          <table class="audit">
            <thead>
              <tr>
                <th scope="col">criterion</th>
                <th scope="col">verdict</th>
                <th scope="col">measured</th>
              </tr>
            </thead>
            <tbody>
              {found.criteria.map(({ name, held, summary }) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>{held === null ? "– not decided" : held ? "✓ held" : "✗ fell short"}</td>
                  <td>{summary}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <RandomSets found={found} />
        </>
      ) : (
        !audit.value.error && (audit.value.pending ? <p class="note">Loading …</p> : <NoAudit />)
      )}
    </section>
  );
}

function NoAudit() {
  const task = circuit.value?.task.name;
  const audited = entry.value?.circuits.find(
    (one) => one.task === task && one.audit !== null && one.control === null,
  );
  return (
    <>
      {audited && (
        <p>
          No audit came with this circuit.{" "}
          <button type="button" class="link" onClick={() => chooseCircuit(audited.id)}>
            That of {audited.nodes} nodes and {audited.edges} edges
          </button>{" "}
          of the same task has one.
        </p>
      )}
      <p class="note">
        {audited ? "" : "No audit came with this circuit. "}sparselens audit makes one. What can be measured
        here is in Intervene: model, circuit and complement.
      </p>
    </>
  );
}

/** Necessity: what the circuit's ablation costs beside that of random nodes. */
function RandomSets({ found }: { readonly found: Audit }) {
  const necessity = found.criteria.find(({ name }) => name === "necessity");
  const partial = found.criteria.find(({ name }) => name === "partial ablation");
  if (necessity?.name !== "necessity" || partial?.name !== "partial ablation") return null;
  const { complement, random, model } = necessity.measures;
  const rows = [
    { what: "nothing ablated", loss: model.loss },
    { what: `${random.count} random sets, median`, loss: random.median },
    { what: "random sets, worst", loss: random.maximum },
    { what: "the circuit ablated", loss: complement.loss },
  ];
  return (
    <>
      <Chart
        label="Task loss when the circuit is ablated, beside random node sets of the same size"
        of={[found, theme.value]}
        draw={(plot, width) =>
          plot.plot({
            ...{ width, height: 150, marginLeft: 150, marginBottom: 34 },
            x: {
              label: "task loss (nat)",
              domain: [0, Math.max(0.75, ...rows.map(({ loss }) => loss))],
              grid: true,
            },
            y: { label: null, domain: rows.map(({ what }) => what) },
            marks: [
              plot.barX(rows, { x: "loss", y: "what", fill: "var(--positive)" }),
              plot.ruleX([Math.LN2], { strokeDasharray: "4 3" }),
            ],
          })
        }
        caption="Necessity: only these nodes are ablated, everything else is kept. Dashed: chance."
      />
      <Chart
        label="Task loss of partial ablations, by the share of everything else that is ablated"
        of={[found, theme.value]}
        draw={(plot, width) =>
          plot.plot({
            ...{ width, height: 180, marginLeft: 44, marginBottom: 36 },
            x: { label: "share of everything else that is ablated (%)", domain: [0, 100] },
            y: { label: "task loss (nat)", grid: true, zero: true },
            marks: [
              plot.dot(partial.measures.draws, {
                ...{
                  x: ({ share }: { share: number }) => 100 * share,
                  y: "loss",
                  fill: "var(--positive)",
                  r: 2.5,
                },
              }),
              plot.ruleY([found.target_loss], { stroke: "var(--negative)", strokeDasharray: "2 3" }),
            ],
          })
        }
        caption="Partial ablation: random parts of everything else. Dashed: the target."
      />
    </>
  );
}

/** What the same search finds, as the audit measured it. */
function AuditControls() {
  const found = audit.value.value?.criteria.find(({ name }) => name === "controls");
  if (found?.name !== "controls" || !found.measures) return null;
  const { task, nonsense, random } = found.measures;
  const rows = [
    { what: "the task", outcome: task },
    { what: "a task without meaning", outcome: nonsense },
    { what: "random weights", outcome: random },
  ];
  const size = ({ nodes, reached }: { nodes: number; reached: boolean }) =>
    reached ? String(nodes) : "target missed";
  return (
    <table class="audit">
      <caption>
        Nodes that the search of the audit needs for the target, and their loss on held-out pairs
      </caption>
      <thead>
        <tr>
          <th scope="col">searched for</th>
          <th scope="col">nodes</th>
          <th scope="col">loss (nat)</th>
          <th scope="col">nodes, calibrated</th>
          <th scope="col">loss (nat)</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ what, outcome }) => (
          <tr key={what}>
            <th scope="row">{what}</th>
            {outcome ? (
              [outcome.plain, outcome.calibrated].map((one, i) => (
                <>
                  <td key={`nodes ${i}`}>{size(one)}</td>
                  <td key={`loss ${i}`} class="number">
                    {one.loss.toFixed(4)}
                  </td>
                </>
              ))
            ) : (
              <td colSpan={4}>not measured</td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Controls() {
  const controls = entry.value?.circuits.filter(({ control }) => control !== null) ?? [];
  return (
    <section class="sheet">
      <h2>Controls</h2>
      <p class="note">
        A search can reach a low loss on nonsense, too: what the same search finds on a task without meaning,
        or in a model with random weights.
      </p>
      <AuditControls />
      {controls.length === 0 ? (
        <p class="note">No circuits of such searches came with this model.</p>
      ) : (
        <table class="audit">
          <thead>
            <tr>
              <th scope="col">control</th>
              <th scope="col">task</th>
              <th scope="col">nodes</th>
              <th scope="col">edges</th>
            </tr>
          </thead>
          <tbody>
            {controls.map(({ id, task, nodes, edges, control }) => (
              <tr key={id}>
                <th scope="row">
                  <button type="button" class="link" onClick={() => go({ circuit: id, view: "circuit" })}>
                    {control}
                  </button>
                </th>
                <td>{task}</td>
                <td class="number">{nodes}</td>
                <td class="number">{edges}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function SearchHistory() {
  const found = trials.value.value;
  const task = circuit.value?.task.name;
  const outcomes = (found ?? []).flatMap((trial, number) =>
    trial.task === task
      ? trial.outcomes.map((outcome) => ({
          ...outcome,
          number,
          k_coef: trial.settings.k_coef,
          seed: trial.settings.seed,
        }))
      : [],
  );
  const viz = original.value.value?.viz?.all_loss;
  return (
    <section class="sheet">
      <h2>Search</h2>
      {outcomes.length > 0 ? (
        <Chart
          label={`Outcomes of ${outcomes.length} searches for ${task}: nodes kept and their loss`}
          of={[found, task, theme.value]}
          draw={(plot, width) =>
            plot.plot({
              ...{
                width,
                height: 220,
                marginLeft: 44,
                marginBottom: 36,
                marginTop: 24,
                insetTop: 10,
                insetRight: 10,
              },
              x: { label: "nodes", zero: true },
              y: { label: "task loss, select split (nat)", zero: true, grid: true },
              symbol: { legend: true, domain: ["reached", "missed"], range: ["circle", "cross"] },
              marks: [
                plot.dot(outcomes, {
                  ...{ x: "k", y: "loss", stroke: "var(--positive)", r: 5, strokeWidth: 2 },
                  symbol: ({ reached }: (typeof outcomes)[number]) => (reached ? "reached" : "missed"),
                  title: ({ k, loss, target, k_coef, seed }: (typeof outcomes)[number]) =>
                    `${k} nodes, ${loss.toFixed(4)} nat (target ${target}); k_coef ${k_coef}, seed ${seed}`,
                }),
              ],
            })
          }
          caption="Each mark is a search with other settings; whether it reached its target is its shape."
        />
      ) : viz ? (
        <Chart
          label="Loss over the steps of the search"
          of={[viz, theme.value]}
          draw={(plot, width) =>
            plot.plot({
              ...{ width, height: 200, marginLeft: 44, marginBottom: 36 },
              x: { label: "step" },
              y: { label: "loss (nat)", grid: true },
              marks: [
                plot.line(viz as [number, number][], { stroke: "var(--positive)" }),
                plot.dot(viz as [number, number][], { r: 2 }),
              ],
            })
          }
        />
      ) : (
        <p class="note">{trials.value.error ?? "The history of this search did not come with the model."}</p>
      )}
    </section>
  );
}

function TrainingCurve() {
  const lines = curve.value.value;
  if (!lines) {
    return (
      <section class="sheet">
        <h2>Training</h2>
        <p class="note">{curve.value.error ?? "No training curve came with this model."}</p>
      </section>
    );
  }
  const x = lines.some(({ tokens }) => tokens !== undefined) ? "tokens" : "step";
  const losses = lines.flatMap((line) =>
    (["test_xent", "train_xent"] as const).flatMap((key) =>
      line[key] === undefined
        ? []
        : [{ at: line[x], loss: line[key], what: key === "test_xent" ? "held out" : "training" }],
    ),
  );
  return (
    <section class="sheet">
      <h2>Training</h2>
      <Chart
        label="Cross-entropy while the model was trained"
        of={[lines, theme.value]}
        draw={(plot, width) =>
          plot.plot({
            ...{ width, height: 220, marginLeft: 44, marginBottom: 36, marginTop: 24 },
            x: { label: x, tickFormat: "~s", ticks: 5 },
            y: { label: "cross-entropy (nat per token)", grid: true },
            color: {
              legend: true,
              domain: ["held out", "training"],
              range: ["var(--positive)", "var(--negative)"],
            },
            marks: [plot.lineY(losses, { x: "at", y: "loss", stroke: "what", strokeWidth: 1.8 })],
          })
        }
      />
      <Chart
        label="Nonzero weights while the model was trained"
        of={[lines, theme.value]}
        draw={(plot, width) =>
          plot.plot({
            ...{ width, height: 140, marginLeft: 52, marginBottom: 36 },
            x: { label: x, tickFormat: "~s", ticks: 5 },
            y: { label: "L0: nonzero weights (log)", type: "log", grid: true, ticks: 3, tickFormat: "~s" },
            marks: [plot.lineY(lines, { x, y: "L0", stroke: "var(--positive)", strokeWidth: 1.8 })],
          })
        }
      />
    </section>
  );
}

function WeightsPart() {
  const found = weights.value.value;
  if (!found) {
    return (
      <section class="sheet">
        <h2>Weights</h2>
        <p class="note">{weights.value.error ?? "Counting …"}</p>
      </section>
    );
  }
  const { matrices, channels } = found;
  const ordered = [...channels].sort((a, b) => b.reads + b.writes - (a.reads + a.writes));
  const used = ordered.flatMap(({ channel, reads, writes }, rank) => [
    { rank, channel, count: reads, what: "read by" },
    { rank, channel, count: writes, what: "written by" },
  ]);
  return (
    <>
      <section class="sheet">
        <h2>Nonzero weights</h2>
        <Chart
          label="Nonzero weights of every matrix"
          of={[found, theme.value]}
          draw={(plot, width) =>
            plot.plot({
              ...{
                width,
                height: 40 + 18 * matrices.length,
                marginLeft: 128,
                marginRight: 64,
                marginBottom: 34,
              },
              x: { label: "nonzeros", tickFormat: "~s", ticks: 4, grid: true },
              y: { label: null, domain: matrices.map(({ name }) => name) },
              marks: [
                plot.barX(matrices, { x: "nonzeros", y: "name", fill: "var(--positive)" }),
                plot.text(matrices, {
                  ...{ x: "nonzeros", y: "name", dx: 4, textAnchor: "start", fill: "currentColor" },
                  text: ({ nonzeros, total }) => `${((100 * nonzeros) / total).toFixed(1)} %`,
                }),
              ],
            })
          }
          caption="Share of the matrix' entries that are not zero beside each bar."
        />
      </section>
      <section class="sheet">
        <h2>Channels of the residual stream</h2>
        <Chart
          label="Weights that read and write each channel of the residual stream, the busiest first"
          of={[found, theme.value]}
          draw={(plot, width) =>
            plot.plot({
              ...{ width, height: 200, marginLeft: 48, marginBottom: 36, marginTop: 24 },
              x: { label: "channel, the busiest first" },
              y: { label: "weights", grid: true },
              color: {
                legend: true,
                domain: ["read by", "written by"],
                range: ["var(--positive)", "var(--negative)"],
              },
              marks: [
                plot.areaY(used, {
                  ...{ x: "rank", y: "count", fill: "what" },
                  title: ({ channel, count, what }: (typeof used)[number]) =>
                    `channel ${channel}: ${what} ${count} weights`,
                }),
              ],
            })
          }
          caption={`Busiest: ${ordered
            .slice(0, 6)
            .map(({ channel, reads, writes }) => `${channel} (${reads} read, ${writes} write)`)
            .join(", ")}.`}
        />
        <Chart
          label="Channels by the number of tokens whose embedding has them"
          of={[found, theme.value]}
          draw={(plot, width) =>
            plot.plot({
              ...{ width, height: 150, marginLeft: 48, marginBottom: 36 },
              x: { label: "tokens whose embedding has the channel" },
              y: { label: "channels", grid: true },
              marks: [
                plot.rectY(
                  channels,
                  plot.binX({ y: "count" }, { x: "embedding", fill: "var(--positive)" } as object),
                ),
                plot.ruleY([0]),
              ],
            })
          }
        />
      </section>
    </>
  );
}
