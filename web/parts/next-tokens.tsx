import type { Session } from "../engine/session.js";
import { visible } from "./tokens.js";

export interface NextToken {
  readonly token: number;
  readonly probability: number;
  readonly logit: number;
}

/** The most probable tokens behind a position. @param logits `[tokens, vocab]` */
export function nextTokens(
  { data, shape }: { readonly data: Float32Array; readonly shape: readonly number[] },
  position: number,
  count: number,
): NextToken[] {
  const width = shape[1];
  const row = data.subarray(position * width, (position + 1) * width);
  const largest = row.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const sum = row.reduce((total, value) => total + Math.exp(value - largest), 0);
  return Array.from(row.keys())
    .sort((a, b) => row[b] - row[a] || a - b)
    .slice(0, count)
    .map((token) => ({ token, logit: row[token], probability: Math.exp(row[token] - largest) / sum }));
}

export interface NextTokensProps {
  readonly session: Session;
  readonly next: readonly NextToken[];
  /** Token that is really there. */
  readonly actual?: number;
  readonly caption: string;
  readonly onPick?: (token: number) => void;
}

export function NextTokens({ session, next, actual, caption, onPick }: NextTokensProps) {
  return (
    <table class="bars">
      <caption>{caption}</caption>
      <thead class="hidden">
        <tr>
          <th scope="col">Token</th>
          <th scope="col">Probability</th>
        </tr>
      </thead>
      <tbody>
        {next.map(({ token, probability, logit }) => (
          <tr key={token} class={token === actual ? "actual" : undefined} title={`logit ${logit.toFixed(3)}`}>
            <th scope="row">
              {onPick ? (
                <button type="button" class="token" title="Append it" onClick={() => onPick(token)}>
                  {visible(session.text(token))}
                </button>
              ) : (
                <span class="token">{visible(session.text(token))}</span>
              )}
            </th>
            <td>
              <span class="bar" style={{ width: `${(100 * probability).toFixed(2)}%` }} />
              <span class="bar-value">{formatPercent(probability)}</span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function formatPercent(share: number): string {
  const percent = 100 * share;
  return `${percent >= 10 ? percent.toFixed(1) : percent >= 0.01 ? percent.toFixed(2) : "< 0.01"} %`;
}
