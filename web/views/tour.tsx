import { computed } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { promptOf } from "../../src/index.js";
import { planRun } from "../engine/run.js";
import { taskPrompt } from "../engine/task.js";
import { type Cast, findCast, tryWriters } from "../engine/tour.js";
import { splitNode } from "../graph/build.js";
import { GraphView } from "../graph/view.js";
import { formatPercent } from "../parts/next-tokens.js";
import { signedColour, TokenStrip, visible } from "../parts/tokens.js";
import { clearInterventions, interveneOnly, toggle } from "../state/actions.js";
import { setValues } from "../state/address.js";
import { resource } from "../state/resource.js";
import { address, entry, go } from "../state/store.js";
import {
  baselines,
  circuit,
  fits,
  layout,
  measured,
  nodeScores,
  original,
  quickBatch,
  runOf,
  session,
} from "../state/work.js";

/** The circuit that the tour goes through. */
const TASK = "single_double_quote";
const isOpen = () => address.value.view === "tour";
const wanted = computed(
  () => entry.value?.circuits.find(({ task, control }) => task === TASK && !control) ?? null,
);
const isReady = computed(
  () =>
    circuit.value?.task.name === TASK && fits.value && measured.value !== null && quickBatch.value !== null,
);

const cast = resource(
  () =>
    isOpen() && isReady.value
      ? ([session.value!, circuit.value!, quickBatch.value!, address.value.pair] as const)
      : null,
  ([of, one, batch, pair], abort) =>
    findCast(of, one, runOf({ off: [], set: [] }, "circuit"), batch, pair, abort),
);

const trials = resource(
  () =>
    cast.value.value
      ? ([session.value!, circuit.value!, quickBatch.value!, cast.value.value] as const)
      : null,
  ([of, , batch, found], abort) =>
    tryWriters(of, runOf({ off: [], set: [] }, "circuit"), batch, found, abort),
);

/** Probabilities of the two answers after either prompt of the pair: of the model, and of what runs. */
const answers = resource(
  () => {
    if (!isOpen() || !isReady.value) return null;
    const { pair, off, set, scope } = address.value;
    return [session.value!, circuit.value!, quickBatch.value!, pair, off.join(), set.join(), scope] as const;
  },
  async ([of, , batch, pair], abort) => {
    const at = 2 * (pair % batch.count);
    const prompts = [promptOf(batch, at), promptOf(batch, at + 1)];
    const tokens = [batch.candidates[2 * at], batch.candidates[2 * at + 1]];
    const run = runOf(address.peek(), address.peek().scope);
    const { logits } = await of.model.forward(prompts, {
      ...(await planRun(of, run)),
      logits: "last",
      signal: abort,
    });
    return logits.map(({ data }) => {
      const largest = data.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
      const sum = data.reduce((total, value) => total + Math.exp(value - largest), 0);
      return tokens.map((token) => ({
        token,
        probability: Math.exp(data[token] - largest) / sum,
        logit: data[token],
      }));
    });
  },
  { coalesce: true },
);

interface Step {
  readonly title: string;
  readonly body: () => ComponentChildren;
  /** Nodes that it is about. */
  readonly nodes: () => readonly string[];
  readonly scope: "model" | "circuit";
}

const writerNodes = () => cast.value.value?.writers.map(({ node }) => node) ?? [];

const STEPS: readonly Step[] = [
  { title: "A string must be closed", body: TaskStep, nodes: () => [], scope: "model" },
  {
    title: "A few nodes are enough",
    body: CircuitStep,
    nodes: () => circuit.value?.nodes ?? [],
    scope: "circuit",
  },
  {
    title: "Something notices the quote",
    body: DetectorStep,
    nodes: () => (cast.value.value ? [cast.value.value.detector] : []),
    scope: "circuit",
  },
  {
    title: "Attention carries it to the last token",
    body: AttentionStep,
    nodes: () => (cast.value.value ? [cast.value.value.detector, ...writerNodes()] : []),
    scope: "circuit",
  },
  {
    title: "A channel says which quote it was",
    body: ChannelStep,
    nodes: () => [...writerNodes(), ...(cast.value.value?.heard.map(({ node }) => node) ?? [])],
    scope: "circuit",
  },
  {
    title: "Take it away, or turn it round",
    body: InterveneStep,
    nodes: writerNodes,
    scope: "circuit",
  },
  { title: "Is that all there is to it?", body: DoubtStep, nodes: () => [], scope: "circuit" },
];

