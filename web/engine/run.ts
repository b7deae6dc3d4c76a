import {
  alsoAblated,
  type Circuit,
  circuitAblation,
  type HookOptions,
  type NodeAblation,
  SparseLensError,
} from "../../src/index.js";
import type { AblationKind, Scope } from "../state/address.js";
import type { Session } from "./session.js";

/** What is computed: the model or a part of it, with some nodes switched off or set to values. */
export interface Run {
  readonly scope: Scope;
  readonly circuit: Circuit | null;
  /** What takes the place of what is ablated. */
  readonly ablation: AblationKind;
  readonly off: readonly string[];
  readonly set: ReadonlyMap<string, number>;
}

/** For `forward`, `generate` and `candidateLogits`. */
export type RunOptions = Pick<HookOptions, "ablation" | "interventions">;

/** The ablations that circuits stand for: those with pruned edges take a look at all weights. */
const known = new WeakMap<Circuit, Map<string, Promise<NodeAblation>>>();

export async function planRun(session: Session, run: Run): Promise<RunOptions> {
  const { scope, circuit, ablation, off, set } = run;
  const { means, index } = session;
  if (ablation === "mean" && !means && (off.length > 0 || scope !== "model")) {
    throw new SparseLensError(
      "Mean ablation needs the means of the nodes, which did not come with this model: ablate by zero.",
    );
  }
  const isAblated = off.length > 0 || (scope !== "model" && circuit !== null);
  const resampleFrom = isAblated && ablation === "resample" ? await sequencesOf(session) : undefined;
  let before: NodeAblation = { channels: {}, resampleFrom };
  if (scope !== "model" && circuit) {
    const options = { ablation, means, complement: scope === "complement", resampleFrom };
    const ablations = known.get(circuit) ?? new Map<string, Promise<NodeAblation>>();
    known.set(circuit, ablations);
    const key = `${scope} ${ablation}`;
    const made = ablations.get(key) ?? circuitAblation(session.model, circuit, options);
    ablations.set(key, made);
    before = await made;
  }
  const nodes = off.filter((node) => !set.has(node)).map((node) => index.numberOf(node));
  return {
    ablation: isAblated ? alsoAblated(before, index, nodes, ablation, means) : undefined,
    interventions: interventionsOf(session, set),
  };
}

/** The same run without what generating cannot do: what would be resampled is at its mean. */
export function planGeneration(session: Session, run: Run): Promise<RunOptions> {
  const isResampled = run.ablation === "resample";
  return planRun(session, isResampled ? { ...run, ablation: session.means ? "mean" : "zero" } : run);
}

function interventionsOf({ index }: Session, set: ReadonlyMap<string, number>): RunOptions["interventions"] {
  if (set.size === 0) return undefined;
  const values = new Map(Array.from(set, ([node, value]) => [index.numberOf(node), value]));
  return Object.fromEntries(
    [...index.byLocation(values.keys())].map(([{ name, offset }, channels]) => [
      name,
      { channels, value: channels.map((channel) => values.get(offset + channel)!) },
    ]),
  );
}

async function sequencesOf(session: Session): Promise<readonly (readonly number[])[]> {
  const found = await session.documents;
  if (found) return found.documents;
  throw new SparseLensError("Resampling needs documents, which did not come with this model.");
}
