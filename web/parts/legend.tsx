import { signedColour } from "./tokens.js";

export interface LegendProps {
  /** What nodes are coloured by. */
  readonly what: string;
  readonly unit: string;
  /** Value of the strongest colour. null: not known, or not yet. */
  readonly largest: number | null;
  readonly isCompared: boolean;
}

/** What the colours and lines of the graph mean. */
export function Legend({ what, unit, largest, isCompared }: LegendProps) {
  const shown = largest === null ? null : `${largest.toPrecision(2)}${unit ? ` ${unit}` : ""}`;
  return (
    <figure class="legend">
      <span class="legend-item">
        node: {what}
        {shown && (
          <span class="ramp">
            −{shown}
            {[-1, -0.5, -0.1, 0, 0.1, 0.5, 1].map((value) => (
              <i key={value} style={{ background: signedColour(value) }} />
            ))}
            +{shown}
          </span>
        )}
      </span>
      <span class="legend-item">
        <i class="shape" /> reads or writes the stream
      </span>
      <span class="legend-item">
        <i class="shape pill" /> q, k, v, neuron
      </span>
      <span class="legend-item">
        <svg width="26" height="8" aria-hidden="true">
          <path d="M1 4H25" class="positive" stroke-width="3" />
        </svg>
        weight &gt; 0
      </span>
      <span class="legend-item">
        <svg width="26" height="8" aria-hidden="true">
          <path d="M1 4H25" class="negative" stroke-width="3" />
        </svg>
        weight &lt; 0, wider and stronger by |weight|
      </span>
      <span class="legend-item">
        <svg width="26" height="8" aria-hidden="true">
          <path d="M1 4H25" class="stream" stroke-width="4" />
        </svg>
        channel of the residual stream
      </span>
      {isCompared && (
        <span class="legend-item">
          <i class="member first" /> only in the first <i class="member second" /> only in the second
        </span>
      )}
    </figure>
  );
}