export function TourView() {
  const at = Math.min(address.value.step, STEPS.length - 1);
  const { title, body: Body, nodes, scope } = STEPS[at];
  const id = wanted.value?.id;
  useEffect(() => {
    if (id && original.peek().value?.circuit.task.name !== TASK)
      go({ circuit: id, drop: [], add: [], layer: null });
  }, [id]);
  useEffect(() => {
    if (address.peek().scope !== scope) go({ scope });
    if (at !== STEPS.findIndex(({ body }) => body === InterveneStep)) clearInterventions();
  }, [at, scope, address.value.scope]);
  const shown = layout.value.value;
  const scores = nodeScores.value;
  const largest = Math.max(1e-9, ...(scores ?? []).map(Math.abs));
  const strengths = new Map(circuit.value?.nodes.map((node, i) => [node, (scores?.[i] ?? 0) / largest]));
  if (entry.value && !wanted.value && !isReady.value) {
    return (
      <p class="note loading">
        The tour goes through a circuit of the task {TASK}, and none came with this model. Find one with
        sparselens prune, or choose another model.
      </p>
    );
  }
  return (
    <div class="tour">
      <article aria-live="polite">
        <p class="note">
          Step {at + 1} of {STEPS.length}
        </p>
        <h2>{title}</h2>
        {isReady.value ? <Body /> : <p class="note">Waiting for the model …</p>}
        <div class="controls">
          <button type="button" disabled={at === 0} onClick={() => go({ step: at - 1 })}>
            Back
          </button>
          {at < STEPS.length - 1 ? (
            <button type="button" class="primary" onClick={() => go({ step: at + 1 })}>
              Next: {STEPS[at + 1].title}
            </button>
          ) : (
            <button type="button" class="primary" onClick={() => go({ view: "intervene" })}>
              Change things yourself
            </button>
          )}
        </div>
      </article>
      <div class="graph-side">
        {shown ? (
          <GraphView
            graph={shown.graph}
            layout={shown.layout}
            strengths={strengths}
            describe={({ id: node }) => node}
            picked={null}
            onPick={(node) => node && go({ view: "circuit", node })}
            off={new Set(address.value.off)}
            set={new Set(setValues(address.value.set).keys())}
            onToggle={toggle}
            minimumWeight={0}
            hidden={new Set()}
            found={new Set(nodes())}
            fit={0}
          />
        ) : (
          <div class="graph" />
        )}
        <p class="note legend">
          Boxes and pills: nodes, darker (in the dark theme lighter) the more the task needs them. Blue lines:
          positive weights, orange ones: negative. Grey lines: channels of the residual stream, from the
          embedding above to the logits below.
        </p>
      </div>
    </div>
  );
}

/** Both prompts of the pair, coloured or not. */
function Prompts({
  values,
  scale = 1,
}: {
  readonly values?: readonly Float32Array[];
  readonly scale?: number;
}) {
  const of = session.value!;
  const { pair } = address.value;
  return (
    <>
      {([0, 1] as const).map((side) => {
        const { tokens } = taskPrompt(of, quickBatch.value!, pair, side);
        const clue = cast.value.value?.clue ?? tokens.length - 1;
        const from = Math.max(0, Math.min(clue - 4, tokens.length - 14));
        return (
          <div key={side} class="tour-prompt">
            {from > 0 && <small>… </small>}
            <TokenStrip
              session={of}
              tokens={tokens.slice(from)}
              values={values?.[side].subarray(from)}
              scale={scale}
              position={clue - from}
              label={`The end of prompt ${side + 1}`}
            />
          </div>
        );
      })}
    </>
  );
}

