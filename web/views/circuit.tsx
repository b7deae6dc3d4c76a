import { computed, signal } from "@preact/signals";
import { QUICK_PAIRS } from "../engine/task.js";
import type { GraphNode } from "../graph/build.js";
import { GraphView } from "../graph/view.js";
import { CircuitPicker, OpenFileButton } from "../parts/circuit-picker.js";
import { Legend } from "../parts/legend.js";
import { toggle } from "../state/actions.js";
import { COLOURS, type Colour } from "../state/address.js";
import { address, go } from "../state/store.js";
import {
  activationOf,
  areScoresMeasuredHere,
  areScoresPending,
  circuit,
  circuitError,
  isEdited,
  layout,
  meansError,
  nodeScores,
  other,
  plainRun,
  position,
  promptRun,
  session,
} from "../state/work.js";
import { IntervenePanel } from "./intervene.js";
import { NodePanel } from "./node.js";

const search = signal("");
const fits = signal(0);

const COLOUR_NAMES: Record<Colour, string> = {
  delta: "ablation delta",
  activation: "activation on the prompt",
  change: "change by the interventions",
};

/** What nodes are coloured by, before it is scaled. */
const values = computed(() => {
  const shown = layout.value.value;
  const { colour } = address.value;
  const found = new Map<string, number>();
  const deltas = new Map(circuit.value?.nodes.map((node, i) => [node, nodeScores.value?.[i] ?? null]));
  for (const { id, kind, score: own } of shown?.graph.nodes ?? []) {
    const score = deltas.get(id) ?? own;
    if (kind === "end") continue;
    const at = (run: typeof promptRun.value.value) => activationOf(run, id, position.value);
    const [now, before] =
      colour === "delta" ? [null, null] : [at(promptRun.value.value), at(plainRun.value.value)];
    const value =
      colour === "delta"
        ? score
        : colour === "activation"
          ? now
          : now === null || before === null
            ? null
            : now - before;
    if (value !== null) found.set(id, value);
  }
  return found;
});
/** null: nothing is known. */
const largest = computed(() => {
  const most = Math.max(0, ...[...values.value.values()].map(Math.abs));
  return most > 1e-8 ? most : null;
});
const strengths = computed(
  () => new Map([...values.value].map(([node, value]) => [node, value / (largest.value ?? 1)] as const)),
);

const off = computed(() => new Set(address.value.off));
const set = computed(() => new Set(address.value.set.map((item) => item.split("=")[0])));
const hidden = computed(() => {
  const { nodes: least } = address.value;
  const graph = layout.value.value?.graph;
  if (!graph || least === 0) return new Set<string>();
  return new Set(
    graph.nodes.filter(({ score }) => score !== null && Math.abs(score) < least).map(({ id }) => id),
  );
});
const found = computed(() => {
  const wanted = search.value.trim().toLowerCase();
  if (wanted === "") return new Set<string>();
  const nodes = layout.value.value?.graph.nodes ?? [];
  const exact = nodes.filter(({ id }) => id === wanted);
  const matching = exact.length > 0 ? exact : nodes.filter(({ id }) => id.includes(wanted));
  return new Set(matching.map(({ id }) => id));
});

/** Where the ablation deltas come from that are no part of the file. */
function scoresNote(): string {
  if (address.value.colour !== "delta") return "";
  if (areScoresMeasuredHere.value) return ` (on ${QUICK_PAIRS} pairs)`;
  return areScoresPending.value ? " (being measured …)" : nodeScores.value ? "" : " (not known)";
}

function describe({ id, kind, location, channel }: GraphNode): string {
  const at = circuit.value?.nodes.indexOf(id) ?? -1;
  const score = nodeScores.value?.[at] ?? null;
  if (kind === "end") return `channel ${channel} at the ${location}`;
  const parts = [id];
  if (score !== null) parts.push(`ablation delta ${score.toFixed(4)} nat`);
  if (address.value.colour !== "delta" && values.value.has(id))
    parts.push(`${COLOUR_NAMES[address.value.colour]} ${values.value.get(id)!.toPrecision(3)}`);
  if (off.value.has(id)) parts.push("switched off");
  if (set.value.has(id)) parts.push("set");
  return parts.join(", ");
}

