import { computed } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { promptOf } from "../../src/index.js";
import { planRun } from "../engine/run.js";
import { taskPrompt } from "../engine/task.js";
import { findCast } from "../engine/tour.js";
import { GraphView } from "../graph/view.js";
import { formatPercent } from "../parts/next-tokens.js";
import { Slider } from "../parts/slider.js";
import { signedColour, TokenStrip, visible } from "../parts/tokens.js";
import { clearInterventions, setNode, toggle } from "../state/actions.js";
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
  quickScore,
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
    title: "Attention carries it to the end",
    body: AttentionStep,
    nodes: () => (cast.value.value ? [cast.value.value.detector, cast.value.value.writer] : []),
    scope: "circuit",
  },
  {
    title: "A channel says which quote it was",
    body: ChannelStep,
    nodes: () => cast.value.value?.heard.map(({ node }) => node) ?? [],
    scope: "circuit",
  },
  {
    title: "Take it away, or turn it round",
    body: InterveneStep,
    nodes: () => (cast.value.value ? [cast.value.value.writer] : []),
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
  }, [at, scope]);
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
      <caption>How probable the model finds either way to close the string</caption>
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
            <th scope="row">prompt {side + 1}</th>
            {row.map(({ token, probability }, i) => (
              <td key={token} class={i === side ? "number right" : "number"}>
                {formatPercent(probability)}
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
        This transformer has read little Python programs. Here are the ends of two prompts that are alike but
        for one token, the opening quote (outlined). Only that token, some way back, tells how the string must
        be closed.
      </p>
      <Prompts />
      <Answers />
      <p>
        It does not matter that both can be unlikely beside other words: the <em>task</em> compares the two
        answers alone. Its loss is the cross-entropy between them, averaged over many such pairs: 0 when the
        model is always sure and right, ln 2 = 0.693 when it guesses. The whole model's is{" "}
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
        Almost all weights of this model are zero. Of its {session.value!.index.count.toLocaleString("en-US")}{" "}
        nodes (channels at fixed places of its layers) the <b>{one.nodes.length}</b> in the picture, with{" "}
        {one.edges.length} weights between them, suffice for the task. Every other node is <em>ablated</em>:
        held at its mean over ordinary text, so that it can tell the two prompts apart no more.
      </p>
      <dl class="facts">
        <dt>whole model</dt>
        <dd>{base?.model.loss.toFixed(4) ?? "…"} nat</dd>
        <dt>these nodes alone</dt>
        <dd>{base?.circuit.loss.toFixed(4) ?? "…"} nat</dd>
        <dt>all but these nodes</dt>
        <dd>{base?.complement.loss.toFixed(4) ?? "…"} nat</dd>
        <dt>guessing</dt>
        <dd>{Math.LN2.toFixed(4)} nat</dd>
      </dl>
      <p>
        So they are enough, and without them the rest of the model{" "}
        {base && base.complement.loss > 0.5 ? "cannot do it" : "does worse"}. Such a set of nodes is called a{" "}
        <em>circuit</em>. It is read from the top, where tokens come in, to the bottom, where the next token
        comes out.
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
        The embedding of a token sets some channels of the <em>residual stream</em>, the grey lines. Attention
        reads them (<code>act_in</code>) and mixes them into values. One value channel,{" "}
        <code>{detector}</code>, comes out differently for the two quotes:{" "}
        <b>{detected[0][clue].toFixed(2)}</b> at the quote of the first prompt,{" "}
        <b>{detected[1][clue].toFixed(2)}</b> at that of the second. Blue is positive, orange negative:
      </p>
      <Prompts values={detected} scale={scale} />
      <p>The other tokens are the same in both prompts, and so is its value there. It notices the quote.</p>
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
  const { head, layer, attention, clue, writer } = found;
  const top = Array.from(attention[0].keys()).sort((a, b) => attention[0][b] - attention[0][a]);
  const rank = top.indexOf(clue) + 1;
  return (
    <>
      <p>
        But the answer is due at the last token, some way behind. Head {head} of layer {layer} looks back from
        there: this is where, stronger where it looks more.
      </p>
      <Prompts values={attention} scale={Math.max(...attention.flatMap((weights) => [...weights]))} />
      <p>
        The opening quote gets <b>{formatPercent(attention[0][clue])}</b> of the attention in the first prompt
        and <b>{formatPercent(attention[1][clue])}</b> in the second
        {rank <= 3 ? `: ${rank === 1 ? "more than any other token" : `place ${rank} of all tokens`}` : ""}.
        The value from there, so weighted, arrives at the last token, and is written to the residual stream as{" "}
        <code>{writer}</code>.
      </p>
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
  const of = session.value!;
  const { heard } = found;
  const batch = quickBatch.value!;
  const [first, second] = [0, 1].map((side) => visible(of.text(batch.candidates[side])));
  return (
    <>
      <p>
        From here on the answer is in the stream. At the last token these nodes have, on average over{" "}
        {batch.count} pairs, other values when the string should end in one way than in the other:
      </p>
      <table class="answers">
        <caption>Mean activation at the last token, by the right answer</caption>
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
          {heard.map(({ node, means }) => {
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
        A layer behind reads the channel like a note on a blackboard, sharpens it through a neuron or two, and
        writes what raises one closing token and lowers the other: the unembedding, at the bottom of the
        picture, turns these channels into logits.
      </p>
    </>
  );
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
  const { writer, heard } = found;
  const means = heard[0].means;
  const { off, set } = address.value;
  const value = setValues(set).get(writer);
  const isOff = off.includes(writer);
  return (
    <>
      <p>
        If the story is right, all hangs on what <code>{writer}</code> says. Switch it off (it then has its
        mean, whichever quote it was), or set it to what it would say for the other quote:
      </p>
      <div class="controls">
        <button type="button" aria-pressed={isOff} onClick={() => toggle(writer)}>
          {isOff ? "Switch it on" : "Switch it off"}
        </button>
        {means.map((mean, side) => (
          <button
            type="button"
            key={String(side)}
            onClick={() => setNode(writer, Number(mean.toPrecision(4)))}
          >
            Say prompt {side + 1}
          </button>
        ))}
        <button type="button" onClick={clearInterventions}>
          Leave it alone
        </button>
      </div>
      <Slider
        label={`Value of ${writer}`}
        value={value ?? 0}
        reach={Number((2 * Math.max(0.1, ...means.map(Math.abs))).toPrecision(1))}
        onValue={(chosen) => setNode(writer, chosen)}
      />
      <p>
        Task loss now: <b>{quickScore.value.value?.loss.toFixed(4) ?? "…"}</b> nat, right in{" "}
        {quickScore.value.value ? (100 * quickScore.value.value.accuracy).toFixed(0) : "…"} % of cases
        (undisturbed {baselines.value.value?.circuit.loss.toFixed(4) ?? "…"}; guessing 0.693).
      </p>
      <Answers />
      <p>
        Off, both prompts look alike to what follows, and it can only guess. Set to one side's value, both
        prompts are closed as that side's.
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
          ? ", which is as good as guessing"
          : ", so that others can stand in for it"}
        . It should not depend on the kind of ablation, and exchanging its values between the prompts of a
        pair should exchange the answers.
      </p>
      <p>
        <b>Evidence</b> shows what was measured of this circuit, and where it fell short. In <b>Intervene</b>{" "}
        you can switch off any of its {one.nodes.length} nodes, run what is left on prompts of your own, and
        edit the circuit; <b>Circuit</b> tells what each node reads, writes and answers to.
      </p>
    </>
  );
}
