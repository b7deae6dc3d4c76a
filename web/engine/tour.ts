/** Who plays which part in a circuit that carries something from an earlier token to the end: found by measuring. */
import {
  attentionPattern,
  type Circuit,
  headOf,
  promptOf,
  type TaskBatch,
  type TaskScore,
  type Tensor,
} from "../../src/index.js";
import { splitNode } from "../graph/build.js";
import { planRun, type Run } from "./run.js";
import type { Session } from "./session.js";
import { scoreRun } from "./task.js";

/** A node with its mean activation at the last token after either kind of prompt. */
export interface Heard {
  readonly node: string;
  readonly means: readonly [number, number];
}

export interface Cast {
  /** Where the two prompts of the shown pair differ first: the token that decides. */
  readonly clue: number;
  /** Value channel that differs most between the sides at the clue. */
  readonly detector: string;
  readonly layer: number;
  readonly head: number;
  /** `[tokens]` of either prompt: the detector's activations. */
  readonly detected: readonly [Float32Array, Float32Array];
  /** `[tokens]` of either prompt: weights with which the last token looks at each. */
  readonly attention: readonly [Float32Array, Float32Array];
  /** What writes the detector's value to channels of the stream: by the strongest weight first. */
  readonly writers: readonly Heard[];
  /** Nodes that read one of these channels further on. */
  readonly readers: readonly string[];
  /** Of all nodes behind the writers those that differ most between the kinds of prompts, in the order of the computation. */
  readonly heard: readonly Heard[];
}

/** So many nodes are listed. */
const LOUDEST = 6;

/** @returns null when the circuit does not work like that */
export async function findCast(
  session: Session,
  circuit: Circuit,
  run: Run,
  batch: TaskBatch,
  pair: number,
  signal: AbortSignal,
): Promise<Cast | null> {
  const values = circuit.nodes.filter((node) => /\.attn\.v:/.test(node));
  const writes = (node: string) =>
    circuit.edges
      .filter(([source, target]) => source === node && target.includes("attn.resid_delta"))
      .sort((a, b) => Math.abs(b[2]) - Math.abs(a[2]));
  const options = { ...(await planRun(session, run)), signal };
  const prompts = Array.from({ length: 2 * batch.count }, (_, i) => promptOf(batch, i));
  const record = [...new Set(circuit.nodes.map((node) => splitNode(node).location))];
  const { activations } = await session.model.forward(prompts, { ...options, record, logits: "none" });
  const read = (node: string, prompt: number) => {
    const { location, channel } = splitNode(node);
    return column(activations.get(location)![prompt], channel);
  };
  const clues = Array.from({ length: batch.count }, (_, p) =>
    prompts[2 * p].findIndex((token, i) => token !== prompts[2 * p + 1][i]),
  );
  const contrast = (node: string) =>
    Math.abs(
      clues.reduce((sum, clue, p) => sum + read(node, 2 * p)[clue] - read(node, 2 * p + 1)[clue], 0) /
        batch.count,
    );
  const [best] = values
    .filter((node) => writes(node).length > 0)
    .map((node) => ({ node, by: contrast(node) * Math.abs(writes(node)[0][2]) }))
    .sort((a, b) => b.by - a.by);
  if (!best || best.by === 0) return null;
  const detector = best.node;
  const layer = Number(/^\d+/.exec(detector)![0]);
  const { head } = headOf(session.model.config, splitNode(detector).channel);
  const mean = (node: string, side: 0 | 1) => {
    const last = Array.from({ length: batch.count }, (_, p) => read(node, 2 * p + side).at(-1)!);
    return last.reduce((sum, value) => sum + value, 0) / batch.count;
  };
  const listen = (node: string): Heard => ({ node, means: [mean(node, 0), mean(node, 1)] });
  const writers = writes(detector).map(([, target]) => listen(target));
  const channels = new Set(writers.map(({ node }) => splitNode(node).channel));
  const first = Math.min(...writers.map(({ node }) => circuit.nodes.indexOf(node)));
  const behind = circuit.nodes.slice(first).filter((node) => !writers.some((writer) => writer.node === node));
  const inputs = new Set(
    behind.filter((node) => /act_in:/.test(node) && channels.has(splitNode(node).channel)),
  );
  const readers = new Set(circuit.edges.flatMap(([source, target]) => (inputs.has(source) ? [target] : [])));
  const difference = ({ means: [one, two] }: Heard) => Math.abs(one - two);
  const loudest = behind
    .map(listen)
    .sort((one, two) => difference(two) - difference(one))
    .slice(0, LOUDEST);
  const shown = [0, 1].map((side) => 2 * (pair % batch.count) + side);
  const attention = await Promise.all(
    shown.map(async (i) => {
      const { weights, tokens } = await attentionPattern(session.model, prompts[i], { layer, head }, options);
      return weights.slice((tokens - 1) * tokens);
    }),
  );
  return {
    ...{ clue: clues[pair % batch.count], detector, layer, head, writers },
    readers: [...readers],
    detected: [read(detector, shown[0]), read(detector, shown[1])],
    attention: [attention[0], attention[1]],
    heard: loudest.sort((one, two) => circuit.nodes.indexOf(one.node) - circuit.nodes.indexOf(two.node)),
  };
}

/** The circuit as it is, without what the writers say, and with what they say after either kind of prompt. */
export interface Trials {
  readonly plain: TaskScore;
  readonly off: TaskScore;
  readonly said: readonly [TaskScore, TaskScore];
}

export async function tryWriters(
  session: Session,
  run: Run,
  batch: TaskBatch,
  { writers }: Cast,
  signal: AbortSignal,
): Promise<Trials> {
  const score = (changes: Partial<Run>) => scoreRun(session, { ...run, ...changes }, batch, signal);
  const say = (side: 0 | 1) => score({ set: new Map(writers.map(({ node, means }) => [node, means[side]])) });
  return {
    plain: await score({}),
    off: await score({ off: writers.map(({ node }) => node) }),
    said: [await say(0), await say(1)],
  };
}

function column({ data, shape: [tokens, width] }: Tensor, channel: number): Float32Array {
  return Float32Array.from({ length: tokens }, (_, t) => data[t * width + channel]);
}
