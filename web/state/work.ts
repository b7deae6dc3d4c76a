/** What is opened and computed of the model and the circuit that the address names. */
import { computed, effect, signal } from "@preact/signals";
import type { Circuit, TaskBatch, Tensor } from "../../src/index.js";
import { fetchCircuit, type OpenedCircuit, readCircuit } from "../engine/circuits.js";
import { editCircuit } from "../engine/edit.js";
import { planRun, type Run } from "../engine/run.js";
import { type OpenProgress, Session } from "../engine/session.js";
import { FULL_PAIRS, QUICK_PAIRS, scoreRun, taskBatch, taskPrompt } from "../engine/task.js";
import { buildGraph } from "../graph/build.js";
import { layoutGraph } from "../graph/layout.js";
import { type Address, type Scope, setValues } from "./address.js";
import { pendingCount, resource } from "./resource.js";
import { keep, keysWith, recall } from "./storage.js";
import { address, entry, go } from "./store.js";
import { taskNamed } from "./tasks.js";

/** How far the model has come. null: it is not being opened. */
export const opening = signal<OpenProgress | null>(null);

let opened: Session | null = null;
const openedSession = resource(
  () => entry.value && ([entry.value, address.value.kernels] as const),
  async ([model, kernels], abort) => {
    await opened?.dispose();
    opened = null;
    opening.value = {
      phase: "download",
      loaded: 0,
      total: model.files.reduce((sum, { bytes }) => sum + bytes, 0),
    };
    try {
      opened = await Session.open(model, {
        ...{ kernels, signal: abort },
        onProgress: (progress) => {
          opening.value = progress;
        },
      });
      performance.mark("model-ready");
      return opened;
    } finally {
      opening.value = null;
    }
  },
);
export const sessionError = computed(() => openedSession.value.error);
export const session = computed(() => (openedSession.value.pending ? null : openedSession.value.value));

const readMeans = resource(
  () => session.value && ([session.value] as const),
  async ([of], abort) => {
    await of.readMeans(abort);
    return of;
  },
);
export const meansError = computed(() => readMeans.value.error);
/** The session once its means are there, or it is known that there are none. */
export const measured = computed(() => {
  const { pending, error, value } = readMeans.value;
  if (pending) return null;
  return error ? session.value : value;
});

/** Circuits that were dropped into this browser, by name. */
export const LOCAL = "local:";
export const localCircuits = signal<readonly string[]>([]);
const refreshLocal = async () => {
  localCircuits.value = await keysWith(LOCAL);
};
void refreshLocal();

/** Reads a circuit file, keeps it in this browser, and shows it. @throws when it is none */
export async function addCircuit(name: string, bytes: Uint8Array): Promise<OpenedCircuit> {
  const id = `${LOCAL}${name}`;
  const read = await readCircuit(id, name, bytes);
  await keep(id, bytes);
  await refreshLocal();
  go({ circuit: id, drop: [], add: [], off: [], set: [], node: null, layer: null });
  return read;
}

const circuitId = computed(() => address.value.circuit ?? entry.value?.circuits[0]?.id ?? null);

async function open(id: string, abort: AbortSignal): Promise<OpenedCircuit> {
  if (id.startsWith(LOCAL)) {
    const bytes = await recall<Uint8Array>(id);
    if (!bytes)
      throw new Error(`${id.slice(LOCAL.length)} is not kept in this browser: drop the file here again.`);
    return await readCircuit(id, id.slice(LOCAL.length), bytes);
  }
  const found = entry.peek()?.circuits.find((circuit) => circuit.id === id);
  if (!found) throw new Error(`There is no circuit ${id} of this model.`);
  return await fetchCircuit(found, abort);
}

/** The circuit that is looked at, as it was opened. */
export const original = resource(
  () => (entry.value && circuitId.value !== null ? ([circuitId.value, entry.value] as const) : null),
  ([id], abort) => open(id, abort),
);
export const other = resource(
  () => (entry.value && address.value.other ? ([address.value.other, entry.value] as const) : null),
  ([id], abort) => open(id, abort),
);

const key = (items: readonly string[]) => items.join(",");

