import { computed, signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { planGeneration, planRun } from "../engine/run.js";
import { download, saveCircuit } from "../engine/save.js";
import { FULL_PAIRS } from "../engine/task.js";
import { CircuitPicker } from "../parts/circuit-picker.js";
import { MissingTask } from "../parts/missing-task.js";
import { formatPercent, nextTokens } from "../parts/next-tokens.js";
import { Slider } from "../parts/slider.js";
import { visible } from "../parts/tokens.js";
import { clearEdits, clearInterventions, setNode, toggle, toggleMembership } from "../state/actions.js";
import { ABLATION_KINDS, type AblationKind, SCOPES, type Scope, setValues } from "../state/address.js";
import { notesOf } from "../state/notes.js";
import { messageOf, resource } from "../state/resource.js";
import { address, failure, go } from "../state/store.js";
import {
  ablation,
  activationOf,
  baselines,
  circuit,
  fits,
  fullBatch,
  fullScore,
  isEdited,
  isIntervened,
  original,
  other,
  type PromptRun,
  plainRun,
  prompt,
  promptRun,
  quickBatch,
  quickScore,
  runOf,
  session,
} from "../state/work.js";
import { NodeLink } from "./node.js";

export const SCOPE_NAMES: Record<Scope, string> = {
  model: "whole model",
  circuit: "circuit alone",
  complement: "without the circuit",
};

/** Tokens that are written to see what a run does. */
const WRITTEN = 12;

async function writeOn(scope: Scope, isPlain: boolean, abort: AbortSignal): Promise<string> {
  const of = session.peek()!;
  const run = runOf(isPlain ? { off: [], set: [] } : address.peek(), scope);
  const options = { ...(await planGeneration(of, run)), maxNewTokens: WRITTEN, signal: abort };
  const { tokens } = await of.model.generate(prompt.peek()!.tokens, options);
  return of.decode(tokens);
}

const runKey = computed(() => {
  const of = session.value;
  if (!of || !prompt.value?.tokens.length || promptRun.value.value === null) return null;
  const { off, set, scope, view } = address.value;
  if (view !== "intervene") return null;
  return [of, prompt.value, circuit.value, ablation.value, scope, off.join(), set.join()] as const;
});

const texts = resource(
  () => runKey.value,
  async ([, , , , scope], abort) => ({
    now: await writeOn(scope, false, abort),
    plain: await writeOn(scope, true, abort),
  }),
  { coalesce: true },
);

const sideBySide = resource(
  () => (circuit.value && fits.value && runKey.value) || null,
  async ([of, { tokens }], abort) => {
    // The one that is looked at comes first.
    await new Promise((resolve) => setTimeout(resolve, 300));
    const columns = [];
    for (const scope of SCOPES) {
      abort.throwIfAborted();
      const options = {
        ...(await planRun(of, runOf(address.peek(), scope))),
        logits: "last" as const,
        signal: abort,
      };
      const { logits } = await of.model.forward(tokens, options);
      columns.push({ scope, next: nextTokens(logits, 0, 5), text: await writeOn(scope, false, abort) });
    }
    return columns;
  },
);

export function IntervenePanel() {
  const one = circuit.value;
  const of = session.value;
  if (!of) return <p class="note">Waiting for the model …</p>;
  if (one && !fits.value) {
    return (
      <p class="note">
        This circuit is of another model ({one.model.name}) than the one that runs here: it can be looked at
        only.
      </p>
    );
  }
  return (
    <div class="intervene">
      <Controls />
      <Measures />
      <PromptPart />
      <SideBySide />
      <EditPart />
    </div>
  );
}

function Controls() {
  const { scope, off, set, node } = address.value;
  const values = setValues(set);
  const listed = [...new Set([...off, ...values.keys()])];
  const isPickable = node !== null && !listed.includes(node) && !node.includes("embedding");
  return (
    <section>
      <h2>What runs</h2>
      <div class="controls">
        <Choice
          label="run"
          value={scope}
          options={circuit.value ? SCOPES : ["model"]}
          names={SCOPE_NAMES}
          onValue={(value) => go({ scope: value })}
        />
        <Choice
          label="ablate by"
          value={ablation.value as AblationKind}
          options={ABLATION_KINDS}
          names={{ mean: "mean", zero: "zero", resample: "resampling" }}
          onValue={(value) => go({ ablation: value })}
        />
      </div>
      <h3>
        Nodes that you changed{" "}
        {isIntervened.value && (
          <button type="button" onClick={clearInterventions}>
            Leave all to themselves
          </button>
        )}
      </h3>
      {listed.length === 0 && !isPickable && (
        <p class="note">
          None. Choose a node in the graph; double-click, or x on the keyboard, switches it off.
        </p>
      )}
      {listed.map((one) => (
        <NodeControl key={one} node={one} />
      ))}
      {isPickable && <NodeControl node={node} />}
    </section>
  );
}

/** A node's extent on the prompt: how far a slider should reach. */
function reachOf(node: string): number {
  const run = plainRun.value.value;
  const tokens = prompt.value?.tokens.length ?? 0;
  let most = 0;
  for (let t = 0; t < tokens; t++) most = Math.max(most, Math.abs(activationOf(run, node, t) ?? 0));
  return Number((2 * Math.max(most, 0.5)).toPrecision(1));
}

function NodeControl({ node }: { readonly node: string }) {
  const { off, set } = address.value;
  const value = setValues(set).get(node);
  const last = (prompt.value?.tokens.length ?? 1) - 1;
  const now = activationOf(promptRun.value.value, node, last);
  const reach = Math.max(reachOf(node), Math.abs(value ?? 0));
  const isOff = off.includes(node);
  return (
    <div class="node-control">
      <NodeLink node={node} />
      <button type="button" aria-pressed={isOff} onClick={() => toggle(node)}>
        {isOff ? "off" : "switch off"}
      </button>
      <Slider
        label={`Value of ${node} at every token`}
        value={value ?? now ?? 0}
        reach={reach}
        onValue={(chosen) => setNode(node, chosen)}
      />
      {value !== undefined && (
        <button type="button" aria-label={`Leave ${node} to itself`} onClick={() => setNode(node, null)}>
          ✕
        </button>
      )}
    </div>
  );
}

function Measures() {
  const score = fullScore.value.value ?? quickScore.value.value;
  const isFull = fullScore.value.value !== null && !fullScore.value.pending;
  const now = isFull ? fullScore.value.value : quickScore.value.value;
  const base = baselines.value.value;
  const problem = quickScore.value.error ?? fullScore.value.error ?? promptRun.value.error;
  const { scope } = address.value;
  if (problem) return <p class="problem">{problem}</p>;
  return (
    <section aria-live="polite">
      <h2>What comes of it</h2>
      {!circuit.value && <p class="note">Open a circuit to measure a task.</p>}
      <MissingTask />
      {quickBatch.value && (
        <table class="bars loss">
          <caption>
            Task loss in nats; chance is {Math.LN2.toFixed(3)} (the line). Now: {score?.pairs ?? "…"} pairs
            {isFull ? "" : ` (${FULL_PAIRS} when you rest)`}; others: {quickBatch.value.count} pairs
          </caption>
          <tbody>
            <LossRow
              name="now"
              loss={now?.loss}
              note={now ? `${(100 * now.accuracy).toFixed(1)} % right` : ""}
              isNow
            />
            {base && isIntervened.value && (
              <LossRow name={`${SCOPE_NAMES[scope]}, unchanged`} loss={base[scope].loss} />
            )}
            {base &&
              SCOPES.filter((one) => one !== scope || !isIntervened.value).map((one) => (
                <LossRow key={one} name={SCOPE_NAMES[one]} loss={base[one].loss} />
              ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

/** Loss at the right end of the bars. */
const MOST_LOSS = 1.6;

interface LossRowProps {
  readonly name: string;
  readonly loss: number | undefined;
  readonly note?: string;
  readonly isNow?: boolean;
}

function LossRow({ name, loss, note, isNow = false }: LossRowProps) {
  return (
    <tr class={isNow ? "now" : undefined}>
      <th scope="row">{name}</th>
      <td>
        <span class="track">
          <span class="bar" style={{ width: `${Math.min(100, (100 * (loss ?? 0)) / MOST_LOSS)}%` }} />
          <i class="chance" style={{ left: `${(100 * Math.LN2) / MOST_LOSS}%` }} />
        </span>
        <span class="loss-value" data-loss={isNow ? loss : undefined}>
          {loss === undefined ? "…" : loss.toFixed(4)} {note && <small>{note}</small>}
        </span>
      </td>
    </tr>
  );
}

function PromptPart() {
  const of = session.value!;
  const { prompt: given, pair, side } = address.value;
  const looked = prompt.value;
  const batch = quickBatch.value;
  if (!looked) return null;
  const sides = batch && [0, 1].map((which) => visible(of.text(batch.candidates[which])));
  return (
    <section>
      <h2>On a prompt</h2>
      {batch && sides && (
        <div class="controls">
          <Choice
            label="prompt"
            value={given === null ? "task" : "own"}
            options={["task", "own"]}
            names={{ task: "of the task", own: "your own" }}
            onValue={(value) => go({ prompt: value === "task" ? null : looked.text, position: null })}
          />
          {given === null && (
            <>
              <label>
                pair{" "}
                <input
                  type="number"
                  min={0}
                  max={batch.count - 1}
                  value={pair % batch.count}
                  onChange={({ currentTarget: { valueAsNumber } }) => {
                    if (valueAsNumber >= 0)
                      go({ pair: Math.floor(valueAsNumber) % batch.count, position: null });
                  }}
                />
              </label>
              <Choice
                label="right answer"
                value={String(side) as "0" | "1"}
                options={["0", "1"]}
                names={{ "0": sides[0], "1": sides[1] }}
                onValue={(value) => go({ side: Number(value) as 0 | 1, position: null })}
              />
            </>
          )}
        </div>
      )}
      {given === null ? (
        <pre class="prompt-end">{looked.text.split("\n").slice(-4).join("\n")}</pre>
      ) : (
        <textarea
          aria-label="Prompt"
          rows={4}
          value={looked.text}
          spellcheck={false}
          onInput={({ currentTarget: { value } }) => go({ prompt: value, position: null })}
        />
      )}
      {looked.candidates && <Logits candidates={looked.candidates} isTask={given === null} />}
      <dl class="facts text-facts">
        <dt>writes now</dt>
        <dd>
          <code class="text" data-text="now">
            {texts.value.error ?? texts.value.value?.now ?? "…"}
          </code>
        </dd>
        {isIntervened.value && (
          <>
            <dt>unchanged</dt>
            <dd>
              <code class="text">{texts.value.value?.plain ?? "…"}</code>
            </dd>
          </>
        )}
      </dl>
      {ablation.value === "resample" && (
        <p class="note">
          Text is written with means in place of resampled values, for which there are no tokens yet.
        </p>
      )}
    </section>
  );
}

function Logits({
  candidates,
  isTask,
}: {
  readonly candidates: readonly number[];
  readonly isTask: boolean;
}) {
  const of = session.value!;
  const last = prompt.value!.tokens.length - 1;
  const read = (run: PromptRun | null, token: number) => {
    if (!run || last >= run.logits.shape[0]) return null;
    const width = run.logits.shape[1];
    return run.logits.data[last * width + token];
  };
  return (
    <table class="logits">
      <caption>Logits of the two answers behind the prompt</caption>
      <thead>
        <tr>
          <th scope="col">answer</th>
          <th scope="col">now</th>
          <th scope="col">unchanged</th>
        </tr>
      </thead>
      <tbody>
        {candidates.map((token, i) => (
          <tr key={token}>
            <th scope="row">
              <span class="token">{visible(of.text(token))}</span> {isTask && (i === 0 ? "right" : "wrong")}
            </th>
            {[promptRun, plainRun].map((run, j) => (
              <td key={String(j)} class="number" data-logit={j === 0 ? i : undefined}>
                {read(run.value.value, token)?.toFixed(3) ?? "…"}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function SideBySide() {
  const of = session.value!;
  if (!circuit.value) return null;
  const columns = sideBySide.value.value;
  return (
    <section>
      <h2>
        Side by side <small>next tokens and text, with what you changed</small>
      </h2>
      {sideBySide.value.error && <p class="problem">{sideBySide.value.error}</p>}
      <div class="three">
        {(columns ?? SCOPES.map((scope) => ({ scope, next: [], text: "…" }))).map(({ scope, next, text }) => (
          <div key={scope}>
            <h3>{SCOPE_NAMES[scope]}</h3>
            {next.map(({ token, probability }) => (
              <div key={token} class="token-weight">
                <span class="token">{visible(of.text(token))}</span>
                <span class="number">{formatPercent(probability)}</span>
              </div>
            ))}
            <code class="text">{text}</code>
          </div>
        ))}
      </div>
    </section>
  );
}

const saving = signal<number | null>(null);

async function save(): Promise<void> {
  const of = session.peek();
  const one = circuit.peek();
  const from = original.peek().value;
  if (!of || !one || !from) return;
  saving.value = 0;
  try {
    const notes = await notesOf(from.id, from.circuit.notes);
    const run = { circuit: one, ablation: ablation.peek() };
    const text = await saveCircuit(of, one, notes, run, fullBatch(), (share) => {
      saving.value = share;
    });
    download(`${one.task.name}-${one.nodes.length}-nodes.json`, text);
  } catch (error) {
    failure.value = messageOf(error);
  } finally {
    saving.value = null;
  }
}

const typed = signal("");

function EditPart() {
  const one = circuit.value;
  const from = original.value.value?.circuit;
  const { drop, add } = address.value;
  const second = other.value.value?.circuit ?? null;
  if (!one || !from) return null;
  const base = baselines.value.value;
  return (
    <section>
      <h2>Edit the circuit</h2>
      <form
        class="controls"
        onSubmit={(event) => {
          event.preventDefault();
          const node = typed.peek().trim();
          try {
            session.peek()!.index.numberOf(node);
            toggleMembership(node);
            typed.value = "";
            failure.value = null;
          } catch (error) {
            failure.value = messageOf(error);
          }
        }}
      >
        <label>
          node{" "}
          <input
            type="text"
            placeholder="1.mlp.post_act:3"
            value={typed.value}
            onInput={({ currentTarget: { value } }) => {
              typed.value = value;
            }}
          />
        </label>
        <button type="submit" disabled={typed.value.trim() === ""}>
          {one.nodes.includes(typed.value.trim()) ? "Take out" : "Put in"}
        </button>
        {isEdited.value && (
          <button type="button" onClick={clearEdits}>
            Undo all
          </button>
        )}
        <button type="button" disabled={saving.value !== null} onClick={save}>
          {saving.value === null ? "Save as a file" : `Measuring: ${(100 * saving.value).toFixed(0)} %`}
        </button>
      </form>
      {isEdited.value && (
        <dl class="facts">
          <dt>taken out</dt>
          <dd>
            {drop.map((node) => (
              <NodeLink key={node} node={node} />
            ))}
            {drop.length === 0 && "–"}
          </dd>
          <dt>put in</dt>
          <dd>
            {add.map((node) => (
              <NodeLink key={node} node={node} />
            ))}
            {add.length === 0 && "–"}
          </dd>
          <dt>nodes, edges</dt>
          <dd>
            {one.nodes.length}, {one.edges.length} (before: {from.nodes.length}, {from.edges.length})
          </dd>
          <dt>task loss</dt>
          <dd>
            {base?.circuit.loss.toFixed(4) ?? "…"} nat (before:{" "}
            {from.losses.select?.circuit.toFixed(4) ?? "not known"} on {from.losses.select?.pairs ?? "–"}{" "}
            pairs)
          </dd>
        </dl>
      )}
      <div class="controls">
        <CircuitPicker of="other" />
      </div>
      {second && <Comparison nodes={[one.nodes, second.nodes]} />}
    </section>
  );
}

function Comparison({
  nodes: [first, second],
}: {
  readonly nodes: readonly [readonly string[], readonly string[]];
}) {
  const [a, b] = [new Set(first), new Set(second)];
  const both = first.filter((node) => b.has(node));
  const share = both.length / (a.size + b.size - both.length || 1);
  const list = (title: string, nodes: readonly string[]) => (
    <details>
      <summary>
        {title}: {nodes.length}
      </summary>
      {nodes.map((node) => (
        <div key={node}>
          <NodeLink node={node} />
        </div>
      ))}
    </details>
  );
  return (
    <>
      <p class="note">
        {both.length} nodes in both, {formatPercent(share)} of all that are in either; the graph shows both
        circuits.
      </p>
      {list("in both", both)}
      {list(
        "only in the first",
        first.filter((node) => !b.has(node)),
      )}
      {list(
        "only in the second",
        second.filter((node) => !a.has(node)),
      )}
    </>
  );
}

interface ChoiceProps<T extends string> {
  readonly label: ComponentChildren;
  readonly value: T;
  readonly options: readonly T[];
  readonly names: Readonly<Record<T, string>>;
  readonly onValue: (value: T) => void;
}

function Choice<T extends string>({ label, value, options, names, onValue }: ChoiceProps<T>) {
  const id = useId();
  return (
    <span class="choice">
      <label for={id}>{label}</label>{" "}
      <select id={id} value={value} onChange={(event) => onValue(event.currentTarget.value as T)}>
        {options.map((option) => (
          <option key={option} value={option}>
            {names[option]}
          </option>
        ))}
      </select>
    </span>
  );
}