function Answers() {
  const of = session.value!;
  const found = answers.value.value;
  if (!found) return <p class="note">Computing …</p>;
  return (
    <table class="answers">
      <caption>
        How likely either answer is, of the two; in brackets, among all{" "}
        {session.value!.model.config.vocab_size.toLocaleString("en-US")} tokens
      </caption>
      <thead>
        <tr>
          <th scope="col">after</th>
          {found[0].map(({ token }) => (
            <th scope="col" key={token}>
              <span class="token">{visible(of.text(token))}</span>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {found.map((row, side) => (
          <tr key={String(side)}>
            <th scope="row">prompt&nbsp;{side + 1}</th>
            {row.map(({ token, probability }, i) => (
              <td key={token} class={i === side ? "number right" : "number"}>
                {formatPercent(probability / (row[0].probability + row[1].probability))}{" "}
                <small>({formatPercent(probability)})</small>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function TaskStep() {
  return (
    <>
      <p>
        A language model reads text in pieces, the <em>tokens</em>, and says how likely each of its tokens is
        to come next. This one has read little Python programs. Here are the ends of two prompts, token by
        token. They are alike but for one token: the opening quote (outlined). It alone tells how the string
        must be closed. The answer is due behind the last token, and by then the quote is some tokens back. (·
        is a space, ⏎ the end of a line.)
      </p>
      <Prompts />
      <Answers />
      <p>
        The <em>task</em> compares these two answers alone, however unlikely both are beside other tokens. Its{" "}
        <em>loss</em>, in nats, is 0 when the model is always sure and right, and ln 2 = 0.693 when it can
        only guess. Over {quickBatch.value!.count} such pairs of prompts the whole model's is{" "}
        <b>{baselines.value.value?.model.loss.toFixed(4) ?? "…"}</b>.
      </p>
    </>
  );
}

function CircuitStep() {
  const one = circuit.value!;
  const base = baselines.value.value;
  return (
    <>
      <p>
        Inside, the model is {session.value!.index.count.toLocaleString("en-US")} numbers for each token: its{" "}
        <em>nodes</em>. Almost all weights between them are zero, so that one can see who feeds whom. The{" "}
        <b>{one.nodes.length}</b> nodes in the picture, with {one.edges.length} weights between them, are run
        alone here: every other node is <em>ablated</em>, which means held at its mean over ordinary text, the
        same for every prompt.
      </p>
      <dl class="facts">
        <dt>whole model</dt>
        <dd>loss {base?.model.loss.toFixed(4) ?? "…"} nat</dd>
        <dt>these nodes alone</dt>
        <dd>loss {base?.circuit.loss.toFixed(4) ?? "…"} nat</dd>
        <dt>all but these nodes</dt>
        <dd>loss {base?.complement.loss.toFixed(4) ?? "…"} nat</dd>
        <dt>guessing</dt>
        <dd>loss {Math.LN2.toFixed(4)} nat</dd>
      </dl>
      <p>
        A node that is the same for every prompt cannot tell the two prompts apart. What still tells them
        apart must be in the nodes that are left: they suffice.{" "}
        {base &&
          (base.complement.loss > 0.5
            ? "And without them, the rest of the model cannot do the task."
            : "Without them, the rest of the model does worse.")}{" "}
        Such a set of nodes is a <em>circuit</em>. Read it from the top, where tokens come in, to the bottom,
        where the next token comes out.
      </p>
    </>
  );
}

function CastNeeded({ children }: { readonly children: ComponentChildren }) {
  if (cast.value.value) return <>{children}</>;
  return (
    <p class="note">
      {cast.value.error ??
        (cast.value.pending
          ? "Measuring …"
          : "In this circuit no value channel tells the quotes apart: it works in another way than this step tells.")}
    </p>
  );
}

function DetectorStep() {
  return (
    <CastNeeded>
      <DetectorText />
    </CastNeeded>
  );
}

function DetectorText() {
  const found = cast.value.value;
  if (!found) return null;
  const { detector, detected, clue } = found;
  const scale = Math.max(1e-9, ...detected.flatMap((values) => Array.from(values, Math.abs)));
  return (
    <>
      <p>
        Each token has a list of numbers of its own, the channels of the <em>residual stream</em> (grey
        lines), through which the layers talk to one another. It begins with what the model knows of the token
        itself, the embedding (top row). Attention reads it and makes values of it. One of them, the node{" "}
        <code>{detector}</code>, differs between the two quotes: it is <b>{detected[0][clue].toFixed(2)}</b>{" "}
        at the opening quote of the first prompt, and <b>{detected[1][clue].toFixed(2)}</b> at that of the
        second. Here it is at every token; blue is positive, orange negative:
      </p>
      <Prompts values={detected} scale={scale} />
      <p>
        So this node notices which quote it is. But it does so at the quote's own place; at the last token,
        where the answer is due, nothing is known of it yet.
      </p>
    </>
  );
}

function AttentionStep() {
  return (
    <CastNeeded>
      <AttentionText />
    </CastNeeded>
  );
}

function AttentionText() {
  const found = cast.value.value;
  if (!found) return null;
  const { head, layer, attention, clue, writers } = found;
  const top = Array.from(attention[0].keys()).sort((a, b) => attention[0][b] - attention[0][a]);
  const rank = top.indexOf(clue) + 1;
  return (
    <>
      <p>
        Attention is how a token gets something from earlier ones. A <em>head</em> of it spreads 100 % of
        attention over them, and brings their values over, each as strongly as it is attended to. This is
        where head {head} of layer {layer} looks from the last token; the bluer a token, the more it looks
        there:
      </p>
      <Prompts values={attention} scale={Math.max(...attention.flatMap((weights) => [...weights]))} />
      <p>
        The opening quote gets <b>{formatPercent(attention[0][clue])}</b> of its attention in the first prompt
        and <b>{formatPercent(attention[1][clue])}</b> in the second
        {rank <= 3 ? `: ${rank === 1 ? "more than any other token" : `place ${rank} of all tokens`}` : ""}. So
        the value from the quote, which says which quote it was, arrives at the last token. There it is
        written to the residual stream: to <Channels of={writers} />.
      </p>
    </>
  );
}

/** `channel 359 and 3 others`. */
function Channels({ of }: { readonly of: Cast["writers"] }) {
  const [first, ...others] = of.map(({ node }) => splitNode(node).channel);
  return (
    <>
      channel <b>{first}</b>
      {others.length > 0 && ` and, by smaller weights, ${others.join(", ")}`}
    </>
  );
}

function ChannelStep() {
  return (
    <CastNeeded>
      <ChannelText />
    </CastNeeded>
  );
}

function ChannelText() {
  const found = cast.value.value;
  if (!found) return null;
  const { heard, writers, readers } = found;
  const [first, second] = answerTexts();
  const [{ means }] = writers;
  return (
    <>
      <p>
        From here on the residual stream of the last token keeps a note of the quote. Read it by its value:
        the node that writes channel {splitNode(writers[0].node).channel} is <b>{means[0].toFixed(2)}</b> on
        average when the string should end in <span class="token">{first}</span>, and{" "}
        <b>{means[1].toFixed(2)}</b> when it should end in <span class="token">{second}</span>.
      </p>
      <table class="answers">
        <caption>
          Mean activation at the last token over {quickBatch.value!.count} pairs, by the right answer: what
          writes the note, and the nodes behind it that differ most
        </caption>
        <thead>
          <tr>
            <th scope="col">node</th>
            <th scope="col">
              <span class="token">{first}</span>
            </th>
            <th scope="col">
              <span class="token">{second}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {[...writers, ...heard].map(({ node, means }) => {
            const scale = Math.max(1e-9, ...means.map(Math.abs));
            return (
              <tr key={node}>
                <th scope="row">
                  <code>{node}</code>
                </th>
                {means.map((mean, side) => (
                  <td
                    key={String(side)}
                    class="number"
                    style={{ boxShadow: `inset 4px 0 ${signedColour(mean / scale)}` }}
                  >
                    {mean.toFixed(3)}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
      <p>
        {readers.length > 0
          ? `${readers.length} ${readers.length === 1 ? "node" : "nodes"} of the circuit further on ${readers.length === 1 ? "reads" : "read"} it there, like a note on a blackboard, and what comes of that is written to the stream, too.`
          : "Nothing else in the circuit needs to read it."}{" "}
        At the bottom the unembedding turns the stream of the last token into how likely each token is: the
        note raises one closing quote and lowers the other.
      </p>
    </>
  );
}

/** The two answers, as they are shown. */
function answerTexts(): readonly [string, string] {
  const [first, second] = quickBatch.value!.candidates;
  return [visible(session.value!.text(first)), visible(session.value!.text(second))];
}

function InterveneStep() {
  return (
    <CastNeeded>
      <InterveneText />
    </CastNeeded>
  );
}

function InterveneText() {
  const found = cast.value.value;
  if (!found) return null;
  const { writers } = found;
  const { off, set } = address.value;
  const texts = answerTexts();
  const isOff = off.length > 0;
  const values = setValues(set);
  const said = ([0, 1] as const).find((side) =>
    writers.every(({ node, means }) => Math.abs((values.get(node) ?? Infinity) - means[side]) < 1e-4),
  );
  const say = (side: 0 | 1) =>
    interveneOnly([], new Map(writers.map(({ node, means }) => [node, means[side]])));
  return (
    <>
      <p>
        Is that note really what the answer hangs on? Change it and see. Switched off, what writes it has its
        mean, whichever quote it was. Or it can be set to what it says after the other quote.
      </p>
      <TrialTable />
      <p>Now you, on the two prompts (a node in the picture goes off and on by a double click):</p>
      <div class="controls">
        <button
          type="button"
          aria-pressed={isOff}
          onClick={() => (isOff ? clearInterventions() : interveneOnly(writerNodes(), new Map()))}
        >
          Switch the note off
        </button>
        {([0, 1] as const).map((side) => (
          <button type="button" key={String(side)} aria-pressed={said === side} onClick={() => say(side)}>
            Let it say {texts[side]}
          </button>
        ))}
        <button type="button" onClick={clearInterventions}>
          Leave it alone
        </button>
      </div>
      <Answers />
    </>
  );
}

/** What became of all pairs, and what that means. */
function TrialTable() {
  const found = trials.value.value;
  const [first, second] = answerTexts();
  if (!found) return <p class="note">{trials.value.error ?? "Measuring …"}</p>;
  const { plain, off, said } = found;
  const rows = [
    { what: "as it is", score: plain },
    { what: "switched off", score: off },
    { what: `says ${first}`, score: said[0] },
    { what: `says ${second}`, score: said[1] },
  ];
  const count = (share: number) => `${Math.round(share * plain.pairs)} of ${plain.pairs}`;
  const wrong = [said[0].sides[1].accuracy, said[1].sides[0].accuracy];
  const isTurned = wrong.every((accuracy) => accuracy < 0.25);
  const turned = wrong.every((accuracy) => accuracy === 0) ? "all" : "nearly all";
  const answersAlike = Math.abs(off.sides[0].accuracy + off.sides[1].accuracy - 1) < 0.1;
  return (
    <>
      <table class="answers">
        <caption>
          The circuit on {plain.pairs} pairs: its loss, and how many prompts of either kind it closes with{" "}
          <span class="token">{first}</span>
        </caption>
        <thead>
          <tr>
            <th scope="col">the note</th>
            <th scope="col">loss (nat)</th>
            <th scope="col">
              should be <span class="token">{first}</span>
            </th>
            <th scope="col">
              should be <span class="token">{second}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ what, score: { loss, sides } }) => (
            <tr key={what}>
              <th scope="row">{what}</th>
              <td class="number">{loss.toFixed(3)}</td>
              <td class="number">{count(sides[0].accuracy)}</td>
              <td class="number">{count(1 - sides[1].accuracy)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p>
        {off.loss >= 0.5
          ? `Switched off, the loss goes from ${plain.loss.toFixed(3)} to ${off.loss.toFixed(3)}: without the note the circuit does ${off.loss >= Math.LN2 ? "no" : "hardly"} better than guessing (0.693)${answersAlike ? ", and closes all strings alike" : ""}.`
          : `Switched off, the loss goes from ${plain.loss.toFixed(3)} to ${off.loss.toFixed(3)}, which is not yet guessing (0.693): other nodes of the circuit know something of the quote, too.`}{" "}
        {isTurned
          ? `Set to what it says after one quote, ${turned} strings are closed with that quote, whichever really opened them. So the note does not only go along with the answer: it makes it.`
          : `Set to what it says after the other quote, ${formatPercent(1 - (wrong[0] + wrong[1]) / 2)} of the strings are closed with that other quote. So it has a share in the answer, beside other nodes.`}
      </p>
    </>
  );
}

function DoubtStep() {
  const base = baselines.value.value;
  const one = circuit.value!;
  return (
    <>
      <p>
        A small circuit with a low loss proves little by itself: a search can find one for nonsense, too. So
        ask more of it. It must be <em>sufficient</em> on prompts that it was not chosen by, and{" "}
        <em>necessary</em>: without it, the rest of the model has a loss of{" "}
        <b>{base?.complement.loss.toFixed(3) ?? "…"}</b>
        {base && base.complement.loss >= 0.5
          ? ", and might as well guess"
          : ", so that others can stand in for it"}
        . It should not depend on the kind of ablation, and exchanging its values between the prompts of a
        pair should exchange the answers.
      </p>
      <p>
        <b>Evidence</b> shows what was measured of this circuit and, where it was audited, in what it fell
        short. In <b>Intervene</b> you can switch off any of its {one.nodes.length} nodes, run what is left on
        prompts of your own, and edit the circuit; <b>Circuit</b> tells what each node reads, writes and
        answers to.
      </p>
    </>
  );
}
