/** The whole state of the explorer, as it stands in the address: `#circuit?node=1.mlp.post_act:3&off=…`. */

export const VIEWS = ["write", "circuit", "intervene", "evidence", "tour"] as const;
export type View = (typeof VIEWS)[number];

/** What runs: the whole model, the circuit alone, or everything but the circuit. */
export const SCOPES = ["model", "circuit", "complement"] as const;
export type Scope = (typeof SCOPES)[number];

export const ABLATION_KINDS = ["mean", "zero", "resample"] as const;
export type AblationKind = (typeof ABLATION_KINDS)[number];

/** What nodes of the graph are coloured by. */
export const COLOURS = ["delta", "activation", "change"] as const;
export type Colour = (typeof COLOURS)[number];

export interface Address {
  readonly view: View;
  /** null: the first of the catalogue. */
  readonly model: string | null;
  /** null: the first of the model. */
  readonly circuit: string | null;
  /** A second circuit to compare with. */
  readonly other: string | null;
  readonly node: string | null;
  /** null: a prompt of the circuit's task, or the example. */
  readonly prompt: string | null;
  /** Pair of the task, and which of its two sides. */
  readonly pair: number;
  readonly side: 0 | 1;
  /** Token of the prompt whose successor is looked at. null: the last. */
  readonly position: number | null;
  readonly sample: boolean;
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number;
  /** New tokens. */
  readonly length: number;
  readonly scope: Scope;
  /** null: the circuit's own. */
  readonly ablation: AblationKind | null;
  /** Nodes that are switched off. */
  readonly off: readonly string[];
  /** Nodes that are set to a value: `1.mlp.post_act:3=0.5`. */
  readonly set: readonly string[];
  /** Nodes taken out of the circuit, and put into it. */
  readonly drop: readonly string[];
  readonly add: readonly string[];
  /** Only this layer is shown. null: all. */
  readonly layer: number | null;
  /** Edges whose |weight| is a smaller share of the largest are hidden. */
  readonly edges: number;
  /** Nodes whose |ablation delta| is smaller, in nats, are hidden. */
  readonly nodes: number;
  readonly colour: Colour;
  /** Of the guided tour, from 0. */
  readonly step: number;
  /** Kernels to compute with: for comparing numbers. */
  readonly kernels: string;
}

export const DEFAULT_ADDRESS: Address = {
  ...{ view: "circuit", model: null, circuit: null, other: null, node: null, prompt: null, pair: 0, side: 0 },
  ...{ position: null, sample: false, temperature: 0.8, topP: 0.95, seed: 0, length: 64, scope: "model" },
  ...{
    ablation: null,
    off: [],
    set: [],
    drop: [],
    add: [],
    layer: null,
    edges: 0,
    nodes: 0,
    colour: "delta",
  },
  ...{ step: 0, kernels: "auto" },
};

type Key = Exclude<keyof Address, "view">;
type Codec = { readonly read: (text: string) => unknown; readonly write: (value: never) => string };

const text: Codec = { read: (value) => value, write: (value: string) => value };
const list: Codec = {
  read: (value) => value.split(",").filter((item) => item !== ""),
  write: (value: readonly string[]) => value.join(","),
};
const flag: Codec = { read: (value) => value === "1", write: (value: boolean) => (value ? "1" : "0") };
const number = (least: number, most: number, isInteger = false): Codec => ({
  read: (value) => {
    const parsed = Number(value);
    const isRight =
      value !== "" && parsed >= least && parsed <= most && (!isInteger || Number.isInteger(parsed));
    return isRight ? parsed : undefined;
  },
  write: (value: number) => String(Number(value.toPrecision(6))),
});
const oneOf = (options: readonly string[]): Codec => ({
  read: (value) => (options.includes(value) ? value : undefined),
  write: (value: string) => value,
});
const integer = (most = Number.MAX_SAFE_INTEGER) => number(0, most, true);

const CODECS: Readonly<Record<Key, Codec>> = {
  ...{ model: text, circuit: text, other: text, node: text, prompt: text },
  ...{ pair: integer(), side: integer(1), position: integer() },
  ...{
    sample: flag,
    temperature: number(0.01, 5),
    topP: number(0, 1),
    seed: integer(),
    length: integer(4096),
  },
  ...{ scope: oneOf(SCOPES), ablation: oneOf(ABLATION_KINDS), off: list, set: list, drop: list, add: list },
  ...{ layer: integer(), edges: number(0, 1), nodes: number(0, 1e6), colour: oneOf(COLOURS) },
  ...{ step: integer(99), kernels: oneOf(["auto", "plain", "simd", "fma"]) },
};

/** What cannot be read is at its default. */
export function parseAddress(hash: string): Address {
  const [view, query = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
  const given = new URLSearchParams(query);
  const read = Object.entries(CODECS).flatMap(([key, codec]) => {
    const value = given.get(key);
    const parsed = value === null ? undefined : codec.read(value);
    return parsed === undefined ? [] : [[key, parsed]];
  });
  const isView = (VIEWS as readonly string[]).includes(view);
  return { ...DEFAULT_ADDRESS, ...Object.fromEntries(read), ...(isView ? { view: view as View } : {}) };
}

/** Only what differs from the default is written. */
export function formatAddress(address: Address): string {
  const query = new URLSearchParams();
  for (const [key, codec] of Object.entries(CODECS)) {
    const value = address[key as Key];
    const isDefault = JSON.stringify(value) === JSON.stringify(DEFAULT_ADDRESS[key as Key]);
    if (!isDefault && value !== null) query.set(key, codec.write(value as never));
  }
  // Colons and commas need no escapes behind a `#`, and nodes are full of them.
  const written = query.toString().replaceAll("%3A", ":").replaceAll("%2C", ",").replaceAll("%3D", "=");
  return `#${address.view}${written ? `?${written}` : ""}`;
}

/** The values of nodes that are set, by node. */
export function setValues(set: readonly string[]): Map<string, number> {
  return new Map(
    set.flatMap((item): [string, number][] => {
      const [node, value] = item.split("=");
      return Number.isFinite(Number(value)) && value !== "" ? [[node, Number(value)]] : [];
    }),
  );
}

export function formatSet(values: ReadonlyMap<string, number>): string[] {
  return Array.from(values, ([node, value]) => `${node}=${Number(value.toPrecision(6))}`);
}