const edited = resource(
  () => {
    const of = session.value;
    const from = original.value.value;
    const { drop, add } = address.value;
    if (!from || (drop.length === 0 && add.length === 0)) return null;
    return of && ([of, from.circuit, key(drop), key(add)] as const);
  },
  ([of, from]) => editCircuit(of, from, address.peek().drop, address.peek().add),
);
export const isEdited = computed(() => address.value.drop.length + address.value.add.length > 0);
/** The circuit that is looked at, with the reader's edits. */
export const circuit = computed<Circuit | null>(
  () => (isEdited.value ? edited.value.value : null) ?? original.value.value?.circuit ?? null,
);
export const circuitError = computed(() => original.value.error ?? other.value.error ?? edited.value.error);

/** Whether the model has the circuit's nodes: one of another model can only be looked at. */
export const fits = computed(() => {
  const of = session.value;
  const one = circuit.value;
  return of !== null && one !== null && of.has(one);
});

export const graph = computed(() => {
  const one = circuit.value;
  if (!one) return null;
  const streamWidth = session.value?.model.config.d_model;
  return buildGraph(one, { other: other.value.value?.circuit, layer: address.value.layer, streamWidth });
});
export const layout = resource(
  () => graph.value && ([graph.value] as const),
  async ([of]) => ({ graph: of, layout: await layoutGraph(of) }),
);

/** The circuit's task, if it is known here. */
export const task = computed(() => circuit.value && taskNamed(circuit.value.task.name));

/** Pairs of the circuit's task. null: it is not known here. */
function pairs(count: number): TaskBatch | null {
  const of = session.value;
  return of && task.value ? taskBatch(of, task.value, circuit.value!.task.templates, count) : null;
}
export const quickBatch = computed(() => pairs(QUICK_PAIRS));
export const fullBatch = () => pairs(FULL_PAIRS);

/** An example for models without a circuit. */
export const EXAMPLE = "def square_sum(xs):\n    return sum(x * x for x in xs)\n\nsquare_sum([1, 2, 3])\n";

/** The prompt that is looked at, as tokens; and its answers, where it is one of the task's. */
export const prompt = computed(() => {
  const of = session.value;
  if (!of) return null;
  const { prompt: given, pair, side } = address.value;
  const ofTask = quickBatch.value && taskPrompt(of, quickBatch.value, pair, side);
  if (given === null && ofTask) return ofTask;
  const text = given ?? EXAMPLE;
  const tokens = of.encode(text).slice(-of.model.config.block_size);
  // The answers of the task are worth a look after any prompt.
  return { text, tokens, candidates: ofTask?.candidates ?? null };
});

export const ablation = computed(() => {
  const { ablation: chosen } = address.value;
  if (chosen) return chosen;
  const own = circuit.value?.ablation ?? "mean";
  return own === "mean" && measured.value && !measured.value.means ? "zero" : own;
});

/** What runs, with the reader's interventions or without them. */
export function runOf({ off, set }: Pick<Address, "off" | "set">, scope: Scope): Run {
  return { scope, circuit: circuit.value, ablation: ablation.value, off, set: setValues(set) };
}
export const isIntervened = computed(() => address.value.off.length + address.value.set.length > 0);

const runKey = computed(() => {
  const of = measured.value;
  const { off, set, scope } = address.value;
  if (!of || (circuit.value && !fits.value)) return null;
  return [of, circuit.value, ablation.value, scope, key(off), key(set)] as const;
});

/** Scores of the run, first on a few pairs. */
export const quickScore = resource(
  () => (quickBatch.value && runKey.value ? ([...runKey.value, quickBatch.value] as const) : null),
  async (parts, abort) => {
    const of = parts[0];
    const pairsOf = parts[parts.length - 1] as TaskBatch;
    const score = await scoreRun(of, runOf(address.peek(), address.peek().scope), pairsOf, abort);
    performance.mark("quick-score");
    return score;
  },
  { coalesce: true },
);

/** Milliseconds for which nothing may change before all pairs are measured. */
const REST = 350;
export const fullScore = resource(
  () => (quickBatch.value && runKey.value ? ([...runKey.value, quickBatch.value] as const) : null),
  async ([of], abort) => {
    await new Promise((resolve) => setTimeout(resolve, REST));
    abort.throwIfAborted();
    return await scoreRun(of, runOf(address.peek(), address.peek().scope), fullBatch()!, abort);
  },
);

