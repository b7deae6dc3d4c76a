import type { Session } from "../engine/session.js";

/** A token as it is read: what does not show gets a sign. */
export function visible(text: string): string {
  return text.replaceAll("\n", "⏎").replaceAll("\t", "⇥").replaceAll(" ", "·") || "∅";
}

export interface TokenStripProps {
  readonly session: Session;
  readonly tokens: ArrayLike<number>;
  /** The one that is looked at. */
  readonly position?: number | null;
  readonly onPick?: (position: number) => void;
  /** Colours the tokens, by sign and size; relative to `scale`. */
  readonly values?: ArrayLike<number>;
  readonly scale?: number;
  readonly label: string;
  /** Only tokens around the position. */
  readonly window?: number;
}

/** Text with its token boundaries. */
export function TokenStrip(props: TokenStripProps) {
  const { session, tokens, position = null, onPick, values, scale = 1, label, window } = props;
  const [from, to] =
    window && position !== null
      ? [Math.max(0, position - window), Math.min(tokens.length, position + Math.ceil(window / 2))]
      : [0, tokens.length];
  return (
    <fieldset class="tokens">
      <legend class="hidden">{label}</legend>
      {from > 0 && "…"}
      {Array.from({ length: to - from }, (_, offset) => {
        const i = from + offset;
        const text = session.text(tokens[i]);
        const value = values?.[i];
        const style = value === undefined ? undefined : tokenStyle(value / scale);
        const title = `token ${i}: ${JSON.stringify(text)}${value === undefined ? "" : `, ${value.toPrecision(3)}`}`;
        const breaks = Array.from(text.matchAll(/\n/g), (_, j) => <br key={`b${j}`} />);
        const shown = <span class="token-text">{visible(text)}</span>;
        return (
          <>
            {onPick ? (
              <button
                type="button"
                key={i}
                class={i === position ? "token picked" : "token"}
                aria-pressed={i === position}
                title={title}
                style={style}
                onClick={() => onPick(i)}
              >
                {shown}
              </button>
            ) : (
              <span key={i} class={i === position ? "token picked" : "token"} title={title} style={style}>
                {shown}
              </span>
            )}
            {breaks}
          </>
        );
      })}
      {to < tokens.length && "…"}
    </fieldset>
  );
}

function tokenStyle(value: number) {
  return { background: signedColour(value), color: textOn(value) };
}

/**
 * Colour of what is written on that of a value, whichever is told apart better: the opposite of the text's on what is strong, which in
 * the dark theme begins earlier.
 */
export function textOn(value: number): string | undefined {
  const size = Math.abs(value);
  return size > 0.7 ? "var(--surface)" : size > 0.5 ? "var(--on-strong)" : undefined;
}

/** Sign by hue, strength by lightness. @param value from -1 to 1 */
export function signedColour(value: number): string {
  const strength = Math.min(1, Math.abs(value)) ** 0.7;
  const hue = value < 0 ? "var(--negative)" : "var(--positive)";
  return `color-mix(in oklab, ${hue} ${(100 * strength).toFixed(0)}%, var(--neutral))`;
}
