import { computed, signal } from "@preact/signals";
import { NextTokens, nextTokens } from "../parts/next-tokens.js";
import { TokenStrip } from "../parts/tokens.js";
import { messageOf, resource } from "../state/resource.js";
import { address, go } from "../state/store.js";
import { EXAMPLE, prompt, session } from "../state/work.js";

const run = resource(
  () => (session.value && prompt.value?.tokens.length ? ([session.value, prompt.value] as const) : null),
  async ([{ model }, { tokens }], abort) => (await model.forward(tokens, { signal: abort })).logits,
  { coalesce: true },
);
const last = computed(() => (prompt.value?.tokens.length ?? 1) - 1);
const at = computed(() => Math.min(address.value.position ?? last.value, last.value));

/** What was generated. */
const output = signal<{ text: string; note: string } | null>(null);
const generating = signal<AbortController | null>(null);

async function generate(): Promise<void> {
  const of = session.peek();
  const { tokens } = prompt.peek()!;
  if (!of) return;
  const { sample, temperature, topP, seed, length } = address.peek();
  const controller = new AbortController();
  generating.value = controller;
  output.value = { text: "", note: "" };
  try {
    const stream = of.model.stream(tokens, {
      ...{ maxNewTokens: length, signal: controller.signal },
      ...(sample ? { doSample: true, temperature, topP, topK: 0, seed } : {}),
    });
    for (;;) {
      const step = await stream.next();
      if (step.done) {
        const { tokens: made, timing, finishReason } = step.value;
        const speed = timing.tokensPerSecond.toFixed(0);
        const end = finishReason === "length" ? "" : `, ended: ${finishReason}`;
        output.value = { text: output.peek()!.text, note: `${made.length} tokens, ${speed} tokens/s${end}` };
        break;
      }
      output.value = { text: output.peek()!.text + step.value, note: "" };
    }
  } catch (error) {
    const note = controller.signal.aborted ? "stopped" : messageOf(error);
    output.value = { text: output.peek()?.text ?? "", note };
  } finally {
    generating.value = null;
  }
}

export function WriteView() {
  const of = session.value;
  const looked = prompt.value;
  const { position, sample, temperature, topP, seed, length } = address.value;
  const text = address.value.prompt ?? looked?.text ?? EXAMPLE;
  const logits = run.value.value;
  const isThere = of && looked && logits && at.value < logits.shape[0] && looked.tokens.length > 0;
  return (
    <div class="write">
      <section aria-labelledby="prompt-title">
        <h2 id="prompt-title">Prompt</h2>
        <textarea
          aria-labelledby="prompt-title"
          rows={7}
          spellcheck={false}
          value={text}
          onInput={(event) => go({ prompt: event.currentTarget.value, position: null })}
          onKeyDown={(event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) generate();
          }}
        />
        <form
          class="controls"
          onSubmit={(event) => {
            event.preventDefault();
            generate();
          }}
        >
          {generating.value ? (
            <button type="button" class="primary" onClick={() => generating.value?.abort()}>
              Stop
            </button>
          ) : (
            <button type="submit" class="primary" disabled={!of || !looked?.tokens.length}>
              Write on
            </button>
          )}
          <NumberField
            label="new tokens"
            value={length}
            min={1}
            max={4096}
            step={1}
            onValue={(value) => go({ length: value })}
          />
          <label>
            <input
              type="checkbox"
              checked={sample}
              onChange={(event) => go({ sample: event.currentTarget.checked })}
            />{" "}
            sample
          </label>
          {sample && (
            <>
              <NumberField
                label="temperature"
                value={temperature}
                min={0.05}
                max={5}
                step={0.05}
                onValue={(value) => go({ temperature: value })}
              />
              <NumberField
                label="top-p"
                value={topP}
                min={0.05}
                max={1}
                step={0.05}
                onValue={(value) => go({ topP: value })}
              />
              <NumberField
                label="seed"
                value={seed}
                min={0}
                max={1e9}
                step={1}
                onValue={(value) => go({ seed: value })}
              />
            </>
          )}
        </form>
        {output.value && (
          <section class="output" aria-label="What the model wrote">
            <pre aria-live="polite">
              <span class="given">{looked?.text}</span>
              <span class="written">{output.value.text}</span>
            </pre>
            <p class="note">
              {output.value.note || "writing …"}{" "}
              {output.value.text && !generating.value && (
                <button
                  type="button"
                  onClick={() => {
                    go({ prompt: looked!.text + output.peek()!.text, position: null });
                    output.value = null;
                  }}
                >
                  Make it the prompt
                </button>
              )}
            </p>
          </section>
        )}
      </section>
      <section aria-labelledby="tokens-title">
        <h2 id="tokens-title">
          Tokens{" "}
          <small>{looked ? `${looked.tokens.length} of at most ${of?.model.config.block_size}` : ""}</small>
        </h2>
        {of && looked && (
          <TokenStrip
            session={of}
            tokens={looked.tokens}
            position={at.value}
            label="Tokens of the prompt: choose one to see what the model expects behind it"
            onPick={(picked) => go({ position: picked === last.peek() ? null : picked })}
          />
        )}
        <h2>Next token</h2>
        {run.value.error && <p class="problem">{run.value.error}</p>}
        {isThere ? (
          <NextTokens
            session={of}
            next={nextTokens(logits, at.value, 12)}
            actual={looked.tokens[at.value + 1]}
            caption={
              position === null || position >= last.value
                ? "Probability of each token behind the prompt"
                : `Probability of each token behind token ${at.value}; what is really there is outlined`
            }
            onPick={(token) =>
              go({ prompt: of.decode([...looked.tokens.slice(0, at.peek() + 1), token]), position: null })
            }
          />
        ) : (
          <p class="note">
            {looked && looked.tokens.length === 0 ? "Write a prompt." : "Waiting for the model …"}
          </p>
        )}
      </section>
    </div>
  );
}

interface NumberFieldProps {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly onValue: (value: number) => void;
}

function NumberField({ label, value, min, max, step, onValue }: NumberFieldProps) {
  return (
    <label>
      {label}{" "}
      <input
        type="number"
        {...{ value, min, max, step }}
        onChange={(event) => {
          const { valueAsNumber } = event.currentTarget;
          if (valueAsNumber >= min && valueAsNumber <= max) onValue(valueAsNumber);
          else event.currentTarget.value = String(value);
        }}
      />
    </label>
  );
}
