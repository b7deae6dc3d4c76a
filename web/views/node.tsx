import { computed, signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import {
  attentionPattern,
  type Circuit,
  headOf,
  nodeTokens,
  type TokenWeights,
  type TracedLink,
  type TraceLinks,
  trace,
} from "../../src/index.js";
import { Chart, signedScale } from "../charts/chart.js";
import { pretrainingView, taskActivations } from "../engine/node-facts.js";
import { planRun } from "../engine/run.js";
import { QUICK_PAIRS } from "../engine/task.js";
import { splitNode } from "../graph/build.js";
import { MissingTask } from "../parts/missing-task.js";
import { TokenStrip, visible } from "../parts/tokens.js";
import { toggle, toggleMembership } from "../state/actions.js";
import { readNote, writeNote } from "../state/notes.js";
import { resource } from "../state/resource.js";
import { address, go, theme } from "../state/store.js";
import {
  activationOf,
  baselines,
  circuit,
  fits,
  measured,
  nodeScores,
  original,
  position,
  prompt,
  promptRun,
  quickBatch,
  runOf,
  session,
} from "../state/work.js";

/** The node that is looked at, when the model has it. */
const looked = computed(() => {
  const of = session.value;
  const { node } = address.value;
  if (!of || !node || node.includes("embedding")) return null;
  try {
    of.index.numberOf(node);
    return { of, node };
  } catch {
    return null;
  }
});
/** Apart, so that what depends on the node alone is not made anew. */
const nodeKey = computed(() => looked.value?.node ?? null);

const links = resource(
  () => (session.value && nodeKey.value ? ([session.value, nodeKey.value] as const) : null),
  async ([of, node]) => {
    const graph = await of.graph;
    const number = graph.index.numberOf(node);
    const partner = graph.partner(number);
    return {
      inputs: await graph.inputs(number),
      outputs: await graph.outputs(number),
      bias: await graph.bias(number),
      partner: partner === null ? null : graph.index.nameOf(partner),
      tokens: await nodeTokens(graph, node, 8),
      trace: await trace(graph, node, { up: 3, down: 3, top: 4 }),
    };
  },
);

const onTask = resource(
  () =>
    measured.value && nodeKey.value && quickBatch.value && (!circuit.value || fits.value)
      ? ([measured.value, nodeKey.value, quickBatch.value, address.value.scope] as const)
      : null,
  ([of, node, batch, scope], abort) =>
    taskActivations(of, node, runOf({ off: [], set: [] }, scope), batch, abort),
);

const documentsDone = signal(0);
const onDocuments = resource(
  () => (session.value && nodeKey.value ? ([session.value, nodeKey.value] as const) : null),
  async ([of, node], abort) => {
    documentsDone.value = 0;
    // What else there is to see comes first.
    await new Promise((resolve) => setTimeout(resolve, 400));
    abort.throwIfAborted();
    return await pretrainingView(of, node, abort, (share) => {
      documentsDone.value = share;
    });
  },
);

const attention = resource(
  () => {
    const match = nodeKey.value && /^(\d+)\.attn\.([qkv]):(\d+)$/.exec(nodeKey.value);
    const of = measured.value;
    if (!match || !of || !prompt.value?.tokens.length) return null;
    const { scope, off, set } = address.value;
    return [
      of,
      Number(match[1]),
      match[2],
      Number(match[3]),
      prompt.value,
      scope,
      off.join(),
      set.join(),
    ] as const;
  },
  async ([of, layer, part, channel, { tokens }], abort) => {
    const { head } = headOf(of.model.config, channel);
    const run = runOf(address.peek(), address.peek().scope);
    const options = { ...(await planRun(of, run)), signal: abort };
    const asked = { layer, head, ...(part === "v" ? {} : { channel }) };
    return { ...(await attentionPattern(of.model, tokens, asked, options)), input: tokens };
  },
  { coalesce: true },
);

export function NodePanel() {
  const { node, off } = address.value;
  if (!node) return <Overview />;
  const end = /^(embedding|unembedding|position):(\d+)$/.exec(node);
  const isMember = circuit.value?.nodes.includes(node) ?? false;
  const at = circuit.value?.nodes.indexOf(node) ?? -1;
  const score = at >= 0 ? (nodeScores.value?.[at] ?? null) : null;
  const now = activationOf(promptRun.value.value, node, position.value);
  return (
    <div class="node-panel">
      <div class="node-head">
        <h2>
          <code>{node}</code>
        </h2>
        <button type="button" aria-label="Close" onClick={() => go({ node: null })}>
          ✕
        </button>
      </div>
      <p class="note">{explain(node)}</p>
      {end && <EndTokens end={end[1]} channel={Number(end[2])} />}
      {!end && (
        <>
          <dl class="facts">
            <dt>in the circuit</dt>
            <dd>{circuit.value ? (isMember ? "yes" : "no") : "–"}</dd>
            <dt>ablation delta</dt>
            <dd>{score === null ? "–" : `${signed(score, 4)} nat`}</dd>
            <dt>on the prompt</dt>
            <dd>{now === null ? "–" : `${signed(now, 3)} at token ${position.value}`}</dd>
          </dl>
          <div class="controls">
            <button type="button" aria-pressed={off.includes(node)} onClick={() => toggle(node)}>
              {off.includes(node) ? "Switch on" : "Switch off"}
            </button>
            <button type="button" onClick={() => go({ view: "intervene" })}>
              Set it …
            </button>
            {original.value.value && (
              <button type="button" onClick={() => toggleMembership(node)}>
                {isMember ? "Take out of the circuit" : "Put into the circuit"}
              </button>
            )}
          </div>
          <Note node={node} />
          {links.value.error && <p class="problem">{links.value.error}</p>}
          <LinkTables />
          <AttentionPart />
          <TaskHeatMap />
          <Documents />
          <TokenTables />
          <TraceTree />
        </>
      )}
    </div>
  );
}

function signed(value: number, digits: number): string {
  const text = Math.abs(value) >= 1000 ? value.toFixed(0) : value.toFixed(digits);
  return value > 0 ? `+${text}` : text.replace("-", "−");
}

/** What kind of node it is, in the paper's words. */
function explain(node: string): string {
  const { location, channel } = splitNode(node);
  const layer = /^(\d+)/.exec(location)?.[1];
  const d_head = session.value?.model.config.d_head;
  const head = d_head ? ` of head ${Math.floor(channel / d_head)}` : "";
  if (location === "embedding")
    return `What the token embedding writes to channel ${channel} of the residual stream.`;
  if (location === "unembedding")
    return `What the logits read from channel ${channel} of the residual stream.`;
  if (location === "position") return `What the position writes to channel ${channel}.`;
  if (location === "final_resid") return `Channel ${channel} of the residual stream behind the last layer.`;
  if (location.endsWith("attn.q"))
    return `A query channel${head} in layer ${layer}: it meets the same channel of the keys.`;
  if (location.endsWith("attn.k"))
    return `A key channel${head} in layer ${layer}: it meets the same channel of the queries.`;
  if (location.endsWith("attn.v"))
    return `A value channel${head} in layer ${layer}: attention carries it from token to token.`;
  if (location.endsWith("post_act"))
    return `A neuron of the MLP of layer ${layer}, behind its activation function.`;
  if (location.endsWith("attn.act_in"))
    return `What the attention of layer ${layer} reads from channel ${channel}, behind the norm.`;
  if (location.endsWith("mlp.act_in"))
    return `What the MLP of layer ${layer} reads from channel ${channel}, behind the norm.`;
  return `What the ${location.includes("attn") ? "attention" : "MLP"} of layer ${layer} writes to channel ${channel} of the residual stream.`;
}

/** Of a circuit whose file says nothing of them. null: not known, or not yet. */
function measuredLosses(): Partial<Circuit["losses"]["select"]> | null {
  const { value } = baselines.value;
  return value && { model: value.model.loss, circuit: value.circuit.loss, complement: value.complement.loss };
}

function Overview() {
  const one = circuit.value;
  if (!one) return <p class="note">Choose a circuit, or drop a circuit file here.</p>;
  const { losses, found, task, ablation } = one;
  const split = losses.report ?? losses.select ?? measuredLosses();
  const row = (label: string, value: number | null | undefined) =>
    typeof value === "number" && (
      <>
        <dt>{label}</dt>
        <dd>{value.toFixed(4)} nat</dd>
      </>
    );
  return (
    <div>
      <h2>{task.name}</h2>
      <p>
        A circuit of {one.nodes.length} nodes: while it runs alone, all others are ablated ({ablation}).
        Choose a node in the graph to see what it reads, writes and answers to; double-click switches it off.
      </p>
      <h3>
        Task loss{" "}
        {losses.report
          ? "on held-out prompts"
          : losses.select
            ? "on the prompts that it was chosen by"
            : split
              ? `on ${QUICK_PAIRS} pairs, measured here`
              : ""}
      </h3>
      <dl class="facts">
        {row("whole model", split?.model)}
        {row("circuit alone", split?.circuit)}
        {row("circuit, calibrated", split?.calibrated)}
        {row("without the circuit", split?.complement)}
        {row("nothing kept", split?.empty)}
        {row("chance", Math.LN2)}
      </dl>
      <h3>How it was found</h3>
      <dl class="facts">
        <dt>method</dt>
        <dd>{[found.method, ...found.steps].join(", ")}</dd>
        <dt>chosen among</dt>
        <dd>
          {found.candidates} search{found.candidates === 1 ? "" : "es"}
        </dd>
        <dt>target</dt>
        <dd>{one.target_loss === null ? "–" : `${one.target_loss} nat`}</dd>
        <dt>model</dt>
        <dd>{one.model.name}</dd>
      </dl>
      <details>
        <summary>Settings of the search</summary>
        <dl class="facts">
          {Object.entries(found.settings).map(([name, value]) => (
            <>
              <dt key={name}>{name}</dt>
              <dd>{String(value)}</dd>
            </>
          ))}
        </dl>
      </details>
    </div>
  );
}

function Note({ node }: { readonly node: string }) {
  const id = original.value.value?.id ?? null;
  const own = original.value.value?.circuit.notes?.[node] ?? "";
  const [text, setText] = useState("");
  useEffect(() => {
    let isGone = false;
    readNote(id, node).then((kept) => {
      if (!isGone) setText(kept ?? own);
    });
    return () => {
      isGone = true;
    };
  }, [id, node, own]);
  return (
    <label class="own-note">
      Your note{" "}
      <textarea
        rows={text ? 3 : 1}
        value={text}
        placeholder="kept here, and saved with the circuit"
        onInput={(event) => {
          setText(event.currentTarget.value);
          writeNote(id, node, event.currentTarget.value);
        }}
      />
    </label>
  );
}

function LinkTables() {
  const found = links.value.value;
  if (!found) return null;
  return (
    <div class="two">
      <LinkTable title="Reads" links={found.inputs} bias={found.bias} />
      <LinkTable title="Writes" links={found.outputs} partner={found.partner} />
    </div>
  );
}

interface LinkTableProps {
  readonly title: string;
  readonly links: readonly { readonly name: string; readonly weight: number; readonly through: string }[];
  readonly bias?: number;
  readonly partner?: string | null;
}

const SHOWN_LINKS = 8;

function LinkTable({ title, links: all, bias = 0, partner = null }: LinkTableProps) {
  const [isWhole, setWhole] = useState(false);
  const members = new Set(circuit.value?.nodes);
  const ordered = [...all].sort((a, b) => Number(members.has(b.name)) - Number(members.has(a.name)));
  const shown = isWhole ? ordered : ordered.slice(0, SHOWN_LINKS);
  return (
    <div>
      <h3>
        {title} <small>{all.length}</small>
      </h3>
      <table class="links">
        <thead class="hidden">
          <tr>
            <th scope="col">Node</th>
            <th scope="col">Weight</th>
          </tr>
        </thead>
        <tbody>
          {shown.map(({ name, weight, through }) => (
            <tr
              key={`${name} ${through}`}
              title={`through ${through}`}
              class={members.has(name) ? "member-row" : undefined}
            >
              <td>
                <NodeLink node={name} />
              </td>
              <td class={weight < 0 ? "number negative" : "number positive"}>{signed(weight, 3)}</td>
            </tr>
          ))}
          {bias !== 0 && (
            <tr>
              <td>bias</td>
              <td class="number">{signed(bias, 3)}</td>
            </tr>
          )}
          {partner && (
            <tr>
              <td>
                times <NodeLink node={partner} />
              </td>
              <td />
            </tr>
          )}
        </tbody>
      </table>
      {all.length > shown.length && (
        <button type="button" class="link" onClick={() => setWhole(true)}>
          {all.length - shown.length} more
        </button>
      )}
      {all.length === 0 && bias === 0 && !partner && <p class="note">nothing, by the weights</p>}
    </div>
  );
}

export function NodeLink({ node }: { readonly node: string }) {
  return (
    <button type="button" class="link" onClick={() => go({ node })}>
      {node}
    </button>
  );
}

function AttentionPart() {
  const pattern = attention.value.value;
  const of = session.value;
  const match = /\.attn\.([qkv]):(\d+)$/.exec(nodeKey.value ?? "");
  if (!match) return null;
  if (!pattern || !of)
    return <p class="note">{attention.value.error ?? "Computing the attention pattern …"}</p>;
  const { tokens, weights, sink, share, head, layer, input } = pattern;
  const query = Math.min(position.value, tokens - 1);
  const row = weights.subarray(query * tokens, query * tokens + tokens);
  const shareRow = share?.subarray(query * tokens, query * tokens + tokens);
  const largest = shareRow ? Math.max(1e-9, ...Array.from(shareRow, Math.abs)) : 1;
  return (
    <section>
      <h3>
        Attention of head {head}, layer {layer} <small>on the prompt</small>
      </h3>
      <Chart
        label={`Attention weights of head ${head}: queries from top to bottom, keys from left to right`}
        of={[pattern, theme.value]}
        draw={(plot, width) => {
          const cells = Array.from(weights, (weight, i) => ({
            weight,
            key: i % tokens,
            query: Math.floor(i / tokens),
          })).filter(({ key, query }) => key <= query);
          const side = Math.min(width, 380);
          return plot.plot({
            ...{ width: side, height: side, marginLeft: 34, marginBottom: 30, padding: 0 },
            x: {
              label: "key (token)",
              domain: Array.from({ length: tokens }, (_, i) => i),
              ticks: ticksOf(tokens),
            },
            y: {
              label: "query (token)",
              domain: Array.from({ length: tokens }, (_, i) => i),
              ticks: ticksOf(tokens),
            },
            color: { ...signedScale(1), legend: false },
            marks: [
              plot.cell(cells, {
                ...{ x: "key", y: "query", fill: "weight", inset: 0 },
                title: ({ weight, key, query }) =>
                  `${JSON.stringify(of.text(input[query]))} looks at ${JSON.stringify(of.text(input[key]))}: ${weight.toFixed(3)}`,
              }),
            ],
          });
        }}
        caption="Darker (in the dark theme lighter): more attention, from 0 to 1. Choose a token below to see its row."
      />
      <p class="note">
        From token {query}, {JSON.stringify(of.text(input[query]))}
        {of.model.config.sink ? `; the sink takes ${sink[query].toFixed(3)}` : ""}:
      </p>
      <TokenStrip
        session={of}
        tokens={input.slice(0, query + 1)}
        values={row}
        position={query}
        label="Attention weights from the chosen token"
        onPick={(picked) => go({ position: picked })}
      />
      {shareRow && (
        <>
          <p class="note">
            What this channel alone adds to the scores (q · k / √{of.model.config.d_head}), strongest{" "}
            {largest.toPrecision(2)}:
          </p>
          <TokenStrip
            session={of}
            tokens={input.slice(0, query + 1)}
            values={shareRow}
            scale={largest}
            label="The channel's share of the attention scores"
          />
        </>
      )}
    </section>
  );
}

function ticksOf(count: number): number[] {
  const step = count <= 12 ? 1 : count <= 60 ? 10 : 50;
  return Array.from({ length: Math.ceil(count / step) }, (_, i) => i * step);
}

/** Tokens counted back from the end of a prompt. */
const SHOWN_TOKENS = 20;

function TaskHeatMap() {
  const found = onTask.value.value;
  const of = session.value;
  if (!quickBatch.value || !of) return <MissingTask />;
  if (!found) return <p class="note">{onTask.value.error ?? "Computing activations on the task …"}</p>;
  const { batch, prompts } = found;
  const [first, second] = [0, 1].map((side) => visible(of.text(batch.candidates[side])));
  const panels = [`answer ${first}`, `answer ${second}`, "difference"];
  const cells = Array.from({ length: batch.count }, (_, pair) => {
    const [a, b] = [prompts[2 * pair], prompts[2 * pair + 1]];
    return Array.from({ length: SHOWN_TOKENS }, (_, back) => {
      const at = (values: Float32Array) =>
        back < values.length ? values[values.length - 1 - back] : undefined;
      const text = (side: number) => {
        const tokens = batch.tokens.subarray((2 * pair + side) * batch.width);
        const i = batch.lengths[2 * pair + side] - 1 - back;
        return i >= 0 ? of.text(tokens[i]) : "";
      };
      const [x, y] = [at(a), at(b)];
      return [
        ...(x === undefined ? [] : [{ panel: panels[0], pair, back: -back, value: x, text: text(0) }]),
        ...(y === undefined ? [] : [{ panel: panels[1], pair, back: -back, value: y, text: text(1) }]),
        ...(x === undefined || y === undefined
          ? []
          : [{ panel: panels[2], pair, back: -back, value: x - y, text: text(0) }]),
      ];
    }).flat();
  }).flat();
  const largest = Math.max(1e-9, ...cells.map(({ value }) => Math.abs(value)));
  return (
    <section>
      <h3>
        On the task <small>{batch.count} pairs of prompts, aligned at their ends</small>
      </h3>
      <Chart
        label={`Activations on ${batch.count} pairs of prompts of the task: of either class, and their difference`}
        of={[found, theme.value]}
        draw={(plot, width) =>
          plot.plot({
            ...{
              width,
              height: 36 + 6 * batch.count + 44,
              marginLeft: 28,
              marginBottom: 34,
              marginTop: 22,
              padding: 0,
            },
            fx: { label: null, domain: panels, padding: 0.06 },
            x: {
              label: "token, counted from the end",
              domain: Array.from({ length: SHOWN_TOKENS }, (_, i) => i + 1 - SHOWN_TOKENS),
              ticks: [-15, -10, -5, 0],
            },
            y: {
              label: "pair",
              ticks: [0, batch.count - 1],
              domain: Array.from({ length: batch.count }, (_, i) => i),
            },
            color: {
              ...signedScale(largest),
              legend: true,
              label: "activation",
              ticks: 3,
            },
            marks: [
              plot.cell(cells, {
                ...{ fx: "panel", x: "back", y: "pair", fill: "value", inset: 0 },
                title: ({ value, text }) => `${JSON.stringify(text)}: ${value.toPrecision(3)}`,
              }),
            ],
          })
        }
      />
    </section>
  );
}

function Documents() {
  const view = onDocuments.value.value;
  const of = session.value;
  if (!of) return null;
  if (onDocuments.value.error) return <p class="problem">{onDocuments.value.error}</p>;
  if (!view) {
    if (!onDocuments.value.pending && !of.entry.documents) {
      return <p class="note">No pretraining documents came with this model.</p>;
    }
    return (
      <p class="note">
        Looking through the pretraining documents: {(100 * documentsDone.value).toFixed(0)} %
      </p>
    );
  }
  const { histogram, zeros, tokens, quantiles, mean, standardDeviation, minimum, maximum } = view;
  const bins = histogram.counts.map((count, i) => ({
    count,
    from: (histogram.first + i) * histogram.width,
    to: (histogram.first + i + 1) * histogram.width,
  }));
  const scale = Math.max(Math.abs(minimum), Math.abs(maximum), 1e-9);
  return (
    <section>
      <h3>
        Over pretraining documents{" "}
        <small>
          {view.documents} documents, {tokens.toLocaleString("en-US")} tokens
        </small>
      </h3>
      <dl class="facts">
        <dt>zero at</dt>
        <dd>{((100 * zeros) / tokens).toFixed(1)} % of tokens</dd>
        <dt>mean ± deviation</dt>
        <dd>
          {mean.toPrecision(3)} ± {standardDeviation.toPrecision(3)}
        </dd>
        <dt>range</dt>
        <dd>
          {minimum.toPrecision(3)} to {maximum.toPrecision(3)}
        </dd>
      </dl>
      {bins.length > 0 && (
        <Chart
          label="Histogram of the activations that are not zero"
          of={[view, theme.value]}
          draw={(plot, width) =>
            plot.plot({
              ...{ width, height: 130, marginLeft: 44, marginBottom: 32 },
              x: { label: "activation (where not zero)", ticks: 5 },
              y: {
                label: "tokens (log)",
                type: "log",
                ticks: 3,
                grid: true,
                domain: [0.5, Math.max(...histogram.counts)],
              },
              marks: [
                plot.rectY(
                  bins.filter(({ count }) => count > 0),
                  { x1: "from", x2: "to", y1: 0.5, y2: "count", fill: "var(--positive)" },
                ),
              ],
            })
          }
        />
      )}
      {quantiles.map(({ quantile, top, bottom }) => (
        <details key={quantile} open={quantile === quantiles[0].quantile}>
          <summary>{100 * quantile} % quantile</summary>
          {[
            { title: "greatest", list: top },
            { title: "least", list: bottom },
          ].map(({ title, list }) => (
            <div key={title}>
              <p class="note">{title} activation of a document about there</p>
              {list.map(({ document, tokens: ids, activations, position: at }) => (
                <div key={document} class="document">
                  <span class="number">{signed(activations[at], 3)}</span>
                  <TokenStrip
                    session={of}
                    tokens={ids}
                    values={activations}
                    scale={scale}
                    position={at}
                    window={14}
                    label={`Document ${document}`}
                  />
                </div>
              ))}
            </div>
          ))}
        </details>
      ))}
    </section>
  );
}

function TokenTables() {
  const tokens = links.value.value?.tokens;
  if (!tokens) return null;
  return (
    <section>
      <h3>Tokens by the weights</h3>
      <div class="two">
        <TokenTable title="embedding: what feeds it" weights={tokens.embedding} />
        <TokenTable title="unembedding: what it raises" weights={tokens.unembedding} />
      </div>
    </section>
  );
}

function TokenTable({ title, weights }: { readonly title: string; readonly weights: TokenWeights | null }) {
  const of = session.value!;
  return (
    <div>
      <p class="note">{title}</p>
      {weights === null ? (
        <p class="note">no direct way</p>
      ) : (
        <>
          {[...weights.positive, ...[...weights.negative].reverse()].map(({ row, weight }) => (
            <div key={row} class="token-weight">
              <span class="token">{visible(of.text(row))}</span>
              <span class={weight < 0 ? "number negative" : "number positive"}>{signed(weight, 2)}</span>
            </div>
          ))}
          <p class="note">{weights.count} tokens in all</p>
        </>
      )}
    </div>
  );
}

function EndTokens({ end, channel }: { readonly end: string; readonly channel: number }) {
  const of = session.value;
  const [rows, setRows] = useState<readonly { row: number; weight: number }[]>([]);
  useEffect(() => {
    let isGone = false;
    of?.graph
      .then((graph) => graph.rows(end as "embedding", channel))
      .then((found) => {
        if (!isGone) setRows(found);
      });
    return () => {
      isGone = true;
    };
  }, [of, end, channel]);
  if (!of) return null;
  return (
    <>
      <h3>
        {end === "position" ? "Positions" : "Tokens"} with an entry there <small>{rows.length}</small>
      </h3>
      {rows.slice(0, 40).map(({ row, weight }) => (
        <div key={row} class="token-weight">
          <span class="token">{end === "position" ? row : visible(of.text(row))}</span>
          <span class={weight < 0 ? "number negative" : "number positive"}>{signed(weight, 3)}</span>
        </div>
      ))}
    </>
  );
}

function TraceTree() {
  const found = links.value.value?.trace;
  if (!found) return null;
  return (
    <section>
      <h3>
        Trace <small>by the weights, without a task; four strongest links of each node</small>
      </h3>
      <details>
        <summary>up, towards the embedding</summary>
        <TraceList {...found.up} />
      </details>
      <details>
        <summary>down, towards the logits</summary>
        <TraceList {...found.down} />
      </details>
    </section>
  );
}

function TraceList({ links: list, more }: TraceLinks) {
  return (
    <ul class="trace">
      {list.map((link) => (
        <TraceItem key={link.name} {...link} />
      ))}
      {more > 0 && <li class="note">{more} more</li>}
    </ul>
  );
}

function TraceItem({ name, weight, links: list, more, rows, repeated }: TracedLink) {
  const of = session.value!;
  return (
    <li>
      <NodeLink node={name} />{" "}
      <span class={weight < 0 ? "number negative" : "number positive"}>{signed(weight, 3)}</span>{" "}
      {rows && (
        <small>
          {rows.top.map(({ row }) => (name.startsWith("position") ? row : visible(of.text(row)))).join("  ")}{" "}
          … of {rows.count}
        </small>
      )}
      {repeated && <small>see above</small>}
      {(list.length > 0 || more > 0) && <TraceList links={list} more={more} />}
    </li>
  );
}
