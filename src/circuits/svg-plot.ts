/** Plots as SVG: the two kinds that an audit draws. */

/** A value to compare with, drawn as a line. */
export interface ReferenceLine {
  readonly label: string;
  readonly value: number;
}

export interface BarPlot {
  readonly title: string;
  /** Of the values. */
  readonly axis: string;
  /** From the top; `null`: nothing was measured. */
  readonly bars: readonly { readonly label: string; readonly value: number | null; readonly text?: string }[];
  readonly lines?: readonly ReferenceLine[];
}

export interface PointPlot {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly vertical?: readonly ReferenceLine[];
  readonly horizontal?: readonly ReferenceLine[];
}

const WIDTH = 720;
const TOP = 40;
const RIGHT = 24;
const BOTTOM = 48;
const BAR = 22;
// Colours of Okabe and Ito's palette: colour-blind readers tell them apart.
const INK = "#24292f";
const FAINT = "#d0d7de";
const BLUE = "#0072b2";
const ORANGE = "#d55e00";
/** Width of a letter, about. */
const LETTER = 6.6;

/** Horizontal bars, each with its value. */
export function barPlot({ title, axis, bars, lines = [] }: BarPlot): string {
  const left = 24 + LETTER * Math.max(4, ...bars.map(({ label }) => label.length));
  const bottom = TOP + 16 * lines.length + BAR * bars.length;
  const values = [...bars.flatMap(({ value }) => value ?? []), ...lines.map(({ value }) => value)];
  const scale = linearScale([0, ...values], [left, WIDTH - RIGHT - 56]);
  const rows = bars.flatMap(({ label, value, text: given }, i) => {
    const y = TOP + 16 * lines.length + BAR * i;
    const name = text(left - 8, y + BAR / 2 + 4, label, { anchor: "end" });
    if (value === null) return [name, text(scale.at(0) + 6, y + BAR / 2 + 4, given ?? "not measured")];
    const [from, to] = [Math.min(scale.at(0), scale.at(value)), Math.max(scale.at(0), scale.at(value))];
    return [
      name,
      `<rect x="${round(from)}" y="${y + 4}" width="${round(to - from)}" height="${BAR - 8}" fill="${BLUE}"/>`,
      text(to + 6, y + BAR / 2 + 4, given ?? short(value)),
    ];
  });
  return document(title, bottom + BOTTOM, [
    ...xAxis(scale, TOP + 16 * lines.length, bottom, axis),
    ...rows,
    ...lines.flatMap((line, i) => verticalLine(scale, line, TOP + 16 * i, bottom)),
  ]);
}

/** Points in a plane. */
export function pointPlot({ title, x, y, points, vertical = [], horizontal = [] }: PointPlot): string {
  const [left, height] = [64, 240];
  const top = TOP + 16 * vertical.length + 8;
  const bottom = top + height;
  const across = linearScale(
    [0, ...points.map(([value]) => value), ...vertical.map(({ value }) => value)],
    [left, WIDTH - RIGHT - 8],
  );
  const up = linearScale(
    [0, ...points.map(([, value]) => value), ...horizontal.map(({ value }) => value)],
    [bottom, top],
  );
  return document(title, bottom + BOTTOM, [
    ...xAxis(across, top, bottom, x),
    ...up.ticks.flatMap((tick) => [
      segment(left, up.at(tick), WIDTH - RIGHT - 8, up.at(tick), FAINT),
      text(left - 8, up.at(tick) + 4, short(tick), { anchor: "end" }),
    ]),
    text(left, TOP - 2 + 16 * vertical.length, y),
    ...points.map(
      ([a, b]) =>
        `<circle cx="${round(across.at(a))}" cy="${round(up.at(b))}" r="3.5" fill="${BLUE}" fill-opacity="0.6"/>`,
    ),
    ...vertical.flatMap((line, i) => verticalLine(across, line, TOP - 12 + 16 * i, bottom)),
    ...horizontal.flatMap(({ label, value }) => [
      segment(left, up.at(value), WIDTH - RIGHT - 8, up.at(value), ORANGE, "4 3"),
      text(WIDTH - RIGHT - 10, up.at(value) - 5, label, { anchor: "end", fill: ORANGE }),
    ]),
  ]);
}

interface Scale {
  readonly ticks: readonly number[];
  at(value: number): number;
}

/** From a little below the smallest value to the largest, in round steps. */
function linearScale(values: readonly number[], [from, to]: readonly [number, number]): Scale {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const rough = (most - least || 1) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough)!;
  const [first, last] = [Math.floor(least / step), Math.max(Math.ceil(most / step), 1)];
  return {
    ticks: Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step),
    at: (value) => from + ((value / step - first) / (last - first)) * (to - from),
  };
}

function xAxis(scale: Scale, top: number, bottom: number, label: string): string[] {
  return [
    ...scale.ticks.flatMap((tick) => [
      segment(scale.at(tick), top, scale.at(tick), bottom, FAINT),
      text(scale.at(tick), bottom + 16, short(tick), { anchor: "middle" }),
    ]),
    text(WIDTH - RIGHT, bottom + 36, label, { anchor: "end" }),
  ];
}

function verticalLine(scale: Scale, { label, value }: ReferenceLine, top: number, bottom: number): string[] {
  const x = scale.at(value);
  const isRight = x > WIDTH / 2;
  return [
    segment(x, top, x, bottom, ORANGE, "4 3"),
    text(x + (isRight ? -5 : 5), top + 10, label, { anchor: isRight ? "end" : "start", fill: ORANGE }),
  ];
}

function segment(x1: number, y1: number, x2: number, y2: number, color: string, dashes?: string): string {
  const dashed = dashes === undefined ? "" : ` stroke-dasharray="${dashes}"`;
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="${color}"${dashed}/>`;
}

function text(
  x: number,
  y: number,
  content: string,
  { anchor = "start", fill = INK }: { readonly anchor?: string; readonly fill?: string } = {},
): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="${fill}">${escaped(content)}</text>`;
}

function document(title: string, height: number, content: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12" role="img" aria-label="${escaped(title)}">
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
<text x="12" y="20" font-size="14" font-weight="bold" fill="${INK}">${escaped(title)}</text>
${content.join("\n")}
</svg>
`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function round(value: number): number {
  return Math.round(10 * value) / 10;
}