/** Without interventions, the same scopes: what a run is compared with. */
export const baselines = resource(
  () => {
    const of = measured.value;
    if (!of || !quickBatch.value || !fits.value) return null;
    return [of, circuit.value, ablation.value, quickBatch.value] as const;
  },
  async ([of, , , batch], abort) => {
    const score = (scope: Scope) => scoreRun(of, runOf({ off: [], set: [] }, scope), batch, abort);
    return {
      model: await score("model"),
      circuit: await score("circuit"),
      complement: await score("complement"),
    };
  },
);

/** Ablation deltas of the circuit's nodes: its own, or measured here on few pairs. null: not known. */
const measuredScores = resource(
  () => {
    const one = circuit.value;
    if (!one || one.node_scores || !fits.value || !measured.value || !quickBatch.value) return null;
    return [measured.value, one, ablation.value, quickBatch.value] as const;
  },
  async ([of, one, , batch], abort) => {
    const loss = async (off: readonly string[]) => {
      abort.throwIfAborted();
      return (await scoreRun(of, { ...runOf({ off, set: [] }, "circuit"), circuit: one }, batch, abort)).loss;
    };
    const whole = await loss([]);
    const scores: number[] = [];
    for (const node of one.nodes) scores.push((await loss([node])) - whole);
    return { circuit: one, scores };
  },
);
export const nodeScores = computed(() => {
  const one = circuit.value;
  const own = measuredScores.value.value;
  return one?.node_scores ?? (own?.circuit === one ? (own?.scores ?? null) : null);
});
/** Whether they are being measured; on the way there the circuit is shown without them. */
export const areScoresPending = computed(() => measuredScores.value.pending);
export const areScoresMeasuredHere = computed(
  () => circuit.value?.node_scores === null && nodeScores.value !== null,
);

/** What a run does with the prompt. */
export interface PromptRun {
  /** `[tokens, vocab]` */
  readonly logits: Tensor;
  /** Location → `[tokens, width]`: of the circuit's nodes. */
  readonly activations: ReadonlyMap<string, Tensor>;
}

async function runPrompt(run: Run, tokens: readonly number[], abort: AbortSignal): Promise<PromptRun> {
  const of = session.peek()!;
  const locations = new Set((run.circuit?.nodes ?? []).map((node) => node.slice(0, node.lastIndexOf(":"))));
  const { node } = address.peek();
  if (node && /^\d|final_resid/.test(node)) locations.add(node.slice(0, node.lastIndexOf(":")));
  const output = await of.model.forward(tokens, {
    ...{ ...(await planRun(of, run)), signal: abort },
    record: locations.size > 0 ? [...locations] : undefined,
  });
  return output;
}

export const promptRun = resource(
  () =>
    prompt.value && runKey.value ? ([...runKey.value, prompt.value, address.value.node] as const) : null,
  async (_, abort) => {
    const tokens = prompt.peek()!.tokens;
    return await runPrompt(runOf(address.peek(), address.peek().scope), tokens, abort);
  },
  { coalesce: true },
);
/** The same without interventions. */
export const plainRun = resource(
  () => {
    const of = measured.value;
    if (!prompt.value || !of || (circuit.value && !fits.value)) return null;
    return [
      of,
      circuit.value,
      ablation.value,
      address.value.scope,
      prompt.value,
      address.value.node,
    ] as const;
  },
  async (_, abort) => {
    return await runPrompt(runOf({ off: [], set: [] }, address.peek().scope), prompt.peek()!.tokens, abort);
  },
  { coalesce: true },
);

/** A node's activation at a token of the prompt. */
export function activationOf(run: PromptRun | null, node: string, position: number): number | null {
  const colon = node.lastIndexOf(":");
  const tensor = run?.activations.get(node.slice(0, colon));
  if (!tensor) return null;
  const [tokens, width] = tensor.shape;
  return position < tokens ? tensor.data[position * width + Number(node.slice(colon + 1))] : null;
}

export const position = computed(() => {
  const last = (prompt.value?.tokens.length ?? 1) - 1;
  return Math.min(address.value.position ?? last, last);
});

// For tests and measurements: what is on the screen is up to date.
effect(() => {
  document.documentElement.dataset.busy = String(pendingCount.value > 0 || !measured.value);
});