export function CircuitView() {
  const { view, node } = address.value;
  const shown = layout.value.value;
  const problem = circuitError.value ?? layout.value.error ?? meansError.value;
  return (
    <div class="circuit">
      <Toolbar />
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <div class="stage">
        <div class="graph-side">
          {shown ? (
            <GraphView
              graph={shown.graph}
              layout={shown.layout}
              strengths={strengths.value}
              describe={describe}
              picked={node}
              onPick={(picked) => go({ node: picked })}
              off={off.value}
              set={set.value}
              onToggle={toggle}
              minimumWeight={address.value.edges}
              hidden={hidden.value}
              found={found.value}
              fit={fits.value}
            />
          ) : (
            <div class="graph">
              <p class="loading">
                {circuit.value
                  ? "Laying out the graph …"
                  : problem
                    ? ""
                    : "No circuit is open. Drop a circuit file here."}
              </p>
            </div>
          )}
          <Legend
            what={COLOUR_NAMES[address.value.colour] + scoresNote()}
            unit={address.value.colour === "delta" ? "nat" : ""}
            largest={largest.value}
            isCompared={other.value.value !== null}
          />
        </div>
        <aside aria-label={view === "intervene" ? "Interventions" : "Node"}>
          {view === "intervene" ? <IntervenePanel /> : <NodePanel />}
        </aside>
      </div>
    </div>
  );
}

function Toolbar() {
  const { layer, edges, nodes, colour } = address.value;
  const one = circuit.value;
  const layers = new Set(one?.nodes.flatMap((node) => /^(\d+)\./.exec(node)?.[1] ?? []) ?? []);
  const scores = nodeScores.value?.map(Math.abs) ?? [];
  const most = Math.max(1e-3, ...scores);
  return (
    <div class="toolbar">
      <CircuitPicker of="circuit" />
      <OpenFileButton />
      <label>
        layer{" "}
        <select
          value={layer === null ? "" : String(layer)}
          onChange={({ currentTarget: { value } }) => go({ layer: value === "" ? null : Number(value) })}
        >
          <option value="">all</option>
          {[...layers].map((number) => (
            <option key={number} value={number}>
              {number}
            </option>
          ))}
        </select>
      </label>
      <label>
        colour{" "}
        <select value={colour} onChange={({ currentTarget: { value } }) => go({ colour: value as Colour })}>
          {COLOURS.map((name) => (
            <option key={name} value={name}>
              {COLOUR_NAMES[name]}
            </option>
          ))}
        </select>
      </label>
      <label title="Edges whose |weight| is a smaller share of the largest are hidden">
        hide edges below{" "}
        <input
          type="range"
          min={0}
          max={1}
          step={0.01}
          value={edges}
          onInput={({ currentTarget: { valueAsNumber } }) => go({ edges: valueAsNumber })}
        />{" "}
        <output>{(100 * edges).toFixed(0)} %</output>
      </label>
      {scores.length > 0 && (
        <label title="Nodes whose |ablation delta| is smaller are hidden">
          nodes below{" "}
          <input
            type="range"
            min={0}
            max={1}
            step={0.01}
            value={Math.sqrt(nodes / most)}
            onInput={({ currentTarget: { valueAsNumber } }) =>
              go({ nodes: Number((most * valueAsNumber ** 2).toPrecision(3)) })
            }
          />{" "}
          <output>{nodes.toPrecision(2)} nat</output>
        </label>
      )}
      <label>
        <span class="hidden">Search a node</span>
        <input
          type="search"
          placeholder="search: 1.mlp, :113"
          value={search.value}
          onInput={({ currentTarget: { value } }) => {
            search.value = value;
          }}
          onKeyDown={({ key }) => {
            if (key === "Enter" && found.value.size > 0) go({ node: [...found.value][0] });
          }}
        />
        {search.value !== "" && <small> {found.value.size} found</small>}
      </label>
      <button
        type="button"
        onClick={() => {
          fits.value++;
        }}
      >
        Fit
      </button>
      {one && (
        <span class="note">
          {one.nodes.length} of {session.value ? session.value.index.count.toLocaleString("en-US") : "…"}{" "}
          nodes, {one.edges.length} edges{isEdited.value ? ", edited" : ""}
        </span>
      )}
    </div>
  );
}
