/** What is looked up about one node. */
import {
  type ActivationView,
  promptOf,
  type TaskBatch,
  type Tensor,
  viewActivations,
} from "../../src/index.js";
import { planRun, type Run } from "./run.js";
import type { Session } from "./session.js";

/** A node's activations over the prompts of a task, counted from their ends. */
export interface TaskActivations {
  readonly batch: TaskBatch;
  /** By prompt, `[tokens]`. */
  readonly prompts: readonly Float32Array[];
}

function column({ data, shape: [tokens, width] }: Tensor, channel: number): Float32Array {
  return Float32Array.from({ length: tokens }, (_, t) => data[t * width + channel]);
}

export async function taskActivations(
  session: Session,
  node: string,
  run: Run,
  batch: TaskBatch,
  signal: AbortSignal,
): Promise<TaskActivations> {
  const { name, offset } = session.index.locationOf(session.index.numberOf(node));
  const channel = session.index.numberOf(node) - offset;
  const sequences = Array.from({ length: 2 * batch.count }, (_, i) => promptOf(batch, i));
  const { activations } = await session.model.forward(sequences, {
    ...{ ...(await planRun(session, run)), record: name, logits: "none" as const, signal },
  });
  return { batch, prompts: activations.get(name)!.map((tensor) => column(tensor, channel)) };
}

const views = new WeakMap<Session, Map<string, ActivationView>>();

/** How a node is active over the pretraining documents; null: there are none. Once for each node. */
export async function pretrainingView(
  session: Session,
  node: string,
  signal: AbortSignal,
  onProgress: (share: number) => void,
): Promise<ActivationView | null> {
  const known = views.get(session) ?? new Map<string, ActivationView>();
  views.set(session, known);
  const before = known.get(node);
  if (before) return before;
  const found = await session.documents;
  if (!found) return null;
  const { documents } = found;
  const { block_size } = session.model.config;
  const sequences = { length: documents.length, at: (i: number) => documents[i].slice(0, block_size) };
  const options = {
    signal,
    onProgress: ({ done, total }: { done: number; total: number }) => onProgress(done / total),
  };
  const view = (await viewActivations(session.model, [node], sequences, options)).get(node)!;
  known.set(node, view);
  return view;
}
